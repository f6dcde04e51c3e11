"""check, list and facts: what differs from what was applied, what was applied, and what this host is."""

import os
import platform
import shutil
from collections.abc import Iterator
from fnmatch import fnmatchcase

from . import files, packages, units
from .bundle import Bundle, redact
from .release import load, pending_of, services, state_of, waits
from .system import Json, at, image, run, run_all

# Longest a probe may take in a check, where it has one try only.
PROBE_SECONDS = 10.0
Entry = dict[str, str]


def entry(kind: str, name: str, what: str, expected: str, actual: str) -> Entry:
    return {"kind": kind, "name": name, "what": what, "expected": expected, "actual": actual}


def drift(service: str) -> list[Entry]:
    """What on this host is not as the release of the service says: the current one, or the one that waits to be confirmed."""
    state, pending, found = state_of(service), pending_of(service), []
    release = state["current"]
    if pending is not None and waits(pending):
        release = pending["release"]
        until = f"none; taken back at {pending['guard']['until']}"
        found.append(entry("confirm", service, "confirmation", "from a new SSH login", until))
    elif pending is not None:
        found.append(entry("release", service, "apply", "finished", "under way, or killed: the next apply repairs it"))
    bundle = load(service, release)
    if bundle is None:
        return [*found, entry("release", service, "bundle", str(release), "missing")]
    names = [unit.name for unit in bundle.units]
    installed, shown, *probed = run_all([packages.question(bundle.packages), units.question(names),
                                         *[probe.within(PROBE_SECONDS) for probe in bundle.probes]])
    now = units.states(names, shown)
    wrong = packages.wrong(bundle.packages, packages.versions(installed), state["packages"])
    return found + [
        *file_drift(bundle),
        *[entry("package", name, "state" if actual == "missing" else "version", expected, actual)
          for name, (expected, actual) in wrong.items()],
        *unit_drift(bundle, now),
        *[entry("restart", name, "restart", f"in the window {note['window']} UTC", "put off")
          for name, note in units.put_off(state["restarts"], now).items()],
        *[entry("probe", probe.name, "probe", "passes", redact(result.output.strip()[-300:], bundle))
          for probe, result in zip(bundle.probes, probed, strict=True) if result.code != 0],
    ]


def file_drift(bundle: Bundle) -> Iterator[Entry]:
    for file in bundle.files:
        for difference in files.file_drift(file):
            yield entry("file", file.path, *difference)
    for path, target in bundle.links.items():
        if actual := files.link_drift(path, target):
            yield entry("link", path, "target", target, actual)
    for path in bundle.absent:
        if os.path.lexists(at(path)):
            yield entry("file", path, "existence", "nothing", "something")
    for archive in bundle.archives:
        if actual := files.archive_drift(archive.path):
            yield entry("archive", archive.path, "tree", "as unpacked", actual)
    for path in foreign(bundle):
        yield entry("file", path, "foreign", "nothing", "a file of no bundle and no package")


def foreign(bundle: Bundle) -> list[str]:
    """What lies in the exclusive directories and belongs to no applied bundle, no package and no pattern."""
    found = [f"{folder}/{item.name}" for folder, allowed in bundle.exclusive.items() if at(folder).is_dir()
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
    documents = [(name, state_of(name)["current"]) for name in services()]
    documents += [(name, (pending_of(name) or {}).get("release")) for name in services()]
    return {path for bundle in (load(*one) for one in documents) if bundle for path in bundle.paths()}


def unit_drift(bundle: Bundle, now: dict[str, units.State]) -> Iterator[Entry]:
    for unit in bundle.units:
        state = now[unit.name]
        if state.masked:
            yield entry("unit", unit.name, "load", "loaded", "masked")
        elif not state.active:
            yield entry("unit", unit.name, "state", "active", "not active")
        if state.enabled != unit.enabled:
            yield entry("unit", unit.name, "start at boot", str(unit.enabled), str(state.enabled))


def check(only: str | None) -> tuple[int, Json]:
    names = [name for name in services() if only in (None, name)]
    report = [{"service": name, "hash": state_of(name)["current"], "drift": drift(name)} for name in names]
    clean = not any(item["drift"] for item in report)
    return 0 if clean else 10, {"clean": clean, "services": report}


def extras(service: str) -> Json:
    """What of a service is not over yet: restarts that wait for their window, a change that waits to be confirmed."""
    pending = pending_of(service)
    unconfirmed = pending if waits(pending) else None
    noted = (unconfirmed or state_of(service))["restarts"]
    answer: Json = {}
    if left := units.put_off(noted, units.states(list(noted))):
        answer["pendingRestarts"] = [{"unit": name, "window": note["window"]} for name, note in left.items()]
    if unconfirmed:
        answer.update(confirm="needed", release=unconfirmed["release"], deadline=unconfirmed["guard"]["until"])
    return answer


def listing() -> Json:
    shown = ("current", "history", "packages", "at")
    states = {service: state_of(service) for service in services()}
    return {"services": [{"service": service, **{key: state[key] for key in shown if key in state}, **extras(service)}
                         for service, state in states.items()]}


def facts() -> Json:
    distribution, _, release = image().partition("-")
    return {
        "hostname": platform.node(), "distribution": distribution, "release": release, "kernel": platform.release(),
        "architecture": platform.machine(), "python": platform.python_version(), "cores": os.cpu_count(),
        "memoryMiB": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "diskFreeMiB": shutil.disk_usage(at("/var")).free // 2**20,
        "services": {name: state_of(name)["current"] for name in services()},
    }
