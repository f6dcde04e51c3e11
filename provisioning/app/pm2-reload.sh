#!/usr/bin/env bash
# Usage: pm2-reload NODE PM2 NAME=URL... Restarts one instance after the other, and stops at the first that is not well.
set -euo pipefail
node=$1 pm2=$2
shift 2
for instance in "$@"; do
  # By name: from the ecosystem's file PM2 would take the file's variables only, and ours come with the unit.
  "$node" "$pm2" restart "${instance%%=*}" --update-env >/dev/null
  "$(dirname "$0")/health" "${instance#*=}" 25
done
