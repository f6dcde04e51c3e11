#!/usr/bin/env bash
# Usage: sshd.sh USER : what all files of sshd together say for USER's login is what ours says, with nothing added to a list.
set -euo pipefail

wanted=/etc/bascule/access/sshd-effective
said=$(/usr/sbin/sshd -T -C "user=$1,host=localhost,addr=127.0.0.1,laddr=127.0.0.1,lport=22" |
  awk 'NR == FNR { ours[$1]; next } $1 in ours' "$wanted" - | sort)
if ! difference=$(diff <(sort "$wanted") <(echo "$said")); then
  echo "sshd is set otherwise (< expected, > in force): $difference"
  exit 1
fi
