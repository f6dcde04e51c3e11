"""apply: a bundle becomes what runs, or everything stays (or comes back) as it was."""

import os
import shutil
import time

from . import check, files, packages, units
from .bundle import Bundle, Command, Unit, fingerprint, parse, redact
from .release import arm, commit, forget, load, marker, pending_of, recover, state_of, undo, waits
from .system import (Failure, Json, at, beside, boot, ids, image, link_whole, lock, move_whole, remove, run, state_dir,
                     write_beside, write_json, write_whole)


def apply(service: str, expected: str, text: bytes, restart_now: bool = False) -> tuple[int, Json]:
    """The exit code and what is printed. Never raises: whatever happens is said in JSON."""
    begun, bundle = time.monotonic(), None
    answer: Json = {"service": service, "hash": expected}
    try:
        if fingerprint(text) != expected:
            raise Failure("bundle", f"standard input has hash {fingerprint(text)}, the command says {expected}")
        bundle = parse(text)
        if bundle.service != service:
            raise Failure("bundle", f"the bundle is of service {bundle.service}, the command says {service}")
        with lock(f"{service}.lock"):
            answer["result"] = Apply(bundle, expected, text, restart_now).run()
            answer.update(check.extras(service))
        failure = Failure("", "", 0)
    except Failure as error:
        failure = error
    except Exception as error:
        # A full disk, a read-only file system: nothing was swapped, or the marker makes the next apply bring it back.
        reason = f"{type(error).__name__}: {error}; see what the host lacks: df -h, journalctl -p err, then apply again"
        failure = Failure("host", reason, 40)
    if failure.code != 0:
        reason = redact(failure.reason, bundle) if bundle else failure.reason
        answer.update(result="reverted" if failure.code == 20 else "refused", step=failure.step, reason=reason)
    return failure.code, {**answer, "seconds": round(time.monotonic() - begun, 2)}


class Apply:
    def __init__(self, bundle: Bundle, release: str, text: bytes, restart_now: bool) -> None:
        self.bundle, self.service, self.release, self.text = bundle, bundle.service, release, text
        self.restart_now = restart_now
        # Every file is as it should be and the service is not: something was changed at run time.
        self.unwell = False
        self.staged = ""

    def run(self) -> str:
        bundle, service = self.bundle, self.service
        pending = pending_of(service)
        running = state_of(service)["current"] if pending is None else pending["release"] if waits(pending) else None
        if running == self.release:
            found = check.drift(service)
            if self.settled(found):
                return "unchanged"
            self.unwell = any(item["kind"] == "probe" for item in found)
        if bundle.images and image() not in bundle.images:
            raise Failure("image", f"the bundle is for {' or '.join(bundle.images)}, this host is {image()}", 40)
        recover(service)
        for file in bundle.files:
            if file.early and any(files.file_drift(file)):
                write_whole(at(file.path), file.data(), int(file.mode, 8), ids(file.owner, file.group))
        packages.install(bundle.packages, state_of(service)["packages"])
        self.staged = str(files.stage(bundle, self.release, self.text))
        self.commands("setup", bundle.setup)
        for archive in bundle.archives:
            files.unpack(archive)
        self.commands("validate", bundle.validate)
        previous = load(service, state_of(service)["current"])
        pending = self.begin(previous)
        try:
            self.swap(pending, previous)
            if pending["guard"]:
                # The time to come in again begins only now.
                pending.update(works=True, guard=arm(service, bundle.guardSeconds or 0))
                write_json(marker(service), pending)
            else:
                commit(service, pending)
        except Exception as error:
            step, reason = (error.step, error.reason) if isinstance(error, Failure) else ("swap", str(error))
            trouble = undo(service, pending)
            forget(service, bool(pending["guard"]))
            raise Failure(step, f"{reason}\nThe previous files are back, but: {trouble}" if trouble else reason, 20) from None
        return "changed"

    def settled(self, found: list[check.Entry]) -> bool:
        """No difference but a confirmation that is waited for and restarts that must wait."""
        due = [unit for unit in self.bundle.units if self.may_restart(unit)]
        return all(item["kind"] == "confirm" or (item["kind"] == "restart" and item["name"] not in [unit.name for unit in due])
                   for item in found)

    def may_restart(self, unit: Unit) -> bool:
        return self.restart_now or units.open_now(unit.restartWindow)

    def commands(self, step: str, commands: list[Command]) -> None:
        for command in commands:
            argv = [argument.replace("{staged}", self.staged) for argument in command.argv]
            result = run(argv, command.timeout, command.user)
            if result.code != 0:
                raise Failure(step, f"{command.name}: {result.output.strip()[-1500:]}")

    def begin(self, previous: Bundle | None) -> Json:
        """Saves what is there and writes down, on disk for good, that a swap is under way. Nothing is live before this."""
        bundle, service = self.bundle, self.service
        changed = [file for file in bundle.files if any(files.file_drift(file))]
        dirty = [file.path for file in changed]
        dirty += [path for path, target in bundle.links.items() if files.link_drift(path, target)]
        foreign = check.foreign(bundle)
        gone = set(previous.paths()) - set(bundle.paths()) if previous else set()
        dirty += [path for path in sorted({*gone, *bundle.absent, *foreign}) if os.path.lexists(at(path))]
        owners = [ids(file.owner, file.group) for file in changed]
        names = [unit.name for unit in bundle.units + (previous.units if previous else [])]
        began, before = time.monotonic(), units.states(list(dict.fromkeys(names)))
        saved = f"{time.strftime('%Y-%m-%dT%H%M%SZ', time.gmtime())}-{service}-{time.time_ns() % 10**9:09}"
        files.save(dirty, state_dir("saved", service, saved))
        # All that can fail for want of room is done before the first file changes.
        for file, owner in zip(changed, owners, strict=True):
            write_beside(at(file.path), file.data(), int(file.mode, 8), owner)
        # The current release was confirmed when it came; putting it back needs no second proof.
        guarded = bundle.guardSeconds is not None and dirty and state_of(service)["current"] != self.release
        pending = {
            "release": self.release, "saved": saved, "dirty": dirty, "foreign": foreign, "before": before, "began": began,
            "boot": boot(), "guard": arm(service, bundle.guardSeconds or 0) if guarded else None, "restarts": {},
        }
        write_json(marker(service), pending)
        return pending

    def swap(self, pending: Json, previous: Bundle | None) -> None:
        bundle, dirty, paths = self.bundle, set(pending["dirty"]), self.bundle.paths()
        kept = {unit.name for unit in bundle.units}
        if leaving := [unit.name for unit in (previous.units if previous else []) if unit.name not in kept]:
            units.systemctl("disable", "--now", "--quiet", *leaving)
        for path in pending["foreign"]:
            aside = beside(state_dir("quarantine", pending["saved"], path.lstrip("/"))).with_name(path.rpartition("/")[2])
            shutil.move(at(path), aside)
        for path in pending["dirty"]:
            if path in bundle.links:
                link_whole(at(path), bundle.links[path])
            elif path in paths:
                move_whole(beside(at(path)), at(path))
            else:
                remove(at(path))
        self.commands("prepare", bundle.prepare)
        units.reload_manager(dirty)
        verbs = self.verbs(pending, dirty)
        write_json(marker(self.service), pending)
        units.bring_up(bundle, pending["before"], verbs)
        self.commands("finish", bundle.finish)
        try:
            units.attempt(bundle.probes, "probe")
        except Failure:
            again = [unit for unit in bundle.units if unit.onChange != "none" and self.may_restart(unit)]
            if not self.unwell or not again:
                raise
            for unit in again:
                units.act("restart", unit)
            units.attempt(bundle.probes, "probe")

    def verbs(self, pending: Json, dirty: set[str]) -> dict[str, str]:
        """What to do to each running unit; restarts that must wait for their window are noted in the marker."""
        state = state_of(self.service)
        earlier = units.put_off(state["restarts"], pending["before"])
        verbs: dict[str, str] = {}
        for unit in self.bundle.units:
            verb = units.action(unit, self.bundle, dirty)
            if verb == "none" and self.unwell:
                verb = unit.onChange
            restart = verb == "restart" or unit.name in earlier
            if restart and pending["before"][unit.name].active and not self.may_restart(unit):
                note = {"since": pending["began"], "boot": pending["boot"], "running": state["current"]}
                pending["restarts"][unit.name] = {**note, **earlier.get(unit.name, {}), "window": unit.restartWindow}
                verbs[unit.name] = "none" if verb == "none" else units.softer(unit)
            else:
                verbs[unit.name] = "restart" if restart else verb
        return verbs
