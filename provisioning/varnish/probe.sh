#!/usr/bin/env bash
# Usage: probe ADDRESS PRINT. A VCL that does not compile leaves the old one at work, so the running one is asked who it is.
set -euo pipefail
running=$(curl -sS --max-time 2 "http://$1/.well-known/cache")
[ "$running" = "$2" ] || { echo "the cache still runs configuration $running, not $2" >&2; exit 1; }
