#!/usr/bin/env bash
# Usage: auth DATABASE. Makes the role and the function PgBouncer asks for secrets with; the database must exist.
set -euo pipefail
cd /
setpriv --reuid=postgres --regid=postgres --init-groups psql -X -q -v ON_ERROR_STOP=1 -d "$1" </etc/bascule/pgbouncer/auth.sql
