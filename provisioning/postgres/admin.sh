#!/usr/bin/env bash
# Usage: admin. Makes the administrator's role what admin.sql says; its secret goes in by standard input: argv can be read by all.
set -euo pipefail
cd /
{
  printf "\\\\set secret '%s'\n" "$(</etc/bascule/postgres/admin-secret)"
  cat /etc/bascule/postgres/admin.sql
} | setpriv --reuid=postgres --regid=postgres --init-groups psql -X -q -v ON_ERROR_STOP=1 -d postgres
