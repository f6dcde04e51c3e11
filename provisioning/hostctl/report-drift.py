#!/usr/bin/python3 -I
"""Usage: report-drift FILE.prom

Runs `hostctl check` and writes what it found as metrics for the textfile collector of Prometheus' node exporter. A check that
failed is a metric too: an alert on config_drift > 0 also rings when nobody knows.
"""

import json
import os
import subprocess
import sys
import time
from typing import Any

Service = dict[str, Any]
HOSTCTL = "/usr/local/sbin/hostctl"
HELP = {
    "config_drift": "Differences between this host and what was applied to it; service \"check\" is 1 when the check itself failed.",
    "config_restarts_put_off": "Restarts that wait for their window.",
    "config_drift_last_run_timestamp_seconds": "When this was last looked at, with or without success.",
}


def look() -> list[Service]:
    done = subprocess.run([HOSTCTL, "check", "--json"], capture_output=True, timeout=300, check=False)
    try:
        services: list[Service] = json.loads(done.stdout)["services"]
    except (ValueError, KeyError, TypeError):
        said = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise RuntimeError(f"hostctl check ended with {done.returncode} and did not answer: {said[-500:]}") from None
    if not services:
        raise RuntimeError("hostctl knows of no service on this host: nothing was applied, or its records are gone")
    return services


def metrics(services: list[Service], failed: bool) -> str:
    put_off = {one["service"]: sum(item["kind"] == "restart" for item in one["drift"]) for one in services}
    values = {
        "config_drift": {**{one["service"]: len(one["drift"]) - put_off[one["service"]] for one in services}, "check": int(failed)},
        "config_restarts_put_off": put_off,
    }
    lines = []
    for name, help_text in HELP.items():
        lines += [f"# HELP {name} {help_text}", f"# TYPE {name} gauge"]
        lines += [f'{name}{{service="{service}"}} {value}' for service, value in sorted(values.get(name, {}).items())]
    return "\n".join([*lines, f"config_drift_last_run_timestamp_seconds {int(time.time())}", ""])


def write_whole(path: str, text: str) -> None:
    """The collector reads at any moment, and only names that end with .prom."""
    fresh = f"{path}.new"
    with open(fresh, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(fresh, 0o644)
    os.rename(fresh, path)


def main() -> int:
    services: list[Service] = []
    reason = ""
    try:
        services = look()
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        reason = str(error)
    write_whole(sys.argv[1], metrics(services, failed=reason != ""))
    if reason:
        print(reason, file=sys.stderr)
    return 1 if reason else 0


if __name__ == "__main__":
    sys.exit(main())
