#!/usr/bin/env bash
# Usage: self-signed CERTIFICATE KEY OWNER. Makes a key and a certificate of this host's own for ten years; those that are there
# stay. It encrypts and proves nothing: clients come over loopback, or through SSH, whose host key is pinned.
set -euo pipefail
certificate=$1 key=$2 owner=$3
if [ -s "$certificate" ] && [ -s "$key" ]; then exit 0; fi
mkdir -p "$(dirname "$certificate")" "$(dirname "$key")"
umask 077
# Beside its place and renamed: a key without its certificate would keep the service from starting.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=$(hostname)" \
  -addext "subjectAltName=DNS:$(hostname),DNS:localhost,IP:127.0.0.1" -keyout "$key.new" -out "$certificate.new" 2>/dev/null
chown "$owner" "$key.new" "$certificate.new"
chmod 0644 "$certificate.new"
mv "$key.new" "$key"
mv "$certificate.new" "$certificate"
