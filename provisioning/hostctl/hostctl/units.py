"""systemd units: their state, and the least that makes changed files live."""

import os
import re
import time
from typing import NamedTuple

from .bundle import Bundle, Unit, template
from .system import Command, Failure, Json, Result, boot, run, run_all

FOLDERS = ("/etc/systemd/system/", "/run/systemd/system/", "/usr/lib/systemd/system/", "/lib/systemd/system/")
# Units without an [Install] section, or whose start somebody else arranges, cannot be enabled and need not be.
ENABLED = {"enabled", "enabled-runtime", "static", "generated", "indirect", "alias", "linked", "transient"}
PROPERTIES = "LoadState,ActiveState,UnitFileState,ActiveEnterTimestampMonotonic"


class State(NamedTuple):
    active: bool
    enabled: bool
    masked: bool
    since: float  # Seconds since the boot; a restart sets it, a reload does not.


def systemctl(*arguments: str) -> Result:
    return run(["systemctl", "--no-ask-password", *arguments], 180)


def demand(verb: str, *names: str) -> None:
    if verb in ("start", "restart"):
        # A unit that failed too often refuses to start until its counter is cleared.
        systemctl("reset-failed", *names)
    if (result := systemctl(verb, *names)).code != 0:
        said = f"{' '.join([verb, *names])}: {result.output.strip()[-300:]}"
        raise Failure("units", "\n".join([said, *map(journal, names[-1:])]))


def journal(name: str) -> str:
    return run(["journalctl", "-u", name, "-n", "15", "--no-pager", "-o", "cat"], 10).output[-1200:]


def both(first: Bundle, second: Bundle) -> list[Unit]:
    """The units of two releases; of those with the same name the second's."""
    return list({unit.name: unit for unit in first.units + second.units}.values())


def question(names: list[str]) -> Command:
    return Command("systemd", ["systemctl", "show", "-p", PROPERTIES, *names] if names else [])


def states(names: list[str], answer: Result | None = None) -> dict[str, State]:
    answer = answer or question(names).run()
    blocks = [dict(re.findall(r"^(\w+)=(.*)$", text, re.M)) for text in re.split(r"\n\s*\n", answer.output.strip())][:len(names)]
    if answer.code != 0 or len(blocks) != len(names):
        raise Failure("units", f"systemd does not answer: {answer.output[-500:]}", 40)
    return {name: State(block.get("ActiveState") in ("active", "reloading"), block.get("UnitFileState") in ENABLED,
                        block.get("LoadState") == "masked", int(block.get("ActiveEnterTimestampMonotonic") or 0) / 1e6)
            for name, block in zip(names, blocks, strict=True)}


def open_now(window: str | None) -> bool:
    begin, end = (window or "00:00-24:00").split("-")
    now = time.strftime("%H:%M", time.gmtime())
    return begin <= now < end if begin < end else now >= begin or now < end


def put_off(noted: Json, now: dict[str, State]) -> Json:
    """The restarts that still stand out: the unit runs and was not started since, by whomever."""
    return {name: note for name, note in noted.items()
            if name in now and now[name].active and note["boot"] == boot() and now[name].since <= note["since"]}


def reload_manager(dirty: set[str]) -> None:
    if any(path.startswith(FOLDERS) for path in dirty):
        demand("daemon-reload")


def defines(path: str, name: str) -> bool:
    """Whether this path is the unit's file, its template's, or a drop-in of either."""
    return any(path == folder + owner or path.startswith(f"{folder}{owner}.d/")
               for folder in FOLDERS for owner in (name, template(name)))


def action(unit: Unit, bundle: Bundle, dirty: set[str]) -> str:
    """`none`, `reload` or `restart`: the least that makes the dirty paths live in a running unit."""
    if unit.onChange == "none":
        return "none"
    if any(defines(path, unit.name) for path in dirty) or dirty & set(unit.restartOn):
        return "restart"
    # What was in the way and is gone was read by nobody knows whom.
    cleared = {path for path in dirty if path in bundle.absent or os.path.dirname(path) in bundle.folders()} - set(bundle.paths())
    watched = dirty if unit.watches is None else dirty & {*unit.watches, *cleared}
    return unit.onChange if watched else "none"


def softer(unit: Unit) -> str:
    """What may be done at once where a restart must wait for its window."""
    return "reload" if unit.onChange == "reload" else "none"


def attempt(commands: list[Command], step: str, *units: str) -> None:
    """Runs checks side by side, again and again every half second, until each has passed or its time is over."""
    begun = time.monotonic()
    while commands:
        results = run_all([one._replace(timeout=max(1.0, begun + one.timeout - time.monotonic())) for one in commands])
        failed = [(command, result) for command, result in zip(commands, results, strict=True) if result.code != 0]
        for command, result in failed:
            if time.monotonic() - begun + 0.5 > command.timeout:
                # A unit's own log says more than its check does.
                raise Failure(step, "\n".join([f"{command.name}: {result.output.strip()[-1200:]}", *map(journal, units)]))
        commands = [command for command, _ in failed]
        time.sleep(0.5 if commands else 0)


def converge(wanted: list[Unit], now: dict[str, State], verbs: dict[str, str], step: str) -> None:
    """Starts what is to be started, all at once; does to the others what the verbs say, one after the other."""
    changes = {
        "unmask": [unit.name for unit in wanted if now[unit.name].masked],
        "enable": [unit.name for unit in wanted if unit.enabled and not now[unit.name].enabled],
        "disable": [unit.name for unit in wanted if not unit.enabled and now[unit.name].enabled],
        "start": [unit.name for unit in wanted if verbs[unit.name] == "start"],
    }
    for verb, names in changes.items():
        if names:
            demand(verb, *names)
    for unit in wanted:
        if verbs[unit.name] not in ("none", "start"):
            demand(verbs[unit.name], unit.name)
        if verbs[unit.name] != "none" and unit.health:
            attempt([unit.health], step, unit.name)
