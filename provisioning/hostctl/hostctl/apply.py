"""apply: a bundle becomes what runs, or everything stays (or comes back) as it was."""

import os
import shutil
import time

from . import check, files, packages, units
from .bundle import Bundle, Unit, parse, redact
from .files import Entry
from .release import NOTHING, Pending, arm, commit, document, load, recover, stage, state_of, tidy
from .records import write_json
from .system import Command, Failure, Json, at, boot, fingerprint, image, lock, state_dir, unfit


def apply(service: str, release: str, text: bytes, restart_now: bool = False, quick: bool = False) -> tuple[int, Json]:
    """The exit code and what is printed. Never raises: whatever happens is said in JSON. `quick`: see `Archive.drift`."""
    begun, bundle, code = time.monotonic(), None, 0
    answer: Json = {"service": service, "hash": release}
    try:
        if fingerprint(text) != release:
            raise Failure("bundle", f"standard input has hash {fingerprint(text)}, the command says {release}")
        bundle = parse(text)
        if bundle.service != service:
            raise Failure("bundle", f"the bundle is of service {bundle.service}, the command says {service}")
        with lock(f"{service}.lock"):
            result = Apply(bundle, release, text, restart_now, quick).run()
            answer.update(result=result, **tidy(service), **check.unfinished(service))
    except Exception as error:
        # Of a kind nobody has foreseen: nothing was swapped, or the marker makes the next apply bring it back.
        failure = unfit(error)
        failure.reason = redact(failure.reason, bundle) if bundle else failure.reason
        code, answer = failure.code, failure.answer(**answer)
    return code, {**answer, "seconds": round(time.monotonic() - begun, 2)}


class Apply:
    def __init__(self, bundle: Bundle, release: str, text: bytes, restart_now: bool, quick: bool) -> None:
        self.bundle, self.service, self.release, self.text = bundle, bundle.service, release, text
        self.restart_now, self.quick = restart_now, quick
        # Every file is as it should be and the service is not: something was changed at run time.
        self.unwell = False

    def run(self) -> str:
        bundle, service = self.bundle, self.service
        if state_of(service).live() == self.release:
            found = check.drift(service, self.quick)
            if self.settled(found):
                return "unchanged"
            self.unwell = any(item["kind"] == "probe" for item in found)
        if bundle.images and image() not in bundle.images:
            raise Failure("image", f"the bundle is for {' or '.join(bundle.images)}, this host is {image()}", 40)
        recover(service)
        early = [file for file in bundle.files if file.early and any(file.drift())]
        files.write_beside(early)
        files.swap([file.path for file in early], bundle.paths())
        packages.install(bundle.packages, state_of(service).packages)
        staged = stage(bundle, self.release, self.text)
        commands("setup", bundle.setup, staged)
        for archive in bundle.archives:
            files.unpack(archive, self.quick)
        commands("validate", bundle.validate, staged)
        previous = load(service, state_of(service).current) or NOTHING
        pending = self.begin(previous)
        try:
            self.swap(pending, previous)
            if pending.until:
                # The time to come in again begins only now.
                pending = pending._replace(works=True, **arm(service, bundle.guardSeconds or 0))
                write_json(document("pending", service), pending._asdict())
            else:
                commit(service, pending)
        except Exception as error:
            step, reason = (error.step, error.reason) if isinstance(error, Failure) else ("swap", str(error))
            if trouble := recover(service):
                reason += f"\nThe previous files are back, but: {trouble}"
            raise Failure(step, reason, 20) from None
        return "changed"

    def settled(self, found: list[Entry]) -> bool:
        """No difference but a confirmation that is waited for and restarts that must wait."""
        due = [unit.name for unit in self.bundle.units if self.may_restart(unit)]
        return all(item["kind"] == "confirm" or (item["kind"] == "restart" and item["name"] not in due) for item in found)

    def may_restart(self, unit: Unit) -> bool:
        return self.restart_now or units.open_now(unit.restartWindow)

    def begin(self, previous: Bundle) -> Pending:
        """Saves what is there and writes down, on disk for good, that a swap is under way. Nothing is live before this."""
        bundle, service = self.bundle, self.service
        changed = [item for item in bundle.items() if any(item.drift())]
        unwanted = {*previous.paths(), *bundle.absent, *check.foreign(bundle)} - set(bundle.paths())
        dirty = [item.path for item in changed] + [path for path in sorted(unwanted) if os.path.lexists(at(path))]
        began, before = time.monotonic(), units.states([unit.name for unit in units.both(previous, bundle)])
        saved = f"{time.strftime('%Y-%m-%dT%H%M%SZ', time.gmtime())}-{service}-{time.time_ns() % 10**9:09}"
        copies = files.save(dirty, state_dir("saved", service, saved))
        files.write_beside(changed)
        # The current release was confirmed when it came; putting it back needs no second proof.
        new = dirty and state_of(service).current != self.release
        guard = arm(service, bundle.guardSeconds) if new and bundle.guardSeconds else {}
        pending = Pending(self.release, saved, copies, before, began, boot(), {}, **guard)
        write_json(document("pending", service), pending._asdict())
        return pending

    def swap(self, pending: Pending, previous: Bundle) -> None:
        bundle, dirty = self.bundle, set(pending.dirty)
        if leaving := sorted({unit.name for unit in previous.units} - {unit.name for unit in bundle.units}):
            units.systemctl("disable", "--now", *leaving)
        for path in set(check.foreign(bundle)) & dirty:
            aside = state_dir("quarantine", pending.saved, path.lstrip("/"))
            aside.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(at(path), aside)
        files.swap(list(pending.dirty), bundle.paths())
        commands("prepare", bundle.prepare)
        units.reload_manager(dirty)
        units.converge(bundle.units, pending.before, self.verbs(pending, dirty), "health")
        commands("finish", bundle.finish)
        try:
            units.attempt(bundle.probes, "probe")
        except Failure:
            again = [unit for unit in bundle.units if unit.onChange != "none" and self.may_restart(unit)]
            if not self.unwell or not again:
                raise
            units.converge(again, units.states([unit.name for unit in again]), {unit.name: "restart" for unit in again}, "health")
            units.attempt(bundle.probes, "probe")

    def verbs(self, pending: Pending, dirty: set[str]) -> dict[str, str]:
        """What to do to each unit; restarts that must wait for their window are noted."""
        state, verbs = state_of(self.service), {}
        earlier = units.put_off(state.restarts, pending.before)
        for unit in self.bundle.units:
            verb = "restart" if unit.name in earlier else units.action(unit, self.bundle, dirty)
            if verb == "none" and self.unwell:
                verb = unit.onChange
            if not pending.before[unit.name].active:
                verb = "start"
            elif verb == "restart" and not self.may_restart(unit):
                now = {"since": pending.began, "boot": pending.boot, "running": state.current}
                pending.restarts[unit.name] = {**now, **earlier.get(unit.name, {}), "window": unit.restartWindow}
                verb = units.softer(unit)
            verbs[unit.name] = verb
        return verbs


def commands(step: str, wanted: list[Command], staged: str = "") -> None:
    for command in wanted:
        result = command._replace(argv=[argument.replace("{staged}", staged) for argument in command.argv]).run()
        if result.code != 0:
            raise Failure(step, f"{command.name}: {result.output.strip()[-1500:]}")
