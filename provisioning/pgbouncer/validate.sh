#!/usr/bin/env bash
# Usage: validate STAGED_FOLDER. PgBouncer has no test mode: start a copy of the staged configuration on a socket of its own, as
# the user it will run as, and see whether it listens.
set -euo pipefail
staged=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
sed -e "s|^listen_addr .*|listen_addr =|" -e "s|^unix_socket_dir .*|unix_socket_dir = $scratch|" \
  -e "s|^pidfile .*|pidfile = $scratch/pid|" -e "s|^auth_file .*|auth_file = $scratch/clients.txt|" \
  -e "s|^%include .*|%include $scratch/writer.ini|" "$staged/pgbouncer.ini" >"$scratch/pgbouncer.ini"
if writer=$(sed -n 's|^%include ||p' "$staged/pgbouncer.ini") && [ -n "$writer" ]; then
  cp "$staged/clients.txt" "$scratch/clients.txt"
  cp "$staged/writers/$(basename "$(readlink "$writer")")" "$scratch/writer.ini"
  if [ -e "$staged/blue-authority.pem" ]; then
    cp "$staged/blue-authority.pem" "$scratch/authority.pem"
    sed -i "s|^server_tls_ca_file .*|server_tls_ca_file = $scratch/authority.pem|" "$scratch/pgbouncer.ini"
  fi
fi
chown -R postgres "$scratch"
setpriv --reuid=postgres --regid=postgres --init-groups pgbouncer "$scratch/pgbouncer.ini" >"$scratch/log" 2>&1 &
child=$!
listening=no
for _ in $(seq 100); do
  if compgen -G "$scratch/.s.PGSQL.*" >/dev/null; then listening=yes; break; fi
  kill -0 "$child" 2>/dev/null || break
  sleep 0.05
done
kill -INT "$child" 2>/dev/null || true
wait "$child" || true
# PgBouncer starts in spite of a setting it does not understand in some versions, so the log decides too.
if [ "$listening" = no ] || grep -Eq ' (ERROR|FATAL) ' "$scratch/log"; then
  echo "pgbouncer does not accept the new configuration:" >&2
  cat "$scratch/log" >&2
  exit 1
fi
