#!/usr/bin/env bash
# Usage: probe FOLDER, as postgres. The service writes down every second how it is; an old note means that it hangs.
set -euo pipefail
note=$1/keeper.json
age=$(($(date +%s) - $(stat -c %Y "$note")))
[ "$age" -le 10 ] || { echo "the mover has not said how it is for $age s: journalctl -u bascule-mover" >&2; exit 1; }
