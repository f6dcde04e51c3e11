#!/usr/bin/env bash
# Usage: admin. Makes the administrator's role what admin.sql says, which goes in by standard input: argv can be read by all.
set -euo pipefail
cd /
setpriv --reuid=postgres --regid=postgres --init-groups psql -X -q -v ON_ERROR_STOP=1 -d postgres </etc/bascule/postgres/admin.sql
