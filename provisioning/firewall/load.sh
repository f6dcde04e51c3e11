#!/usr/bin/env bash
# Usage: load. Replaces our table in one transaction and writes down how the kernel shows it, for the probe to compare.
set -euo pipefail
rules=/etc/bascule/firewall/rules.nft
nft -f "$rules"
sha256sum "$rules" >/run/bascule-firewall/rules
nft --stateless list table inet bascule >/run/bascule-firewall/table
