#!/usr/bin/env bash
# Holds writes in front of the shop, or lets them through again. Comes back when no write is under way any more.
# Parameters: HOLD (on|off), DOMAIN, PORTS
. /root/setup/scripts/lib.sh

flag=/etc/nginx/hold-writes
if [ "$HOLD" = off ]; then
  rm -f "$flag"
  exit 0
fi
touch "$flag"
# Written is not applied: ask as a user would.
status=$(curl -sk -o /dev/null -w '%{http_code}' --max-time 5 --resolve "$DOMAIN:443:127.0.0.1" -X POST "https://$DOMAIN/api/hold-probe")
if [ "$status" != 503 ]; then
  rm -f "$flag"
  echo "nginx answered $status to a write with $flag present, expected 503; writes are not held" >&2
  exit 1
fi
for _ in $(seq 100); do
  busy=0
  for port in $PORTS; do
    under_way=$(curl -fsS --max-time 2 "http://127.0.0.1:$port/metrics" | sed -n 's/^shop_writes_under_way\({.*}\)\? //p')
    if [ "${under_way:-unknown}" != 0 ]; then busy=1; fi
  done
  if [ "$busy" = 0 ]; then exit 0; fi
  sleep 0.1
done
rm -f "$flag"
echo "writes were still under way 10 s after new ones were held; writes go on, nothing was changed" >&2
exit 1
