#!/usr/bin/env python3
"""Usage: probe FILE. Asks the running fail2ban what its jails do and whom they spare; in FILE is {jail: {name: value}}.

Whom it has banned must be in the packet filter too: bans that somebody flushed there are bans in name only.
"""

import ipaddress
import json
import subprocess
import sys

from fail2ban.client.csocket import CSocket


def ask(*question: str) -> object:
    code, answer = server.send(list(question))
    if code != 0:
        sys.exit(f"fail2ban does not answer {' '.join(question)}: {answer}")
    return answer


def comparable(value: object) -> object:
    """Ranges are told apart by what they hold, not by how they are written."""
    if not isinstance(value, (list, tuple, set)):
        return value
    return sorted({str(ipaddress.ip_network(str(item), strict=False)) for item in value})


def banned(jail: str) -> list[str]:
    status = ask("status", jail)
    assert isinstance(status, list)
    addresses: list[str] = dict(dict(status)["Actions"])["Banned IP list"]
    return addresses


server = CSocket("/run/fail2ban/fail2ban.sock", timeout=5)
with open(sys.argv[1], encoding="utf-8") as file:
    jails = json.load(file)
for jail, settings in jails.items():
    for name, wanted in settings.items():
        actual = ask("get", jail, name)
        if comparable(actual) != comparable(wanted):
            sys.exit(f"jail {jail}: {name} is {actual}, not {wanted}")
    missing = banned(jail)
    if missing:
        listing = ["nft", "list", "table", "inet", "f2b-table"]
        rules = subprocess.run(listing, capture_output=True, text=True, check=False).stdout
        missing = [address for address in missing if address not in rules]
    if missing:
        sys.exit(f"jail {jail}: banned, but not in the packet filter: {' '.join(missing)}")
