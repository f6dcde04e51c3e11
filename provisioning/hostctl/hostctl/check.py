"""check, list and facts: what differs from what was applied, what was applied, and what this host is."""

from __future__ import annotations

import os
import platform
import shutil
from typing import Any

from . import files, packages, units
from .system import at, read_json, state_dir


def services() -> list[str]:
    """Those applied, and those whose very first apply is under way or was killed."""
    return sorted({path.stem for folder in ("state", "pending") for path in state_dir(folder).glob("*.json")})


def entry(kind: str, name: str, what: str, expected: str, actual: str) -> dict[str, str]:
    return {"kind": kind, "name": name, "what": what, "expected": expected, "actual": actual}


def drift(service: str) -> list[dict[str, str]]:
    """What on this host is not as the current release of the service says."""
    state = read_json(state_dir("state", f"{service}.json")) or {}
    wanted = read_json(files.release_dir(service, str(state.get("current"))) / "manifest.json")
    found: list[dict[str, str]] = []
    if state_dir("pending", f"{service}.json").exists():
        found.append(entry("release", service, "apply", "finished", "under way, or killed: the next apply repairs it"))
    if wanted is None:
        return [*found, entry("release", service, "manifest", str(state.get("current")), "missing")]
    for item in wanted["files"]:
        found += [entry("file", item["path"], *difference) for difference in files.file_drift(item)]
    for path, target in wanted["links"].items():
        actual = files.link_drift(path, target)
        found += [entry("link", path, "target", target, actual)] if actual else []
    for path in wanted["absent"]:
        if at(path).is_symlink() or at(path).exists():
            found.append(entry("file", path, "existence", "nothing", "something"))
    for path in wanted["archives"]:
        actual = files.archive_drift(path)
        found += [entry("archive", path, "tree", "as unpacked", actual)] if actual else []
    found += [entry("package", name, "state", "installed", "missing") for name in packages.missing(wanted["packages"])]
    return found + unit_drift(wanted["units"])


def unit_drift(wanted: list[dict[str, Any]]) -> list[dict[str, str]]:
    now = units.states([unit["name"] for unit in wanted])
    found = []
    for unit in wanted:
        state = now[unit["name"]]
        if state.masked:
            found.append(entry("unit", unit["name"], "load", "loaded", "masked"))
        elif not state.active:
            found.append(entry("unit", unit["name"], "state", "active", "not active"))
        if state.enabled != unit["enabled"]:
            found.append(entry("unit", unit["name"], "start at boot", str(unit["enabled"]), str(state.enabled)))
    return found


def check(only: str | None) -> tuple[int, dict[str, Any]]:
    report = [{"service": name, "hash": (read_json(state_dir("state", f"{name}.json")) or {}).get("current"), "drift": drift(name)}
              for name in services() if only in (None, name)]
    clean = not any(item["drift"] for item in report)
    return 0 if clean else 10, {"clean": clean, "services": report}


def listing() -> dict[str, Any]:
    return {"services": [{"service": name, **(read_json(state_dir("state", f"{name}.json")) or {})} for name in services()]}


def facts() -> dict[str, Any]:
    release = platform.freedesktop_os_release()
    page, pages = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_PHYS_PAGES")
    return {
        "hostname": platform.node(),
        "distribution": release.get("ID"),
        "release": release.get("VERSION_ID"),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "memoryMiB": page * pages // 2**20,
        "diskFreeMiB": shutil.disk_usage(at("/var")).free // 2**20,
        "services": {item["service"]: item.get("current") for item in listing()["services"]},
    }
