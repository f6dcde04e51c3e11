#!/usr/bin/env bash
# Usage: health URL [SECONDS]. Only a 200 counts; with SECONDS it asks again, twenty times a second, until it has one.
set -euo pipefail
deadline=$((SECONDS + ${2:-0}))
while :; do
  status=$(curl -s -o /dev/null -w '%{http_code}' --max-time 3 "$1") || true
  [ "$status" = 200 ] && exit 0
  [ "$SECONDS" -lt "$deadline" ] || break
  sleep 0.05
done
echo "$1 answers $status instead of 200 (000: no answer)" >&2
exit 1
