#!/usr/bin/env bash
# Usage: effective SWAP_MIB JOURNAL_MAX : what is in force is what the files say, where it is this host's to say: in a container the
# kernel, swap, clock and timers are the machine's below.
set -euo pipefail

swap_mib=$1 journal_max=$2
differs() {
  echo "$1 is '$2', expected '$3'"
  exit 1
}

said=$(apt-config dump | grep -E '^(APT::Periodic::(Autoclean|Unattended|Update-)|Unattended-Upgrade::(Allowed-Origins::|Origins-Pattern::|Package-Blacklist::|Automatic-Reboot|Remove-Unused-Kernel|SyslogEnable))' | sort)
difference=$(diff <(sort /etc/bascule/base/updates) <(echo "$said")) || differs "what updates by themselves" "$difference" "as in /etc/bascule/base/updates"
journal=$(systemd-analyze cat-config systemd/journald.conf | sed -n 's/^SystemMaxUse=//p' | tail -1)
[[ $journal = "$journal_max" ]] || differs "journald's SystemMaxUse" "$journal" "$journal_max"

while read -r name _ value; do
  file=/proc/sys/${name//.//}
  [[ -w $file ]] || continue
  now=$(tr -s '\t ' ' ' <"$file")
  [[ $now = "$value" ]] || differs "$name" "$now" "$value"
done </etc/sysctl.d/99-bascule.conf

systemd-detect-virt --container --quiet && exit 0
swap=$(awk '$1 == "/swapfile" { print int(($3 + 4) / 1024) }' /proc/swaps)
[[ ${swap:-0} -eq $swap_mib ]] || differs "swap in MiB" "${swap:-0}" "$swap_mib"
for unit in apt-daily.timer apt-daily-upgrade.timer systemd-timesyncd.service; do
  state=$(systemctl is-active "$unit" || true)
  [[ $state = active ]] || differs "$unit" "$state" active
done
