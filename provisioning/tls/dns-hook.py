#!/usr/bin/python3 -I
"""lego's exec provider: `dns-hook present|cleanup FQDN VALUE` sets and removes the TXT record through the Cloudflare API."""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("HOSTCTL_ROOT", "/")) / "etc/bascule/tls"
REQUEST: dict[str, Any] = json.loads((FOLDER / "request.json").read_text())
TOKEN = (FOLDER / "dns-token").read_text().strip()


def call(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    for attempt in range(5):
        request = urllib.request.Request(REQUEST["dnsApi"] + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:
                return json.load(answer)["result"]
        except urllib.error.HTTPError as error:
            # What is wrong with the request stays wrong; too many requests and the server's own trouble pass.
            if error.code not in (429, 500, 502, 503, 504) or attempt == 4:
                sys.exit(f"{method} {path}: {error.code} {error.read(500).decode(errors='replace')}")
        except OSError as error:
            if attempt == 4:
                sys.exit(f"{method} {REQUEST['dnsApi']}{path}: {error}")
        time.sleep(1 + attempt)


def zone_id() -> str:
    zones = call("GET", "/zones?" + urllib.parse.urlencode({"name": REQUEST["zone"]}))
    if not zones:
        sys.exit(f"the token sees no zone {REQUEST['zone']} at {REQUEST['dnsApi']}")
    return str(zones[0]["id"])


def records(zone: str, name: str, value: str) -> list[dict[str, Any]]:
    found = call("GET", f"/zones/{zone}/dns_records?" + urllib.parse.urlencode({"type": "TXT", "name": name}))
    return [record for record in found if record["content"].strip('"') == value]


def main(verb: str, fqdn: str, value: str) -> None:
    name, zone = fqdn.rstrip("."), zone_id()
    present = records(zone, name, value)
    if verb == "present" and not present:
        # Quoted, as Cloudflare keeps a TXT record.
        call("POST", f"/zones/{zone}/dns_records", {"type": "TXT", "name": name, "content": f'"{value}"', "ttl": 60})
        time.sleep(REQUEST["dnsWaitSeconds"])
    if verb == "cleanup":
        for record in present:
            call("DELETE", f"/zones/{zone}/dns_records/{record['id']}")


if __name__ == "__main__":
    main(*sys.argv[1:4])
