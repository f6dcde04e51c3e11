#!/usr/bin/env bash
# Usage: settle SWAP_MIB : makes the kernel, swap, clock and timers as the files say. In a container they are the machine's below,
# so nothing is done there.
set -euo pipefail

systemd-detect-virt --container --quiet && exit 0
swap_mib=$1
systemctl restart systemd-sysctl.service

has_mib=$(($(stat -c %s /swapfile 2>/dev/null || echo 0) / 1048576))
if [[ $has_mib -ne $swap_mib ]]; then
  swapoff /swapfile 2>/dev/null || true
  rm -f /swapfile
fi
if [[ $swap_mib -gt 0 ]]; then
  if [[ ! -e /swapfile ]]; then
    # Whole before it has its name, and never readable: it will hold what was in memory.
    rm -f /swapfile.new
    (umask 077 && fallocate -l "${swap_mib}M" /swapfile.new)
    mkswap --quiet /swapfile.new >/dev/null
    mv /swapfile.new /swapfile
  fi
  systemctl daemon-reload
  systemctl enable --quiet --now swapfile.swap
fi

systemctl unmask --quiet apt-daily.service apt-daily-upgrade.service apt-daily.timer apt-daily-upgrade.timer
systemctl enable --quiet --now apt-daily.timer apt-daily-upgrade.timer systemd-timesyncd.service
