#!/usr/bin/env bash
# Usage: accounts NAME... : who can log in, is root, or is a person: exactly these, of which NAME? may be missing; nobody has a
# password, and nobody is in a group that is as good as root.
set -euo pipefail

allowed=" ${*%\?} "
while IFS=: read -r name _ uid _ _ _ shell; do
  # nobody has the highest number; sync can do nothing but sync.
  case $name in nobody | sync) continue ;; esac
  case $shell in */nologin | */false) login=no ;; *) login=yes ;; esac
  if [[ $login = yes || $uid -eq 0 || $uid -ge 1000 ]]; then
    if [[ $allowed != *" $name "* ]]; then
      echo "account $name (uid $uid, shell $shell) belongs to nobody we know"
      exit 1
    fi
    if [[ $uid -eq 0 && $name != root ]]; then
      echo "account $name is root by its number"
      exit 1
    fi
  fi
done </etc/passwd
for wanted in "$@"; do
  if [[ $wanted != *\? ]] && ! grep -q "^$wanted:" /etc/passwd; then
    echo "account $wanted is missing"
    exit 1
  fi
done
open=$(awk -F: '$2 !~ /^[!*]/ { print $1 }' /etc/shadow)
if [[ -n $open ]]; then
  echo "these accounts have a password, or none is asked for: ${open//$'\n'/ }"
  exit 1
fi
members=$(awk -F: '$1 ~ /^(root|sudo|admin|wheel|docker|lxd|disk|shadow)$/ && $4 != "" { print $1 "=" $4 }' /etc/group)
if [[ -n $members ]]; then
  echo "members of groups that are as good as root: ${members//$'\n'/ }"
  exit 1
fi
