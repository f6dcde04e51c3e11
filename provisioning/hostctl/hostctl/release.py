"""Releases of a service: the current one, one under way or unconfirmed, and the way back to the one before."""

import shutil
import time
from pathlib import Path

from . import files, packages, units
from .bundle import Bundle, parse
from .system import Failure, Json, at, boot, installed, read_json, remove, run, state_dir, write_json

KEEP = 5


def state_path(service: str) -> Path:
    return state_dir("state", f"{service}.json")


def state_of(service: str) -> Json:
    """`current`: the release that runs; `history`: the last ones, newest first; versions of packages; restarts put off."""
    return {"current": None, "history": [], "packages": {}, "restarts": {}, **(read_json(state_path(service)) or {})}


def marker(service: str) -> Path:
    return state_dir("pending", f"{service}.json")


def pending_of(service: str) -> Json | None:
    """The apply that is under way, was killed, or waits to be confirmed. One whose success is written down is over."""
    pending: Json | None = read_json(marker(service))
    return None if pending is None or pending["saved"] == state_of(service).get("swap") else pending


def services() -> list[str]:
    """Those applied, and those whose very first apply is under way or was killed."""
    return sorted({path.stem for folder in ("state", "pending") for path in state_dir(folder).glob("*.json")})


def text_of(service: str, release: str | None) -> bytes | None:
    path = files.release_dir(service, release) / "bundle.json"
    return path.read_bytes() if path.exists() else None


def load(service: str, release: str | None) -> Bundle | None:
    text = text_of(service, release)
    return None if text is None else parse(text)


def clock() -> float:
    """Seconds since the kernel's start, as processes count them; setting the calendar changes nothing here."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def arm(service: str, seconds: float) -> Json:
    """Starts a timer that outlives the session. One that fires too early, or after the confirmation, finds nothing to do."""
    now = clock()
    when = [f"--unit=bascule-guard-{service}.{now:.2f}", f"--on-active={seconds}", "--timer-property=AccuracySec=100ms"]
    result = run(["systemd-run", "--quiet", "--collect", *when, installed(), "settle", "--service", service], 30)
    if result.code != 0:
        raise Failure("guard", f"no timer to take the change back: {result.output.strip()[-500:]}", 40)
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
    return {"since": now, "deadline": now + seconds, "until": until}


def waits(pending: Json | None) -> bool:
    """Whether this is a change that works and may still be confirmed. After a restart nobody can say how long it has waited."""
    return bool(pending and pending.get("works") and pending["boot"] == boot() and clock() < pending["guard"]["deadline"])


def forget(service: str, guarded: bool) -> None:
    """Also what was saved by an apply that was killed before it had written its marker."""
    remove(marker(service))
    shutil.rmtree(state_dir("saved", service), ignore_errors=True)
    if guarded:
        run(["systemctl", "stop", f"bascule-guard-{service}.*.timer"], 30)


def commit(service: str, pending: Json) -> None:
    state, release = state_of(service), pending["release"]
    bundle = load(service, release)
    kept = [release, *[item for item in state["history"] if item != release]][:KEEP]
    write_json(state_path(service), {
        "current": release, "history": kept, "at": int(time.time()), "swap": pending["saved"],
        "packages": packages.ask(bundle.packages if bundle else []), "restarts": pending["restarts"],
    })
    forget(service, bool(pending["guard"]))
    prune(service, kept)


def prune(service: str, kept: list[str]) -> None:
    """Forgets all but the last releases, and the archives and uploads that only the forgotten ones used."""
    paths: dict[bool, set[str]] = {True: set(), False: set()}
    for folder in state_dir("releases", service).iterdir():
        bundle = load(service, folder.name)
        for archive in bundle.archives if bundle else []:
            paths[folder.name in kept].update(path for path in (archive.path, archive.upload) if path)
        if folder.name not in kept:
            shutil.rmtree(folder, ignore_errors=True)
    for path in paths[False] - paths[True]:
        if at(path).is_file():
            remove(at(path))
        shutil.rmtree(at(path), ignore_errors=True)
        remove(files.record(path))


def recover(service: str) -> str | None:
    """An apply was killed between swap and success, or nobody confirmed it: puts back what it changed, reload included."""
    pending = pending_of(service)
    trouble = undo(service, pending) if pending else None
    forget(service, bool(pending and pending["guard"]))
    return trouble


def undo(service: str, pending: Json) -> str:
    """Everything as it was before the swap; says what does not work even so. May itself be killed and done again."""
    previous, failed = load(service, state_of(service)["current"]), load(service, pending["release"])
    dirty = set(pending["dirty"])
    # While their files are there: systemd stops a unit whose file is gone, but not by the ExecStop that stood in it.
    if begun := [name for name, [active, *_] in pending["before"].items() if not active]:
        units.systemctl("stop", *begun)
    files.restore(state_dir("saved", service, pending["saved"]))
    shutil.rmtree(state_dir("quarantine", pending["saved"]), ignore_errors=True)
    try:
        units.reload_manager(dirty)
        undo_units([bundle for bundle in (failed, previous) if bundle], pending, dirty)
        units.attempt(previous.probes if previous else [], "probe of the previous release")
    except Failure as failure:
        return str(failure)
    return ""


def undo_units(bundles: list[Bundle], pending: Json, dirty: set[str]) -> None:
    before = {name: units.State(*values) for name, values in pending["before"].items()}
    now = units.states(list(before))
    if unasked := [name for name, state in before.items() if not state.enabled and now[name].enabled]:
        units.systemctl("disable", "--quiet", *unasked)
    if asked := [name for name, state in before.items() if state.enabled and not now[name].enabled]:
        units.systemctl("enable", "--quiet", *asked)
    known = {unit.name: (unit, bundle) for bundle in bundles for unit in bundle.units}
    for name in [name for name, state in before.items() if state.active]:
        unit, bundle = known[name]
        verb = units.action(unit, bundle, dirty) if now[name].active else "start"
        if verb == "restart" and pending["boot"] == boot() and now[name].since < pending["began"]:
            # It has run since before the swap and has not read what would take a restart.
            verb = units.softer(unit)
        if verb != "none":
            units.act(verb, unit, "health of the previous release")
