"""Debian packages: only the missing ones, in one transaction, with nothing started by it."""

from collections.abc import Iterator
from contextlib import contextmanager

from .system import Command, Failure, Result, at, lock, remove, run, write_whole

POLICY = "/usr/sbin/policy-rc.d"
# 101 means "action forbidden" to invoke-rc.d: a package must not start its service with its own configuration.
FORBID = b"#!/bin/sh\n# hostctl: services start when their files are in place\nexit 101\n"
QUIET = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1", "APT_LISTCHANGES_FRONTEND": "none"}
# Unsafe: thousands of fsyncs saved; after a power cut in the middle the next apply installs what is missing again.
DPKG = ("Options::=--force-confdef", "Options::=--force-confold", "Options::=--force-unsafe-io", "Use-Pty=0", "Lock::Timeout=300")
OPTIONS = ["-qy", "--no-install-recommends", "-oAcquire::Retries=3", "-oAcquire::Languages=none", *[f"-oDPkg::{o}" for o in DPKG]]


def question(names: list[str]) -> Command:
    # Without a name dpkg-query lists all of them.
    return Command("dpkg", ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev} ${Version}\\n", *names] if names else [])


def versions(answer: Result) -> dict[str, str]:
    """The installed ones; the second letter says so, the first whether the operator has put the package on hold."""
    words = [line.split() for line in answer.output.splitlines()]
    return {word[0]: word[2] for word in words if len(word) == 3 and word[1][1:] == "i"}


def ask(names: list[str]) -> dict[str, str]:
    return versions(question(names).run())


def wrong(names: list[str], installed: dict[str, str], recorded: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Packages that are missing or older than at the last apply, as (expected, actual). A security update is neither."""
    found = {name: ("installed", "missing") for name in names if name not in installed}
    for name in set(names) & set(installed) & set(recorded):
        now, then = installed[name], recorded[name]
        if now != then and run(["dpkg", "--compare-versions", now, "lt", then]).code == 0:
            found[name] = (f"{then} or later", now)
    return found


@contextmanager
def nothing_starts() -> Iterator[None]:
    path = at(POLICY)
    before = path.read_bytes() if path.exists() else FORBID
    write_whole(path, FORBID, 0o755)
    try:
        yield
    finally:
        # None was there, or one that is left from an apply that was killed here.
        if before == FORBID:
            remove(path)
        else:
            write_whole(path, before, 0o755)


def install(names: list[str], recorded: dict[str, str]) -> None:
    if not wrong(names, ask(names), recorded):
        return
    with lock("apt"), nothing_starts():
        # Where there are no lists yet, or they name versions the mirror has since replaced, they are fetched.
        steps, said = ["install", "update", "install"], ""
        for step in steps if any(at("/var/lib/apt/lists").glob("*_Packages*")) else steps[1:]:
            # Another service's apply may have installed them while this one waited.
            if left := wrong(names, ask(names), recorded):
                what = sorted(left, key=names.index) if step == "install" else []
                said += run(["apt-get", *OPTIONS, step, *what], 1200, extra=QUIET).output
        left = wrong(names, ask(names), recorded)
    if missing := [name for name, (_, actual) in left.items() if actual == "missing"]:
        raise Failure("packages", f"{' '.join(missing)} not installed: {said[-1500:]}", 40)
    if left:
        reason = ", ".join(f"{name} is {actual}, expected {expected}" for name, (expected, actual) in left.items())
        raise Failure("packages", f"{reason}, and apt has nothing newer; see: apt-cache policy {' '.join(left)}")
