#!/usr/bin/env bash
# Usage: health URL. Only a 200 counts.
set -euo pipefail
status=$(curl -s -o /dev/null -w '%{http_code}' --max-time 3 "$1") || true
[ "$status" = 200 ] || { echo "$1 answers $status instead of 200 (000: no answer)" >&2; exit 1; }
