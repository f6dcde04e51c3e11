"""apply: a bundle becomes what runs, or everything stays (or comes back) as it was."""

import os
import shutil
import time

from . import check, files, packages, units
from .bundle import Bundle, Unit, parse, redact
from .files import Entry
from .release import NOTHING, arm, commit, document, load, recover, stage, state_of
from .system import Command, Failure, Json, at, boot, fingerprint, image, lock, state_dir, write_json


def apply(service: str, release: str, text: bytes, restart_now: bool = False, quick: bool = False) -> tuple[int, Json]:
    """The exit code and what is printed. Never raises: whatever happens is said in JSON. `quick`: see `Archive.drift`."""
    begun, bundle, failure = time.monotonic(), None, Failure("", "", 0)
    answer: Json = {"service": service, "hash": release}
    try:
        if fingerprint(text) != release:
            raise Failure("bundle", f"standard input has hash {fingerprint(text)}, the command says {release}")
        bundle = parse(text)
        if bundle.service != service:
            raise Failure("bundle", f"the bundle is of service {bundle.service}, the command says {service}")
        with lock(f"{service}.lock"):
            answer["result"] = Apply(bundle, release, text, restart_now, quick).run()
            answer.update(check.unfinished(service))
    except Failure as error:
        failure = error
    except Exception as error:
        # A full disk, a read-only file system: nothing was swapped, or the marker makes the next apply bring it back.
        reason = f"{type(error).__name__}: {error}; see what the host lacks: df -h, journalctl -p err, then apply again"
        failure = Failure("host", reason, 40)
    if failure.code != 0:
        failure.reason = redact(failure.reason, bundle) if bundle else failure.reason
        answer = failure.answer(**answer)
    return failure.code, {**answer, "seconds": round(time.monotonic() - begun, 2)}


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
            if pending["guard"]:
                # The time to come in again begins only now.
                write_json(document("pending", service), {**pending, "works": True, "guard": arm(service, bundle.guardSeconds)})
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

    def begin(self, previous: Bundle) -> Json:
        """Saves what is there and writes down, on disk for good, that a swap is under way. Nothing is live before this."""
        bundle, service = self.bundle, self.service
        foreign = check.foreign(bundle)
        changed = [item for item in bundle.items() if any(item.drift())]
        unwanted = {*previous.paths(), *bundle.absent, *foreign} - set(bundle.paths())
        dirty = [item.path for item in changed] + [path for path in sorted(unwanted) if os.path.lexists(at(path))]
        began, before = time.monotonic(), units.states([unit.name for unit in units.both(previous, bundle)])
        saved = f"{time.strftime('%Y-%m-%dT%H%M%SZ', time.gmtime())}-{service}-{time.time_ns() % 10**9:09}"
        copies = files.save(dirty, state_dir("saved", service, saved))
        files.write_beside(changed)
        # The current release was confirmed when it came; putting it back needs no second proof.
        guarded = bundle.guardSeconds is not None and dirty and state_of(service).current != self.release
        pending = {
            "release": self.release, "saved": saved, "dirty": copies, "foreign": foreign, "before": before, "began": began,
            "boot": boot(), "guard": arm(service, bundle.guardSeconds) if guarded else None, "restarts": {},
        }
        write_json(document("pending", service), pending)
        return pending

    def swap(self, pending: Json, previous: Bundle) -> None:
        bundle, dirty = self.bundle, set(pending["dirty"])
        if leaving := sorted({unit.name for unit in previous.units} - {unit.name for unit in bundle.units}):
            units.systemctl("disable", "--now", *leaving)
        for path in pending["foreign"]:
            aside = state_dir("quarantine", pending["saved"], path.lstrip("/"))
            aside.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(at(path), aside)
        files.swap(list(pending["dirty"]), bundle.paths())
        commands("prepare", bundle.prepare)
        units.reload_manager(dirty)
        units.converge(bundle.units, pending["before"], self.verbs(pending, dirty), "health")
        commands("finish", bundle.finish)
        try:
            units.attempt(bundle.probes, "probe")
        except Failure:
            again = [unit for unit in bundle.units if unit.onChange != "none" and self.may_restart(unit)]
            if not self.unwell or not again:
                raise
            units.converge(again, units.states([unit.name for unit in again]), {unit.name: "restart" for unit in again}, "health")
            units.attempt(bundle.probes, "probe")

    def verbs(self, pending: Json, dirty: set[str]) -> dict[str, str]:
        """What to do to each unit; restarts that must wait for their window are noted."""
        state, verbs = state_of(self.service), {}
        earlier = units.put_off(state.restarts, pending["before"])
        for unit in self.bundle.units:
            verb = units.action(unit, self.bundle, dirty)
            if verb == "none" and self.unwell:
                verb = unit.onChange
            if not pending["before"][unit.name].active:
                verb = "start"
            elif (verb == "restart" or unit.name in earlier) and not self.may_restart(unit):
                now = {"since": pending["began"], "boot": pending["boot"], "running": state.current}
                pending["restarts"][unit.name] = {**now, **earlier.get(unit.name, {}), "window": unit.restartWindow}
                verb = "none" if verb == "none" else units.softer(unit)
            elif unit.name in earlier:
                verb = "restart"
            verbs[unit.name] = verb
        return verbs


def commands(step: str, wanted: list[Command], staged: str = "") -> None:
    for command in wanted:
        result = command._replace(argv=[argument.replace("{staged}", staged) for argument in command.argv]).run()
        if result.code != 0:
            raise Failure(step, f"{command.name}: {result.output.strip()[-1500:]}")
