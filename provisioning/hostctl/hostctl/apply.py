"""apply: a bundle becomes what runs, or everything stays (or comes back) as it was."""

from __future__ import annotations

import shutil
import time
from typing import Any

from . import check, files, packages, units
from .bundle import Bundle, Command, fingerprint, parse, redact, secret_words
from .system import Failure, at, ids, link_whole, lock, read_json, remove, run, state_dir, write_json


def state_of(service: str) -> dict[str, Any]:
    """`current`: the release that runs; `history`: the last ones, newest first."""
    return read_json(state_dir("state", f"{service}.json")) or {"current": None, "history": []}


def load(service: str, release: str | None) -> Bundle | None:
    if release is None:
        return None
    try:
        return parse((files.release_dir(service, release) / "bundle.json").read_bytes())
    except FileNotFoundError:
        return None


def apply(service: str, expected: str, text: bytes) -> tuple[int, dict[str, Any]]:
    """The exit code and what is printed. Never raises: whatever happens is said in JSON."""
    begun = time.monotonic()
    words: list[str] = []
    code = 40
    answer: dict[str, Any] = {"service": service, "hash": expected, "result": "refused"}
    try:
        if fingerprint(text) != expected:
            raise Failure("bundle", f"standard input has hash {fingerprint(text)}, the command says {expected}")
        bundle = parse(text)
        words = secret_words(bundle)
        if bundle.service != service:
            raise Failure("bundle", f"the bundle is of service {bundle.service}, the command says {service}")
        with lock(f"{service}.lock"):
            answer["result"] = Apply(bundle, expected, text).run()
        code = 0
    except Failure as failure:
        code = failure.code
        answer.update(result="reverted" if code == 20 else "refused", step=failure.step, reason=redact(failure.reason, words))
    except Exception as error:
        # A full disk, a read-only file system: nothing was swapped, or the marker makes the next apply bring it back.
        reason = f"{type(error).__name__}: {error}; see what the host lacks: df -h, journalctl -p err, then apply again"
        answer.update(step="host", reason=redact(reason, words))
    answer["seconds"] = round(time.monotonic() - begun, 2)
    return code, answer


class Apply:
    def __init__(self, bundle: Bundle, release: str, text: bytes) -> None:
        self.bundle, self.release, self.text = bundle, release, text
        self.marker = state_dir("pending", f"{bundle.service}.json")
        self.staged = ""

    def run(self) -> str:
        service = self.bundle.service
        self.recover()
        state = state_of(service)
        if state["current"] == self.release and not check.drift(service):
            return "unchanged"
        for file in self.bundle.files:
            if file.early and files.file_drift(files.wanted(file)):
                files.place(file)
        packages.install(self.bundle.packages)
        self.staged = str(files.stage(self.bundle, self.release, self.text))
        self.commands("setup", self.bundle.setup)
        for archive in self.bundle.archives:
            files.unpack(archive)
        self.commands("validate", self.bundle.validate)
        previous = load(service, state["current"])
        pending = self.begin(previous)
        try:
            self.swap(pending, previous)
        except Exception as error:
            raise self.revert(pending, error) from None
        kept = [self.release, *[item for item in state["history"] if item != self.release]][: files.KEEP]
        write_json(state_dir("state", f"{service}.json"), {"current": self.release, "history": kept, "at": int(time.time())})
        self.forget()
        files.prune(service, kept)
        return "changed"

    def commands(self, step: str, commands: list[Command]) -> None:
        for command in commands:
            argv = [argument.replace("{staged}", self.staged) for argument in command.argv]
            result = run(argv, command.timeout, command.user)
            if result.code != 0:
                raise Failure(step, f"{command.name}: {result.output.strip()[-1500:]}")

    def begin(self, previous: Bundle | None) -> dict[str, Any]:
        """Saves what is there and writes down, on disk for good, that a swap is under way. Nothing is live before this."""
        bundle = self.bundle
        dirty = [file.path for file in bundle.files if files.file_drift(files.wanted(file))]
        dirty += [path for path, target in bundle.links.items() if files.link_drift(path, target)]
        gone = set(previous.paths()) - set(bundle.paths()) if previous else set()
        dirty += [path for path in sorted({*bundle.absent, *gone}) if at(path).is_symlink() or at(path).exists()]
        for file in bundle.files:
            ids(file.owner, file.group)
        names = [unit.name for unit in bundle.units + (previous.units if previous else [])]
        before = units.states(list(dict.fromkeys(names)))
        saved = state_dir("saved", bundle.service, str(time.time_ns()))
        files.save(dirty, saved)
        pending = {
            "release": self.release, "saved": saved.name, "dirty": dirty,
            "before": {name: [state.active, state.enabled, state.masked] for name, state in before.items()},
        }
        write_json(self.marker, pending)
        return pending

    def swap(self, pending: dict[str, Any], previous: Bundle | None) -> None:
        bundle, dirty = self.bundle, set(pending["dirty"])
        before = {name: units.State(*values) for name, values in pending["before"].items()}
        kept = {unit.name for unit in bundle.units}
        leaving = [unit.name for unit in (previous.units if previous else []) if unit.name not in kept]
        if leaving:
            units.systemctl("disable", "--now", "--quiet", *leaving)
        for file in bundle.files:
            if file.path in dirty:
                files.place(file)
        for path, target in bundle.links.items():
            if path in dirty:
                link_whole(at(path), target)
        for path in dirty - set(bundle.paths()):
            remove(at(path))
        self.commands("prepare", bundle.prepare)
        units.reload_manager(dirty)
        units.bring_up(bundle, before, dirty)
        self.commands("finish", bundle.finish)
        for probe in bundle.probes:
            units.attempt(probe, "probe")

    def revert(self, pending: dict[str, Any], error: Exception) -> Failure:
        step, reason = (error.step, error.reason) if isinstance(error, Failure) else ("swap", str(error))
        trouble = self.undo(pending)
        self.forget()
        if trouble:
            reason += f"\nThe previous files are back, but: {trouble}"
        return Failure(step, reason, 20)

    def undo(self, pending: dict[str, Any]) -> str:
        """Everything as it was before the swap; says what does not work even so. May itself be killed and done again."""
        service, dirty = self.bundle.service, set(pending["dirty"])
        previous = load(service, state_of(service)["current"])
        failed = load(service, pending["release"]) or self.bundle
        before = {name: units.State(*values) for name, values in pending["before"].items()}
        files.restore(state_dir("saved", service, pending["saved"]))
        troubles: list[str] = []
        try:
            units.reload_manager(dirty)
            self.undo_units(previous, failed, before, dirty)
            for probe in previous.probes if previous else []:
                units.attempt(probe, "probe of the previous release")
        except Failure as failure:
            troubles.append(str(failure))
        return "; ".join(troubles)

    def undo_units(self, previous: Bundle | None, failed: Bundle, before: dict[str, units.State], dirty: set[str]) -> None:
        now = units.states(list(before))
        idle = [name for name, state in before.items() if not state.active and now[name].active]
        unasked = [name for name, state in before.items() if not state.enabled and now[name].enabled]
        if idle:
            units.systemctl("stop", *idle)
        if unasked:
            units.systemctl("disable", "--quiet", *unasked)
        known = {unit.name: (unit, failed) for unit in failed.units}
        if previous is not None:
            known.update({unit.name: (unit, previous) for unit in previous.units})
        for name, state in before.items():
            unit, bundle = known[name]
            if state.enabled and not now[name].enabled:
                units.systemctl("enable", "--quiet", name)
            if not state.active:
                continue
            verb = units.action(unit, bundle, dirty) if now[name].active else "start"
            if verb != "none":
                units.act(verb, unit)
                units.healthy(unit, "health of the previous release")

    def recover(self) -> None:
        """An apply was killed between swap and success: put back what it changed, reload included, then begin afresh."""
        pending = read_json(self.marker)
        if pending is not None and state_of(self.bundle.service)["current"] != pending["release"]:
            self.undo(pending)
        self.forget()

    def forget(self) -> None:
        """Also what was saved by an apply that was killed before it had written its marker."""
        remove(self.marker)
        shutil.rmtree(state_dir("saved", self.bundle.service), ignore_errors=True)
