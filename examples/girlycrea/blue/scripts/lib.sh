# Opens every script here: fail on the first error, and take the parameters from standard input, where `ps` does not see them.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
setup=/root/setup
eval "$(cat)"

# put MODE OWNER FILE TARGET: installs a file and succeeds (0) only if that changed something.
put() {
  if [ -f "$4" ] && cmp -s "$3" "$4"; then return 1; fi
  install -D -m "$1" -o "${2%:*}" -g "${2#*:}" "$3" "$4"
}

# nginx_site VERB FILE...: fills in DOMAIN and PORTS, checks the whole configuration, and has nginx take it (reload-or-restart,
# restart); the old file returns if it is refused.
nginx_site() {
  local verb=$1 site=/etc/nginx/sites-enabled/shop servers= port
  shift
  cp -a "$site" "$setup/site.before" 2>/dev/null || : > "$setup/site.before"
  for port in $PORTS; do servers+="  server 127.0.0.1:$port max_fails=0;\n"; done
  cat "$@" | sed -e "s/@DOMAIN@/$DOMAIN/g" -e "s/@SERVERS@/$servers/" > "$site"
  if ! nginx -t -q; then
    cp -a "$setup/site.before" "$site"
    return 1
  fi
  systemctl enable --quiet nginx
  systemctl "$verb" nginx
}
