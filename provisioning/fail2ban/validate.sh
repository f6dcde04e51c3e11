#!/usr/bin/env bash
# Usage: validate STAGED. fail2ban reads its own files and ours as one configuration, so a copy of all of them is put together.
set -euo pipefail
staged=$1
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -a /etc/fail2ban/. "$copy"
cp -a "$staged/etc/fail2ban/." "$copy"
fail2ban-client -c "$copy" --test
