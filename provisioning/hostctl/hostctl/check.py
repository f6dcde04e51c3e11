"""check, list and facts: what differs from what was applied, what was applied, and what this host is."""

import os
import shutil
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase

from . import packages, units
from .bundle import Bundle, redact
from .files import Entry, entry
from .release import load, services, state_of
from .system import Json, at, image, run, run_all

# Longest a probe may take in a check, where it has one try only.
PROBE_SECONDS = 10.0


def drift(service: str, quick: bool = False) -> list[Entry]:
    """What on this host is not as the release of the service says: the current one, or the one that waits to be confirmed."""
    state, found = state_of(service), []
    if until := state.confirmable():
        found.append(entry("confirm", service, "confirmation", "from a new SSH login", f"none; taken back at {until}"))
    elif state.pending:
        return [entry("release", service, "apply", "finished", "under way, or killed: the next apply repairs it")]
    bundle = load(service, state.live())
    if bundle is None:
        return [entry("release", service, "bundle", str(state.live()), "missing")]
    names = [unit.name for unit in bundle.units]
    installed, shown, *probed = run_all([packages.question(bundle.packages), units.question(names),
                                         *[probe._replace(timeout=min(probe.timeout, PROBE_SECONDS)) for probe in bundle.probes]])
    now = units.states(names, shown)
    wrong = packages.wrong(bundle.packages, packages.versions(installed), state.packages)
    return found + [
        *[difference for item in bundle.items() for difference in item.drift()],
        *[entry("file", path, "existence", "nothing", "something") for path in bundle.absent if os.path.lexists(at(path))],
        *[difference for archive in bundle.archives for difference in archive.drift(quick)],
        *[entry("file", path, "foreign", "nothing", "a file of no bundle and no package") for path in foreign(bundle)],
        *[entry("package", name, "state" if actual == "missing" else "version", expected, actual)
          for name, (expected, actual) in wrong.items()],
        *unit_drift(bundle, now),
        *[entry("restart", name, "restart", f"in the window {note['window']} UTC", "put off")
          for name, note in units.put_off(state.restarts, now).items()],
        *[entry("probe", probe.name, "probe", "passes", redact(result.output.strip()[-300:], bundle))
          for probe, result in zip(bundle.probes, probed, strict=True) if result.code != 0],
    ]


def foreign(bundle: Bundle) -> list[str]:
    """What lies in the exclusive directories and belongs to no applied bundle, no package and no pattern."""
    found = [f"{folder}/{item.name}" for folder, allowed in bundle.folders().items() if at(folder).is_dir()
             for item in sorted(os.scandir(at(folder)), key=lambda item: item.name)
             # `.hostctl`: a file of another service on its way to its place.
             if not item.is_dir(follow_symlinks=False)
             and not any(fnmatchcase(item.name, pattern) for pattern in [*allowed, ".*.hostctl"])]
    if found := sorted(set(found) - set(bundle.paths()) - (bundled() if found else set())):
        # `package: /path` for what a package brings; sentences about the others.
        owned = {line.partition(": ")[2] for line in run(["dpkg-query", "-S", *found]).output.splitlines()}
        found = [path for path in found if path not in owned]
    return found


def bundled() -> set[str]:
    """Every path of a bundle that is applied, or is being applied."""
    releases = {(name, release) for name in services() for release in (state_of(name).current, state_of(name).live())}
    return {path for bundle in (load(*one) for one in releases) if bundle for path in bundle.paths()}


def unit_drift(bundle: Bundle, now: dict[str, units.State]) -> Iterator[Entry]:
    for unit in bundle.units:
        state = now[unit.name]
        actual = "masked" if state.masked else "active" if state.active else "not active"
        if actual != "active":
            yield entry("unit", unit.name, "load" if state.masked else "state", "active", actual)
        if state.enabled != unit.enabled:
            yield entry("unit", unit.name, "start at boot", str(unit.enabled), str(state.enabled))


def check(service: str | None) -> tuple[int, Json]:
    report = [{"service": name, "hash": state_of(name).current, "drift": drift(name)}
              for name in services() if service in (None, name)]
    clean = not any(item["drift"] for item in report)
    return 0 if clean else 10, {"clean": clean, "services": report}


def unfinished(service: str) -> Json:
    """What of a service is not over yet: restarts that wait for their window, a change that waits to be confirmed."""
    state = state_of(service)
    until = state.confirmable()
    answer: Json = {"confirm": "needed", "release": state.live(), "deadline": until} if until else {}
    noted = state.pending.restarts if state.pending and until else state.restarts
    if left := units.put_off(noted, units.states(list(noted))):
        answer["pendingRestarts"] = [{"unit": name, "window": note["window"]} for name, note in left.items()]
    return answer


def listing() -> Json:
    return {"services": [{"service": name, "current": state.current, "history": state.history, "packages": state.packages,
                          "at": state.at, **unfinished(name)} for name in services() if (state := state_of(name))]}


def facts() -> tuple[int, Json]:
    system, (distribution, _, release) = os.uname(), image().partition("-")
    return 0, {
        "hostname": system.nodename, "distribution": distribution, "release": release, "kernel": system.release,
        "architecture": system.machine, "python": sys.version.split()[0], "cores": os.cpu_count(),
        "memoryMiB": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "diskFreeMiB": shutil.disk_usage(at("/var")).free // 2**20,
        "services": {name: state_of(name).current for name in services()},
    }
