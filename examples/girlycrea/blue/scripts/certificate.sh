#!/usr/bin/env bash
# A certificate that lego fetches over HTTP through nginx, and the timer that renews it.
# Parameters: DOMAIN, EMAIL, DIRECTORY, DIRECTORY_CA (PEM, may be empty)
. /root/setup/scripts/lib.sh

lego=/etc/lego
rm -f /etc/nginx/sites-enabled/default
mkdir -p /var/www/acme/.well-known/acme-challenge "$lego"
printf '%s' "$DIRECTORY_CA" > "$lego/directory-ca.pem"
cat > "$lego/environment" <<ENVIRONMENT
LEGO_SERVER=$DIRECTORY
LEGO_EMAIL=$EMAIL
LEGO_DOMAIN=$DOMAIN
ENVIRONMENT
if [ -n "$DIRECTORY_CA" ]; then echo "LEGO_CA_CERTIFICATES=$lego/directory-ca.pem" >> "$lego/environment"; fi
put 0755 root:root "$setup/files/lego-certificate" /usr/local/sbin/lego-certificate || true
put 0644 root:root "$setup/files/lego-certificate.service" /etc/systemd/system/lego-certificate.service || true
put 0644 root:root "$setup/files/lego-certificate.timer" /etc/systemd/system/lego-certificate.timer || true

if [ ! -s "$lego/certificates/$DOMAIN.crt" ]; then
  # Port 80 first: the authority asks there before there is anything to serve on 443. A restart, because after a reload the
  # old workers still answer for a moment, and the authority asks at once.
  PORTS= nginx_site restart "$setup/files/site-http.conf"
  /usr/local/sbin/lego-certificate
fi
systemctl daemon-reload
systemctl enable --quiet --now lego-certificate.timer
