#!/usr/bin/env bash
# Usage: lock.sh ACCOUNT... : takes the password of each account, so that a console asks in vain too.
set -euo pipefail

for account in "$@"; do
  hash=$(getent shadow "$account" | cut -d: -f2)
  [[ $hash = [*!]* ]] || usermod --password '!' "$account"
done
