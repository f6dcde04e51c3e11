#!/usr/bin/python3 -I
"""`metrics VARNISHSTAT`: writes how well the cache does where the node exporter reads text files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

METRICS = Path("/var/lib/prometheus/node-exporter/varnish.prom")


def counters(program: str) -> dict[str, int]:
    result = subprocess.run([program, "-1", "-j"], capture_output=True, text=True, timeout=20)
    if result.returncode != 0:
        print(result.stderr.strip() or result.stdout.strip(), file=sys.stderr)
        return {}
    return {name: int(entry["value"]) for name, entry in json.loads(result.stdout)["counters"].items()}


def values(found: dict[str, int]) -> dict[str, tuple[str, str, float]]:
    up = {"varnish_up": ("gauge", "Whether the cache answers.", float(bool(found)))}
    if not found:
        return up
    hits, misses, passes = (found[f"MAIN.{name}"] for name in ("cache_hit", "cache_miss", "s_pass"))
    asked = hits + misses + passes
    ratio = {"varnish_hit_ratio": ("gauge", "Share of all requests since the start that were answered from memory, 0-1.", hits / asked)}
    return {
        **up,
        "varnish_hits_total": ("counter", "Requests answered from memory.", hits),
        "varnish_misses_total": ("counter", "Requests that had to be fetched, and may be kept.", misses),
        "varnish_passes_total": ("counter", "Requests that may not be kept.", passes),
        "varnish_bytes": ("gauge", "Memory in use for what is kept.", found.get("SMA.s0.g_bytes", 0)),
        # No requests, no ratio: a share of nothing is not zero, and not well either.
        **(ratio if asked else {}),
    }


def main(program: str) -> None:
    text = "".join(f"# HELP {name} {words}\n# TYPE {name} {kind}\n{name} {value:.6g}\n" if isinstance(value, float)
                   else f"# HELP {name} {words}\n# TYPE {name} {kind}\n{name} {value}\n"
                   for name, (kind, words, value) in values(counters(program)).items())
    METRICS.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    temporary = METRICS.with_name(".varnish.prom.new")
    temporary.write_text(text)
    temporary.chmod(0o644)
    os.rename(temporary, METRICS)


if __name__ == "__main__":
    main(sys.argv[1])
