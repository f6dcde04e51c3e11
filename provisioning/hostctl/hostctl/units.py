"""systemd units: their state, and the least that makes changed files live."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from .bundle import Bundle, Command, Unit
from .system import Failure, Result, run

UNIT_FOLDERS = ("/etc/systemd/system/", "/usr/lib/systemd/system/", "/lib/systemd/system/")
# Units without an [Install] section, or whose start somebody else arranges, cannot be enabled and need not be.
ENABLED = {"enabled", "enabled-runtime", "static", "generated", "indirect", "alias", "linked", "transient"}


@dataclass(frozen=True)
class State:
    active: bool
    enabled: bool
    masked: bool


def systemctl(*arguments: str, timeout: float = 180.0) -> Result:
    return run(["systemctl", "--no-ask-password", *arguments], timeout)


def states(names: list[str]) -> dict[str, State]:
    if not names:
        return {}
    shown = systemctl("show", "-p", "ActiveState,UnitFileState,LoadState", *names)
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
              for block in re.split(r"\n\s*\n", shown.output.strip())]
    if shown.code != 0 or len(blocks) != len(names):
        raise Failure("units", f"systemd does not answer: {shown.output[-500:]}", 40)
    return {
        name: State(block.get("ActiveState") in ("active", "reloading"), block.get("UnitFileState") in ENABLED,
                    block.get("LoadState") == "masked")
        for name, block in zip(names, blocks, strict=True)
    }


def reload_manager(dirty: set[str]) -> None:
    if any(path.startswith(UNIT_FOLDERS) for path in dirty):
        result = systemctl("daemon-reload")
        if result.code != 0:
            raise Failure("units", f"daemon-reload: {result.output[-500:]}")


def defines(path: str, name: str) -> bool:
    """Whether this path is the unit's file, its template's, or a drop-in of either."""
    template = re.sub(r"@[^.]*\.", "@.", name)
    return any(path == f"{folder}{owner}" or path.startswith(f"{folder}{owner}.d/")
               for folder in UNIT_FOLDERS for owner in {name, template})


def action(unit: Unit, bundle: Bundle, dirty: set[str]) -> str:
    """`none`, `reload` or `restart`: the least that makes the dirty paths live in a running unit."""
    if unit.onChange == "none":
        return "none"
    if any(defines(path, unit.name) for path in dirty) or dirty & set(unit.restartOn):
        return "restart"
    return unit.onChange if dirty & set(bundle.paths() if unit.watches is None else unit.watches) else "none"


def act(verb: str, unit: Unit) -> None:
    # A unit that failed too often refuses to start until its counter is cleared.
    if verb in ("start", "restart"):
        systemctl("reset-failed", unit.name)
    result = systemctl(verb, unit.name)
    if result.code != 0:
        raise Failure("units", f"{verb} {unit.name}: {result.output.strip()[-300:]}\n{journal(unit.name)}")


def journal(name: str) -> str:
    return run(["journalctl", "-u", name, "-n", "15", "--no-pager", "-o", "cat"], 10).output[-1200:]


def attempt(command: Command, step: str) -> None:
    """Runs a probe again and again, every half second, until it passes or its time is over."""
    deadline = time.monotonic() + command.timeout
    while True:
        result = run(command.argv, max(1.0, deadline - time.monotonic()), command.user)
        if result.code == 0:
            return
        if time.monotonic() + 0.5 > deadline:
            raise Failure(step, f"{command.name}: {result.output.strip()[-1200:]}")
        time.sleep(0.5)


def bring_up(bundle: Bundle, before: dict[str, State], dirty: set[str]) -> None:
    """Starts what does not run, all at once; reloads or restarts what runs and watches a dirty path, one after the other."""
    enable = [unit.name for unit in bundle.units if unit.enabled and not before[unit.name].enabled]
    disable = [unit.name for unit in bundle.units if not unit.enabled and before[unit.name].enabled]
    for verb, names in (("enable", enable), ("disable", disable)):
        result = systemctl(verb, "--quiet", *names) if names else None
        if result is not None and result.code != 0:
            raise Failure("units", f"{verb} {' '.join(names)}: {result.output[-500:]}")
    stopped = [unit for unit in bundle.units if not before[unit.name].active]
    if stopped:
        systemctl("reset-failed", *[unit.name for unit in stopped])
        result = systemctl("start", *[unit.name for unit in stopped])
        if result.code != 0:
            logs = "\n".join(journal(unit.name) for unit in stopped[:2])
            raise Failure("units", f"start: {result.output.strip()[-300:]}\n{logs}")
    for unit in bundle.units:
        verb = "start" if unit in stopped else action(unit, bundle, dirty)
        if verb in ("reload", "restart"):
            act(verb, unit)
        if verb != "none":
            healthy(unit, "health")


def healthy(unit: Unit, step: str) -> None:
    """Waits for the unit's own check; on failure the unit's log says more than the check does."""
    if unit.health is None:
        return
    try:
        attempt(unit.health, step)
    except Failure as failure:
        raise Failure(step, f"{failure.reason}\n{journal(unit.name)}") from None
