#!/usr/bin/env bash
# Everything the old production runs on, as the team installed it long ago. No parameters.
. /root/setup/scripts/lib.sh

wanted=(postgresql-15 redis-server nginx-light nodejs lego curl)
installed=$(dpkg-query -W -f '${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null | grep -c '^installed$' || true)
if [ "$installed" = "${#wanted[@]}" ]; then exit 0; fi
cloud-init status --wait >/dev/null || true

# Nothing starts on installation: every service is configured first and started once, by its own script.
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 0755 /usr/sbin/policy-rc.d
trap 'rm -f /usr/sbin/policy-rc.d' EXIT
# The new cluster is not forced to disk, nor are the packages: a power cut now would only mean starting over.
install -D -m 0644 "$setup/files/createcluster.conf" /etc/postgresql-common/createcluster.conf
apt=(apt-get -qq -y -o DPkg::Lock::Timeout=60 -o Dpkg::Use-Pty=0)
apt+=(-o Dpkg::Options::=--force-unsafe-io -o Dpkg::Options::=--force-confold)
"${apt[@]}" update
"${apt[@]}" --no-install-recommends install "${wanted[@]}" >/dev/null
