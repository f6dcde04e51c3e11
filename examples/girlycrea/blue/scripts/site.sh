#!/usr/bin/env bash
# The public side: nginx before the instances, with the certificate that certificate.sh has fetched.
# Parameters: DOMAIN, PORTS
. /root/setup/scripts/lib.sh

nginx_site reload-or-restart "$setup/files/site-http.conf" "$setup/files/site-https.conf"
for _ in $(seq 50); do
  curl -fsSk -o /dev/null --max-time 5 --resolve "$DOMAIN:443:127.0.0.1" "https://$DOMAIN/api/health" 2>/dev/null && exit 0
  sleep 0.1
done
echo "https://$DOMAIN/api/health does not answer 5 s after nginx took its configuration" >&2
exit 1
