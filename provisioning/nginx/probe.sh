#!/usr/bin/env bash
# Usage: probe DOMAIN PRINT SIDE CHAIN. After a reload that nginx could not carry out (a port in use, for one) the old configuration goes
# on and everything looks well: so ask the running one who it is, then the site itself, as a visitor would.
set -euo pipefail
domain=$1 print=$2 side=$3 chain=$4
running=$(curl -sS --max-time 2 http://127.0.0.1:8099/)
if [ "$running" != "$print" ]; then
  echo "nginx still runs configuration $running, not $print:" >&2
  tail -n 3 /var/log/nginx/error.log >&2
  exit 1
fi
# -k: the name's authority may be known to visitors only; the certificate itself was checked when it was fetched.
head=$(curl -sSk --max-time 5 -D - -o /dev/null --resolve "$domain:443:127.0.0.1" "https://$domain/.well-known/bascule")
grep -qi "^x-bascule-side: $side" <<<"$head" || { echo "https://$domain/.well-known/bascule answers: $head" >&2; exit 1; }
# A renewed certificate that nginx was never told of would be found by its visitors, on the day the old one ends.
print_of() { openssl x509 -noout -fingerprint -sha256 2>/dev/null || true; }
served=$(openssl s_client -connect 127.0.0.1:443 -servername "$domain" </dev/null 2>/dev/null | print_of)
[ "$served" = "$(print_of <"$chain")" ] || { echo "nginx serves another certificate than $chain" >&2; exit 1; }
