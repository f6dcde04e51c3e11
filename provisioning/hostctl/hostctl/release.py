"""Releases of a service: the current one, one under way or unconfirmed, and the way back to the one before."""

import shutil
import time
from pathlib import Path
from typing import NamedTuple

from . import files, packages, units
from .bundle import Bundle, parse
from .system import Failure, Json, at, boot, create, installed, read_json, remove, run, state_dir, write_json, write_whole

KEEP = 5
NOTHING = Bundle("nothing", packages=[], files=[], validate=[], units=[], probes=[])


class State(NamedTuple):
    current: str | None = None
    history: list[str] = []  # Newest first, the current one included.
    packages: dict[str, str] = {}  # The versions that were there at the last apply.
    restarts: Json = {}  # Those put off.
    at: int | None = None
    swap: str | None = None  # The apply that wrote this.
    pending: Json | None = None  # The apply that is under way, was killed, or waits to be confirmed.

    def live(self) -> str | None:
        return self.pending["release"] if self.pending else self.current

    def confirmable(self) -> str | None:
        """Until when a change that works may be confirmed. After a restart nobody can say how long it has waited."""
        change: Json = self.pending or {}
        waits = "works" in change and change["boot"] == boot() and clock() < change["guard"]["deadline"]
        return change["guard"]["until"] if waits else None


def document(kind: str, service: str) -> Path:
    """Of two kinds, `state` and `pending`, because to remove the second needs no room on a full disk."""
    return state_dir(kind, f"{service}.json")


def state_of(service: str) -> State:
    state, pending = State(**(read_json(document("state", service)) or {})), read_json(document("pending", service))
    # An apply whose success is written down is over.
    return state._replace(pending=None if pending is None or pending["saved"] == state.swap else pending)


def services() -> list[str]:
    """Those applied, and those whose very first apply is under way or was killed."""
    return sorted({path.stem for folder in ("state", "pending") for path in state_dir(folder).glob("*.json")})


def release_dir(service: str, release: str | None) -> Path:
    return state_dir("releases", service, str(release))


def stage(bundle: Bundle, release: str, text: bytes) -> str:
    """Writes the release aside, as root's alone. What lies there from an apply that was killed is written anew."""
    folder = release_dir(bundle.service, release)
    staged = folder / "files"
    shutil.rmtree(staged, ignore_errors=True)
    for private in (state_dir("releases"), folder):
        private.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in bundle.files:
        create(staged / file.path.lstrip("/"), file.data(), int(file.mode, 8))
    write_whole(folder / "bundle.json", text)
    return str(staged)


def text_of(service: str, release: str | None) -> bytes | None:
    path = release_dir(service, release) / "bundle.json"
    return path.read_bytes() if path.exists() else None


def load(service: str, release: str | None) -> Bundle | None:
    return parse(text) if (text := text_of(service, release)) else None


def clock() -> float:
    """Seconds since the kernel's start, as processes count them; setting the calendar changes nothing here."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def arm(service: str, seconds: float | None) -> Json:
    """Starts a timer that outlives the session. One that fires too early, or after the confirmation, finds nothing to do."""
    now, seconds = clock(), seconds or 0
    when = [f"--unit=bascule-guard-{service}.{now:.2f}", f"--on-active={seconds}", "--timer-property=AccuracySec=100ms"]
    result = run(["systemd-run", "--quiet", "--collect", *when, installed(), "settle", "--service", service], 30)
    if result.code != 0:
        raise Failure("guard", f"no timer to take the change back: {result.output.strip()[-500:]}", 40)
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
    return {"since": now, "deadline": now + seconds, "until": until}


def forget(service: str, guarded: bool) -> None:
    """Also what was saved by an apply that was killed before it had written its marker."""
    remove(document("pending", service))
    shutil.rmtree(state_dir("saved", service), ignore_errors=True)
    if guarded:
        run(["systemctl", "stop", f"bascule-guard-{service}.*.timer"], 30)


def commit(service: str, pending: Json) -> None:
    release = pending["release"]
    kept = [release, *[item for item in state_of(service).history if item != release]][:KEEP]
    versions = packages.ask((load(service, release) or NOTHING).packages)
    state = State(release, kept, versions, pending["restarts"], int(time.time()), pending["saved"])
    write_json(document("state", service), state._asdict())
    forget(service, bool(pending["guard"]))
    prune(service, kept)


def prune(service: str, kept: list[str]) -> None:
    """Forgets all but the last releases, and the archives and uploads that no other one uses, of whatever service."""
    gone: set[str] = set()
    for folder in [folder for folder in release_dir(service, "").iterdir() if folder.name not in kept]:
        gone.update((load(service, folder.name) or NOTHING).sources())
        shutil.rmtree(folder, ignore_errors=True)
    # Two services may run with the same Node.js.
    for folder in state_dir("releases").glob("*/*") if gone else []:
        gone.difference_update((load(folder.parent.name, folder.name) or NOTHING).sources())
    for path in gone:
        if at(path).is_file():
            remove(at(path))
        shutil.rmtree(at(path), ignore_errors=True)
        remove(files.record(path))


def recover(service: str) -> str | None:
    """An apply failed or was killed after its swap, or nobody confirmed it: puts back what it changed, reload included."""
    state = state_of(service)
    trouble = undo(service, state, state.pending) if state.pending else None
    forget(service, bool(state.pending and state.pending["guard"]))
    return trouble


def undo(service: str, state: State, pending: Json) -> str:
    """Everything as it was before the swap; says what does not work even so. May itself be killed and done again."""
    previous, failed = load(service, state.current) or NOTHING, load(service, pending["release"]) or NOTHING
    before = {name: units.State(*values) for name, values in pending["before"].items()}
    # While their files are there: systemd stops a unit whose file is gone, but not by the ExecStop that stood in it.
    if begun := [name for name, unit in before.items() if not unit.active]:
        units.systemctl("stop", *begun)
    for name in begun:
        units.systemctl("disable", name)
    files.restore(pending["dirty"], state_dir("saved", service, pending["saved"]))
    shutil.rmtree(state_dir("quarantine", pending["saved"]), ignore_errors=True)
    try:
        units.reload_manager(set(pending["dirty"]))
        now, verbs = units.states(list(before)), dict.fromkeys(before, "none")
        known = [unit._replace(enabled=before[unit.name].enabled) for unit in units.both(failed, previous)]
        for unit in known:
            if before[unit.name].active:
                verb = units.action(unit, failed, set(pending["dirty"])) if now[unit.name].active else "start"
                # What has run since before the swap has not read what would take a restart.
                early = pending["boot"] == boot() and now[unit.name].since < pending["began"]
                verbs[unit.name] = units.softer(unit) if verb == "restart" and early else verb
        units.converge([unit for unit in known if not now[unit.name].masked], now, verbs, "health of the previous release")
        units.attempt(previous.probes, "probe of the previous release")
    except Failure as failure:
        return str(failure)
    return ""
