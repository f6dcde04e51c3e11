#!/usr/bin/env bash
# Usage: cluster VERSION. Creates the cluster main with data checksums; an existing one is never touched, whatever it holds.
set -euo pipefail
version=$1
data=/var/lib/postgresql/$version/main
# Before anything else: data of another major version would be left aside for a new, empty cluster.
for held in /var/lib/postgresql/*/main/PG_VERSION; do
  [ -e "$held" ] || continue
  major=$(<"$held") folder=$(dirname "$held")
  if [ "$major" != "$version" ]; then
    echo "$folder holds data of PostgreSQL $major, this configuration is for $version. Nothing was touched. Set the image that" \
      "ships $major, or move the data to $version on a new server (bascule copy); data that is not wanted: pg_dropcluster $major main" >&2
    exit 1
  fi
done
if [ ! -e "/etc/postgresql/$version/main/postgresql.conf" ]; then
  if [ -e "$data" ]; then
    echo "$data exists without its configuration; move it away or restore /etc/postgresql/$version/main, then apply again" >&2
    exit 1
  fi
  pg_createcluster --locale C.UTF-8 --encoding UTF8 "$version" main -- --data-checksums
fi
checksums=$("/usr/lib/postgresql/$version/bin/pg_controldata" "$data" | sed -n 's/^Data page checksum version: *//p')
if [ "$checksums" = 0 ]; then
  echo "$data has no data checksums. Stop PostgreSQL and run: /usr/lib/postgresql/$version/bin/pg_checksums --enable -D $data" >&2
  exit 1
fi
