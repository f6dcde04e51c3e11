#!/usr/bin/python3 -I
"""Fetches the certificate of /etc/bascule/tls/request.json by ACME DNS-01 when there is none, it is due, or the request changed.

`obtain --check FOLDER` only reads the request in FOLDER. Prints what it did; nothing it prints is secret. Whatever came of it, the
certificate's end is written where the node exporter reads text files.
"""

from __future__ import annotations

import calendar
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

# Tests put a server below another directory.
ROOT = Path(os.environ.get("HOSTCTL_ROOT", "/"))
FOLDER = ROOT / "etc/bascule/tls"
# Account key and lego's own copies; kept, because a new account per certificate runs into the authority's limits.
ACME = ROOT / "var/lib/bascule/acme"
METRICS = ROOT / "var/lib/prometheus/node-exporter/tls.prom"
DAYS_30 = 30 * 86400


def read(folder: Path) -> dict[str, Any]:
    request = json.loads((folder / "request.json").read_text())
    for key in ("domains", "email", "directory", "dnsApi", "zone"):
        if not request.get(key):
            sys.exit(f"{folder}/request.json lacks {key}")
    return dict(request)


def ask_openssl(chain: Path, *questions: str) -> str:
    argv = ["openssl", "x509", "-in", str(chain), "-noout", *questions]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def why_due(request: dict[str, Any], chain: Path) -> str | None:
    """The reason for a new certificate, or None. Due below a third of its life, but never while 30 days are left."""
    if not chain.exists() or not chain.with_name("key.pem").exists():
        return "there is none"
    issued = chain.with_name("issued.json")
    if not issued.exists() or json.loads(issued.read_text()) != identity(request):
        return "the request changed"
    try:
        start, end = validity(chain)
        names = set(re.findall(r"DNS:([^,\s]+)", ask_openssl(chain, "-ext", "subjectAltName")))
    except subprocess.CalledProcessError:
        return "the present one cannot be read"
    left = end - time.time()
    if not set(request["domains"]) <= names:
        return "the present one lacks a domain"
    return f"{left / 86400:.1f} days are left" if left < min(DAYS_30, (end - start) / 3) else None


def validity(chain: Path) -> tuple[float, float]:
    dates = dict(re.findall(r"(notBefore|notAfter)=(.+)", ask_openssl(chain, "-dates")))
    return moment(dates["notBefore"]), moment(dates["notAfter"])


def moment(text: str) -> float:
    return float(calendar.timegm(time.strptime(text, "%b %d %H:%M:%S %Y GMT")))


def identity(request: dict[str, Any]) -> dict[str, Any]:
    return {key: request[key] for key in ("domains", "directory")}


def fetch(request: dict[str, Any]) -> Path:
    """Runs lego; the folder of its results."""
    hook = Path(__file__).with_name("dns-hook")
    environment = {
        **os.environ, "HOME": "/root", "EXEC_PATH": str(hook), "EXEC_PROPAGATION_TIMEOUT": "120", "EXEC_POLLING_INTERVAL": "1",
        # Between two names lego waits a minute by default, as if one record could disturb the other.
        "EXEC_SEQUENCE_INTERVAL": "1",
        # The record is set in the zone itself; following aliases would ask a resolver that need not know the zone.
        "LEGO_DISABLE_CNAME_SUPPORT": "true",
    }
    if request.get("directoryCa"):
        environment["LEGO_CA_CERTIFICATES"] = str(FOLDER / "directory-ca.pem")
    argv = ["lego", "--accept-tos", "--path", str(ACME), "--email", request["email"], "--server", request["directory"],
            # The hook itself waits until the record can be seen; lego's own test would ask the host's resolver for the
            # zone's servers, which an intercepting resolver answers wrongly.
            "--dns", "exec", "--dns.disable-cp", "--key-type", "ec256"]
    for domain in request["domains"]:
        argv += ["--domains", domain]
    ACME.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Once more for a passing trouble, no oftener: public authorities count failures per hour.
    for attempt in (1, 2):
        result = subprocess.run([*argv, "run"], env=environment, capture_output=True, text=True)
        if result.returncode == 0:
            return ACME / "certificates"
        if attempt == 1:
            register_again(request, result.stdout + result.stderr)
            time.sleep(2)
    tail = "\n".join((result.stdout + result.stderr).strip().splitlines()[-8:])
    sys.exit(f"no certificate for {', '.join(request['domains'])} from {request['directory']}:\n{tail}")


def register_again(request: dict[str, Any], said: str) -> None:
    """An authority that lost our account (a test authority does at each start) is told of it anew, with the key it had."""
    if "accountDoesNotExist" not in said:
        return
    # lego's own folder for this authority; without this file it registers.
    authority = urlsplit(request["directory"]).netloc.replace(":", "_")
    (ACME / "accounts" / authority / request["email"] / "account.json").unlink(missing_ok=True)
    print(f"{request['directory']} does not know the account any more: registering it again")


def export(domain: str, chain: Path, failed: bool) -> None:
    """No certificate, or one nobody can read, is one that has ended: the alarm must not fall silent for want of a value."""
    try:
        start, end = validity(chain)
    except (subprocess.CalledProcessError, KeyError, ValueError):
        start = end = 0.0
    values = {
        "expiry_seconds": ("End of the certificate, seconds since 1970; 0 when there is none that can be read.", end),
        "lifetime_seconds": ("How long it is valid from beginning to end; below a third it is renewed.", end - start),
        "checked_seconds": ("When it was looked at last, seconds since 1970; twice a day.", time.time()),
        "renewal_failed": ("Whether the last attempt to fetch a new one failed.", float(failed)),
    }
    lines = [f'# HELP tls_certificate_{name} {text}\n# TYPE tls_certificate_{name} gauge\ntls_certificate_{name}{{domain="{domain}"}} {value:.0f}\n'
             for name, (text, value) in values.items()]
    METRICS.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    put(METRICS, "".join(lines).encode(), 0o644)


def put(path: Path, content: bytes, mode: int) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        # Whatever the caller's mask is: metrics are for everybody.
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, path)


def main(argv: list[str]) -> None:
    if argv[:1] == ["--check"]:
        read(Path(argv[1]))
        return
    request = read(FOLDER)
    domain = request["domains"][0]
    chain = FOLDER / domain / "fullchain.pem"
    failed = True
    try:
        renew(request, domain, chain)
        failed = False
    finally:
        export(domain, chain, failed)


def renew(request: dict[str, Any], domain: str, chain: Path) -> None:
    reason = why_due(request, chain)
    if reason is None:
        print(f"certificate of {domain}: still good")
        return
    results = fetch(request)
    chain.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    put(chain.with_name("key.pem"), (results / f"{domain}.key").read_bytes(), 0o600)
    put(chain, (results / f"{domain}.crt").read_bytes(), 0o644)
    put(chain.with_name("issued.json"), json.dumps(identity(request)).encode(), 0o644)
    print(f"certificate of {domain}: fetched, because {reason}")
    # A reload keeps every connection; where nginx is not set up yet there is nobody to tell.
    if subprocess.run(["systemctl", "is-active", "--quiet", "nginx.service"]).returncode == 0:
        subprocess.run(["systemctl", "reload", "nginx.service"], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
