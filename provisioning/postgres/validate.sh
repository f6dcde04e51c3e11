#!/usr/bin/env bash
# Usage: validate VERSION STAGED_CONF_D. Lets PostgreSQL read the cluster's own file followed by the staged ones, without starting.
set -euo pipefail
version=$1 staged=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp "$staged"/*.conf "$scratch"
grep -v '^include_dir' "/etc/postgresql/$version/main/postgresql.conf" >"$scratch/postgresql"
for part in "$scratch"/*.conf; do echo "include '$part'" >>"$scratch/postgresql"; done
chown -R postgres "$scratch"
setpriv --reuid=postgres --regid=postgres --init-groups "/usr/lib/postgresql/$version/bin/postgres" \
  -C max_connections -c "config_file=$scratch/postgresql" >/dev/null
