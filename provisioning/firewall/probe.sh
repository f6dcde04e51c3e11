#!/usr/bin/env bash
# Usage: probe. The table the kernel filters by is the one that was loaded, and it was loaded from the file that lies there now.
set -euo pipefail
run=/run/bascule-firewall
sha256sum --status --check "$run/rules" || { echo "the rules that lie there were not loaded: systemctl reload bascule-firewall" >&2; exit 1; }
table=$(nft --stateless list table inet bascule) || { echo "table inet bascule is gone" >&2; exit 1; }
# Only what differs is shown: a rule by hand has its sign, < for one that is missing and > for one too many.
diff "$run/table" - <<<"$table" >&2
