"""What is done without a new bundle: confirm, revert, and what the host finishes by itself."""

import os

from . import units
from .apply import apply
from .check import check, drift
from .release import commit, load, recover, services, state_of, text_of, tidy
from .system import LOCK_SECONDS, Failure, Json, at, lock


def login() -> float | None:
    """When the SSH connection that asks was accepted; None at a console, from cron or by `docker exec`."""
    pid, accepted = os.getppid(), None
    while pid > 1:
        fields = at(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        program = os.path.basename(os.readlink(at(f"/proc/{pid}/exe"))).removesuffix(" (deleted)")
        pid = int(fields[1])
        # The one whose parent is the first process listens; `sshd-session` is a program of its own since OpenSSH 9.8.
        if program in ("sshd", "sshd-session") and pid != 1:
            # Since the kernel's start: the calendar may be set to anything.
            accepted = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return accepted


def confirm(service: str, release: str) -> tuple[int, Json]:
    with lock(f"{service}.lock"):
        state = state_of(service)
        if state.pending is None and state.current == release:
            return 0, {"service": service, "hash": release, "result": "unchanged"}
        if state.pending is None or not state.confirmable() or state.live() != release:
            raise Failure("confirm", f"{release} does not wait to be confirmed, {state.current} runs: it was never applied, or "
                          "nobody confirmed in time and the host took it back; see journalctl -t hostctl, then apply again")
        if (since := login()) is None:
            raise Failure("confirm", "this does not come from an SSH login; a console proves nothing about the way in")
        # Starts of processes are cut to hundredths.
        if since < int(state.pending.since * 100) / 100:
            raise Failure("confirm", "this SSH connection is older than the change; open a new one: ssh -o ControlPath=none")
        commit(service, state.pending)
        return 0, {"service": service, "hash": release, "result": "confirmed", **tidy(service)}


def again(service: str, release: str | None, restart_now: bool = False) -> tuple[int, Json]:
    """Applies a release that lies on this host."""
    if (text := text_of(service, release)).exists():
        return apply(service, str(release), text.read_bytes(), restart_now)
    reason = f"release {release} is not on this host, so it has to be applied anew: pulumi up --replace '**{service}*-apply'"
    return 30, Failure("release", reason).answer(service=service, hash=release)


def repair(wanted: list[str]) -> tuple[int, Json]:
    """`wanted`: names, or NAME=HASH for another release than the current one; everything that was applied where there is none."""
    asked = dict(item.partition("=")[::2] for item in wanted) or dict.fromkeys(services(), "")
    answers: dict[str, tuple[int, Json]] = {}
    # Twice: a service whose probes need another one is repaired once that one is.
    for service, release in [*asked.items(), *asked.items()]:
        if not as_wanted(service, release):
            answers[service] = again(service, release or state_of(service).current)
    code, report = check(None)
    failed = [code for service, (code, _) in answers.items() if not as_wanted(service, asked[service])]
    return max([code, *failed]), {"repaired": [answer for _, answer in answers.values()], **report}


def as_wanted(service: str, release: str) -> bool:
    return release in ("", state_of(service).current) and not drift(service)


def revert(service: str, to: str | None) -> tuple[int, Json]:
    """To the release before; where a change waits to be confirmed or was killed, to the one before that change."""
    with lock(f"{service}.lock"):
        trouble, state = recover(service), state_of(service)
    if trouble is not None and to is None:
        return 0, {"service": service, "hash": state.current, "result": "changed", "reason": trouble}
    wanted = to or next(iter(state.history[1:]), "")
    if wanted not in state.history:
        raise Failure("revert", f"{service} has no {f'release {to}' if to else 'earlier release'} here; see: hostctl list")
    return again(service, wanted)


def releases(service: str) -> tuple[int, Json]:
    """Those that are kept, newest first, and what each unpacked where."""
    state = state_of(service)
    kept = [{"hash": name, "archives": [{"path": archive.path, "sha256": archive.sha256} for archive in bundle.archives]}
            for name in state.history if (bundle := load(service, name))]
    return 0, {"service": service, "current": state.current, "releases": kept}


def settle(service: str | None) -> tuple[int, Json]:
    """Called by timers and at boot: takes back what was killed or never confirmed, does restarts whose window is open."""
    done: list[Json] = []
    for name in [name for name in services() if service in (None, name)]:
        try:
            finish(name, LOCK_SECONDS if service else 0, done)
        except Failure as failure:
            # Where somebody is at it, the next round looks again.
            if service or failure.step != "lock":
                done.append(failure.answer(service=name))
    return max(({"reverted": 20, "refused": 40}.get(item["result"], 0) for item in done), default=0), {"settled": done}


def finish(service: str, patience: float, done: list[Json]) -> None:
    with lock(f"{service}.lock", patience):
        state = state_of(service)
        if state.pending and not state.confirmable():
            why = "nobody confirmed the change in time" if state.pending.works else "an apply was killed"
            done.append({"service": service, "hash": state.live(), "result": "reverted", "reason": f"{why}. {recover(service)}"})
    state = state_of(service)
    left = units.put_off(state.restarts, units.states(list(state.restarts)))
    if any(units.open_now(note["window"]) for note in left.values()):
        code, answer = again(service, state.current)
        done.append(answer)
        running = next(iter(left.values()))["running"]
        if code == 20 and running in state.history:
            # It does not come up with what was written since: back to what it ran with.
            done.append(again(service, running, restart_now=True)[1])
