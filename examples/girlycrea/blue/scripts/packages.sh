#!/usr/bin/env bash
# Everything the old production runs on, as the team installed it long ago. No parameters.
. /root/setup/scripts/lib.sh

wanted=(postgresql-15 redis-server nginx-light nodejs lego curl)
if ! dpkg-query -W -f '${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null | grep -qv '^installed$' &&
  dpkg-query -W "${wanted[@]}" >/dev/null 2>&1; then
  exit 0
fi
cloud-init status --wait >/dev/null || true
apt=(apt-get -qq -y -o DPkg::Lock::Timeout=60 -o Dpkg::Use-Pty=0)
"${apt[@]}" update
# unsafe-io: the server can be made again, so a power cut during the installation costs nothing.
"${apt[@]}" -o Dpkg::Options::=--force-unsafe-io --no-install-recommends install "${wanted[@]}" >/dev/null
