"""Releases of a service: the current one, one under way or unconfirmed, and the way back to the one before."""

import shutil
import time
from pathlib import Path
from typing import Any, NamedTuple

from . import files, packages, units
from .bundle import Bundle
from .records import read_json, write_json
from .system import Failure, Json, at, boot, create, installed, remove, run, state_dir, write_whole

KEEP = 5
NOTHING = Bundle("nothing", packages=[], files=[], validate=[], units=[], probes=[])


# Another hostctl, older or newer, reads these two: a new field has a default, and none changes its meaning.


class Pending(NamedTuple):
    """An apply that is under way, was killed, or waits to be confirmed."""

    release: str
    saved: str
    dirty: dict[str, str | None]
    before: dict[str, Any]
    began: float
    boot: str
    restarts: Json
    works: bool = False
    since: float = 0  # Of the guard, in seconds since the kernel's start, as is the deadline.
    deadline: float = 0
    until: str | None = None  # None where it needs no confirmation.


class State(NamedTuple):
    current: str | None = None
    history: list[str] = []  # Newest first, the current one included.
    packages: dict[str, str] = {}  # The versions that were there at the last apply.
    restarts: Json = {}  # Those put off.
    at: int | None = None
    swap: str | None = None  # The apply that wrote this.
    pending: Pending | None = None

    def live(self) -> str | None:
        return self.pending.release if self.pending else self.current

    def confirmable(self) -> str | None:
        """Until when a change that works may be confirmed. After a restart nobody can say how long it has waited."""
        change = self.pending
        return change.until if change and change.works and change.boot == boot() and clock() < change.deadline else None


def document(kind: str, service: str) -> Path:
    """Of two kinds, `state` and `pending`, because to remove the second needs no room on a full disk."""
    return state_dir(kind, f"{service}.json")


def state_of(service: str) -> State:
    state, pending = read_json(document("state", service), State) or State(), read_json(document("pending", service), Pending)
    # An apply whose success is written down is over.
    return state._replace(pending=None if pending is None or pending.saved == state.swap else pending)


def services() -> list[str]:
    """Those applied, and those whose very first apply is under way or was killed."""
    return sorted({path.stem for folder in ("state", "pending") for path in state_dir(folder).glob("*.json")})


def text_of(service: str, release: str | None) -> Path:
    """The bundle as it came; beside it are its files as they were staged."""
    return state_dir("releases", service, str(release), "bundle.json")


def stage(bundle: Bundle, release: str, text: bytes) -> str:
    """Writes the release aside, as root's alone. What lies there from an apply that was killed is written anew."""
    folder = text_of(bundle.service, release).parent
    staged = folder / "files"
    shutil.rmtree(staged, ignore_errors=True)
    for private in (state_dir("releases"), folder):
        private.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in bundle.files:
        create(staged / file.path.lstrip("/"), file.data(), int(file.mode, 8))
    write_whole(text_of(bundle.service, release), text)
    return str(staged)


def load(service: str, release: str | None) -> Bundle | None:
    return read_json(text_of(service, release), Bundle)


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


def forget(service: str, pending: Pending | None) -> None:
    """Also what was saved by an apply that was killed before it had written its marker."""
    remove(document("pending", service))
    shutil.rmtree(state_dir("saved", service), ignore_errors=True)
    if pending and pending.until:
        run(["systemctl", "stop", f"bascule-guard-{service}.*.timer"], 30)


def commit(service: str, pending: Pending) -> None:
    release = pending.release
    kept = [release, *[item for item in state_of(service).history if item != release]][:KEEP]
    versions = packages.ask((load(service, release) or NOTHING).packages)
    state = State(release, kept, versions, pending.restarts, int(time.time()), pending.saved)
    write_json(document("state", service), state._asdict())


def tidy(service: str) -> Json:
    """Forgets what a finished apply leaves over. Where that fails, what runs runs all the same: said, and done the next time."""
    try:
        state = state_of(service)
        if not state.pending:
            forget(service, read_json(document("pending", service), Pending))
            prune(service, [str(state.current), *state.history])
    except Exception as error:
        return {"warning": f"{error}; what is left is removed with the next apply"}
    return {}


def prune(service: str, kept: list[str]) -> None:
    """Forgets all but the last releases, and the archives and uploads that no other one uses, of whatever service."""
    gone = [folder for folder in state_dir("releases", service).iterdir() if folder.name not in kept]
    # Two services may run with the same Node.js.
    for path in sources(gone) - sources([item for item in state_dir("releases").glob("*/*") if item not in gone] if gone else []):
        if at(path).is_dir() and not at(path).is_symlink():
            shutil.rmtree(at(path))
        remove(at(path))
        remove(files.record(path))
    # Last, as nothing else knows of their archives.
    for folder in gone:
        shutil.rmtree(folder)


def sources(folders: list[Path]) -> set[str]:
    """Archives, and the uploads they came from."""
    unpacked = [archive for folder in folders for archive in (load(folder.parent.name, folder.name) or NOTHING).archives]
    return {path for archive in unpacked for path in (archive.path, archive.upload) if path}


def recover(service: str) -> str | None:
    """An apply failed or was killed after its swap, or nobody confirmed it: puts back what it changed, reload included."""
    state = state_of(service)
    trouble = undo(service, state, state.pending) if state.pending else None
    forget(service, state.pending)
    return trouble


def undo(service: str, state: State, pending: Pending) -> str:
    """Everything as it was before the swap; says what does not work even so. May itself be killed and done again."""
    previous, failed = load(service, state.current) or NOTHING, load(service, pending.release) or NOTHING
    before = {name: units.State(*values) for name, values in pending.before.items()}
    # While their files are there: systemd stops a unit whose file is gone, but not by the ExecStop that stood in it.
    if begun := [name for name, unit in before.items() if not unit.active]:
        units.systemctl("stop", *begun)
    for name in begun:
        units.systemctl("disable", name)
    files.restore(pending.dirty, state_dir("saved", service, pending.saved))
    shutil.rmtree(state_dir("quarantine", pending.saved), ignore_errors=True)
    try:
        units.reload_manager(set(pending.dirty))
        now, verbs = units.states(list(before)), dict.fromkeys(before, "none")
        known = [unit._replace(enabled=before[unit.name].enabled) for unit in units.both(failed, previous)]
        for unit in known:
            if before[unit.name].active:
                verb = units.action(unit, failed, set(pending.dirty)) if now[unit.name].active else "start"
                # What has run since before the swap has not read what would take a restart.
                early = pending.boot == boot() and now[unit.name].since < pending.began
                verbs[unit.name] = units.softer(unit) if verb == "restart" and early else verb
        units.converge([unit for unit in known if not now[unit.name].masked], now, verbs, "health of the previous release")
        units.attempt(previous.probes, "probe of the previous release")
    except Failure as failure:
        return str(failure)
    return ""
