#!/usr/bin/env bash
# The public side: nginx before the instances, with a certificate that lego fetches over HTTP.
# Parameters: DOMAIN, EMAIL, DIRECTORY, DIRECTORY_CA (PEM, may be empty), PORTS
. /root/setup/scripts/lib.sh

site=/etc/nginx/sites-enabled/shop
lego=/etc/lego
certificate=$lego/certificates/$DOMAIN.crt
rm -f /etc/nginx/sites-enabled/default
mkdir -p /var/www/acme/.well-known/acme-challenge "$lego"
printf '%s' "$DIRECTORY_CA" > "$lego/directory-ca.pem"
cat > "$lego/environment" <<ENVIRONMENT
LEGO_SERVER=$DIRECTORY
LEGO_EMAIL=$EMAIL
LEGO_DOMAIN=$DOMAIN
ENVIRONMENT
if [ -n "$DIRECTORY_CA" ]; then echo "LEGO_CA_CERTIFICATES=$lego/directory-ca.pem" >> "$lego/environment"; fi

# render FILE...: fills in the domain and the ports, checks the whole configuration, reloads; the old files return if it is refused.
render() {
  cp -a "$site" "$setup/site.before" 2>/dev/null || : > "$setup/site.before"
  servers=
  for port in $PORTS; do servers+="  server 127.0.0.1:$port max_fails=0;\n"; done
  cat "$@" | sed -e "s/@DOMAIN@/$DOMAIN/g" -e "s/@SERVERS@/$servers/" > "$site"
  if ! nginx -t -q; then cp -a "$setup/site.before" "$site"; return 1; fi
  systemctl enable --quiet nginx
  systemctl reload-or-restart nginx
}

put 0755 root:root "$setup/files/lego-certificate" /usr/local/sbin/lego-certificate || true
put 0644 root:root "$setup/files/lego-certificate.service" /etc/systemd/system/lego-certificate.service || true
put 0644 root:root "$setup/files/lego-certificate.timer" /etc/systemd/system/lego-certificate.timer || true
if [ ! -s "$certificate" ]; then
  # Port 80 first: the certificate authority asks there before there is anything to serve on 443.
  render "$setup/files/site-http.conf"
  /usr/local/sbin/lego-certificate
fi
render "$setup/files/site-http.conf" "$setup/files/site-https.conf"
systemctl daemon-reload
systemctl enable --quiet --now lego-certificate.timer
