#!/usr/bin/env bash
# The shop in as many instances as there are ports, behind systemd.
# Parameters: DATABASE_PASSWORD, REDIS_PASSWORD, RELEASE, PORTS
. /root/setup/scripts/lib.sh

id shop >/dev/null 2>&1 || useradd --system --home-dir /srv/shop --shell /usr/sbin/nologin shop
release=/srv/shop/releases/$RELEASE
if [ ! -d "$release" ]; then
  mkdir -p "$release.part"
  tar -xzf "$setup/shop.tar.gz" -C "$release.part" --no-same-owner
  mv "$release.part" "$release"
fi

changed=0
umask 077
cat > "$setup/environment" <<ENVIRONMENT
NODE_ENV=production
DATABASE_URL=postgres://girlycrea:$DATABASE_PASSWORD@127.0.0.1:5432/girlycrea
REDIS_URL=redis://default:$REDIS_PASSWORD@localhost/0?path=/run/redis/redis-server.sock
SHOP_SIDE=blue
SHOP_RELEASE=$RELEASE
ENVIRONMENT
put 0640 root:shop "$setup/environment" /etc/shop/environment && changed=1
put 0644 root:root "$setup/files/shop@.service" /etc/systemd/system/shop@.service && changed=1
rm -f "$setup/environment"
if [ "$(readlink /srv/shop/current || true)" != "$release" ]; then
  ln -sfn "$release" /srv/shop/current
  changed=1
fi
systemctl daemon-reload
units=()
for port in $PORTS; do units+=("shop@$port"); done
systemctl enable --quiet "${units[@]}"
if [ "$changed" = 1 ]; then systemctl restart "${units[@]}"; else systemctl start "${units[@]}"; fi

for port in $PORTS; do
  for _ in $(seq 100); do
    curl -fsS -o /dev/null --max-time 2 "http://127.0.0.1:$port/api/health" 2>/dev/null && continue 2
    sleep 0.1
  done
  echo "shop@$port is not healthy 10 s after its start; its log: journalctl -u shop@$port" >&2
  journalctl -u "shop@$port" -n 20 --no-pager >&2
  exit 1
done
