#!/usr/bin/env bash
# Usage: validate VERSION STAGED_FOLDER. Lets PostgreSQL read the staged settings, without starting.
set -euo pipefail
version=$1 staged=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp -r "$staged/." "$scratch"
chown -R postgres "$scratch"
setpriv --reuid=postgres --regid=postgres --init-groups "/usr/lib/postgresql/$version/bin/postgres" \
  -C max_connections -c "config_file=$scratch/postgresql.conf" >/dev/null
