#!/usr/bin/env bash
# Usage: sudo.sh USER : USER may run hostctl as root and nothing else, whatever the other files of sudo say.
set -euo pipefail

may=$(LC_ALL=C sudo -l -U "$1" | sed '1,/may run the following/d; s/^ *//')
if [[ $may != "(root) NOPASSWD: /usr/local/sbin/hostctl" ]]; then
  echo "$1 may run: ${may:-nothing}"
  exit 1
fi
