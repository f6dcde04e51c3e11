#!/usr/bin/env bash
# Redis for sessions, carts and cache: the shop's own user, and one of the move's own, since a move takes the right to write from the
# shop's for a moment.
# Parameters: REDIS_PASSWORD, MOVE_PASSWORD
. /root/setup/scripts/lib.sh

conf=/etc/redis
hash() { printf '%s' "$1" | sha256sum | cut -d' ' -f1; }
umask 077
{
  cat "$setup/files/redis.conf"
  echo "user default on #$(hash "$REDIS_PASSWORD") ~* &* +@all"
  echo "user bascule on #$(hash "$MOVE_PASSWORD") ~* &* +@all"
} > "$setup/redis.conf"
changed=0
# The key is its group's otherwise, to which Redis does not belong.
put 0400 redis:redis /etc/ssl/private/ssl-cert-snakeoil.key "$conf/tls.key" && changed=1
put 0640 redis:redis "$setup/redis.conf" "$conf/girlycrea.conf" && changed=1
rm -f "$setup/redis.conf"
# At the end, where it has the last word over Debian's own settings.
grep -q '^include /etc/redis/girlycrea.conf' "$conf/redis.conf" || echo 'include /etc/redis/girlycrea.conf' >> "$conf/redis.conf"
# A start anew would forget what a move has set, so it is only made for a change.
if [ "$changed" = 1 ]; then systemctl restart redis-server; else systemctl start redis-server; fi
systemctl enable --quiet redis-server
