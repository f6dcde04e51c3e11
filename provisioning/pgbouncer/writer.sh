#!/usr/bin/env bash
# Usage: writer FILE. Makes the link to the file of the side that takes the writes, and the folder it is in, where there is none yet.
set -euo pipefail
link=@LINK@
folder=$(dirname "$link")
install -d -m 0755 -o postgres -g postgres "$folder"
[ -L "$link" ] || ln -s "$1" "$link"
chown -h postgres:postgres "$link"
