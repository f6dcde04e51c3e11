"""Debian packages: only the missing ones, in one transaction, with nothing started by it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .system import Failure, at, lock, remove, run, write_whole

POLICY = "/usr/sbin/policy-rc.d"
# 101 means "action forbidden" to invoke-rc.d: a package must not start its service with its own configuration.
FORBID = b"#!/bin/sh\n# hostctl: services start when their files are in place\nexit 101\n"
QUIET = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1", "APT_LISTCHANGES_FRONTEND": "none"}
OPTIONS = [
    "-q", "-y", "--no-install-recommends",
    "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3", "-o", "Acquire::Languages=none",
    "-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold",
    # Thousands of fsyncs saved; after a power cut in the middle the next apply installs what is missing again.
    "-o", "Dpkg::Options::=--force-unsafe-io", "-o", "Dpkg::Use-Pty=0",
]


def missing(names: list[str]) -> list[str]:
    if not names:
        return []
    listed = run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\\n", *names])
    present = {line.split()[0] for line in listed.output.splitlines() if line.endswith(("ii ", "ii"))}
    return [name for name in names if name not in present]


@contextmanager
def nothing_starts() -> Iterator[None]:
    path = at(POLICY)
    before = path.read_bytes() if path.exists() else None
    write_whole(path, FORBID, 0o755)
    try:
        yield
    finally:
        # A file equal to ours is left from an apply that was killed here; then there was none before.
        if before is None or before == FORBID:
            remove(path)
        else:
            write_whole(path, before, 0o755)


def install(names: list[str]) -> None:
    if not missing(names):
        return
    with lock("apt"), nothing_starts():
        wanted = missing(names)
        command = ["apt-get", *OPTIONS, "install", *wanted]
        lists = any(at("/var/lib/apt/lists").glob("*_Packages*"))
        result = run(command, 1200, extra=QUIET) if lists else None
        if result is None or result.code != 0:
            # No lists yet, or lists that name versions the mirror has since replaced.
            update = run(["apt-get", *OPTIONS, "update"], 300, extra=QUIET)
            result = run(command, 1200, extra=QUIET) if update.code == 0 else update
        if result.code != 0 or missing(names):
            raise Failure("packages", f"{' '.join(missing(names))} not installed: {result.output[-1500:]}", 40)
