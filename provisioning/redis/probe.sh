#!/usr/bin/env bash
# Usage: probe ENGINE PORT CONFIGURATION. Asks the running server, so that a setting which was only written is found out.
set -euo pipefail
engine=$1 port=$2 configuration=$3
# The password comes from a file of root's, never through argv; the clients of both engines read this variable.
set -a
. /etc/bascule/redis/monitor
set +a
ask() { "$engine-cli" -h 127.0.0.1 -p "$port" --no-auth-warning --user monitor "$@"; }
[ "$(ask ping)" = PONG ] || { echo "no PONG from 127.0.0.1:$port; see: journalctl -u '$engine-server*'" >&2; exit 1; }
# How it is started and who may log in are no settings it would tell.
wanted=$(grep -Ev '^(user|daemonize|supervised|save) ' "$configuration")
mapfile -t names < <(cut -d' ' -f1 <<<"$wanted")
running=$(ask config get "${names[@]}" | paste -d' ' - -)
wrong=$(comm -23 <(sort <<<"$wanted") <(sort <<<"$running"))
[ -z "$wrong" ] || { echo "port $port does not run with: $wrong" >&2; exit 1; }
# Nobody without a name: the user default is off.
stranger=$(env -u REDISCLI_AUTH "$engine-cli" -h 127.0.0.1 -p "$port" ping 2>&1 || true)
[[ $stranger == *NOAUTH* ]] || { echo "port $port answers a client without a password: $stranger" >&2; exit 1; }
