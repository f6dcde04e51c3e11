#!/usr/bin/env bash
# Usage: probe ENGINE MAXMEMORY POLICY. Asks the running server, so that a setting which was only written is found out.
set -euo pipefail
engine=$1 maxmemory=$2 policy=$3
# The password comes from a file of root's, never through argv; the clients of both engines read this variable.
set -a
. /etc/bascule/redis/auth
set +a
ask() { "$engine-cli" -h 127.0.0.1 -p 6379 --no-auth-warning "$@"; }
[ "$(ask ping)" = PONG ] || { echo "no PONG from 127.0.0.1:6379; see: journalctl -u $engine-server" >&2; exit 1; }
running=$(ask config get maxmemory | tail -n 1) wanted=$maxmemory
[ "$running" = "$wanted" ] || { echo "maxmemory is $running, expected $wanted" >&2; exit 1; }
running=$(ask config get maxmemory-policy | tail -n 1) wanted=$policy
[ "$running" = "$wanted" ] || { echo "maxmemory-policy is $running, expected $wanted" >&2; exit 1; }
