#!/usr/bin/env bash
# Usage: packages-intact FILE.prom : compares the files of all packages with the checksums they came with, says which differ, and
# writes how many to FILE.prom. Fails where any does.
set -euo pipefail

metrics=$1
# Configuration is hostctl's: it knows what its own files must be.
changed=$(debsums --changed 2>&1) || true
count=$(grep -c . <<<"$changed" || true)
cat >"$metrics.new" <<METRICS
# HELP packages_changed_files Files of packages that are not as they came.
# TYPE packages_changed_files gauge
packages_changed_files $count
METRICS
chmod 0644 "$metrics.new"
mv "$metrics.new" "$metrics"
[[ $count -eq 0 ]] || {
  echo "$changed"
  exit 1
}
