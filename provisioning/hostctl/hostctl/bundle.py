"""A bundle as it arrives: read strictly, so that a field this hostctl does not know is refused rather than ignored."""

import json
import os
import re
from typing import Literal, NamedTuple

from .files import Archive, File, Link
from .records import build
from .system import Command, Failure

# The fields are explained in provisioning/bundle.ts, which also refuses what else can be wrong with them.


class Unit(NamedTuple):
    name: str
    enabled: bool = True
    onChange: Literal["reload", "restart", "none"] = "restart"
    watches: list[str] | None = None
    restartOn: list[str] = []
    health: Command | None = None
    restartWindow: str | None = None


class Bundle(NamedTuple):
    service: str
    packages: list[str]
    files: list[File]
    validate: list[Command]
    units: list[Unit]
    probes: list[Command]
    archives: list[Archive] = []
    links: dict[str, str] = {}
    absent: list[str] = []
    exclusive: dict[str, list[str]] = {}
    images: list[str] = []
    guardSeconds: float | None = None
    setup: list[Command] = []
    prepare: list[Command] = []
    finish: list[Command] = []

    def items(self) -> list[File | Link]:
        return [*self.files, *[Link(*pair) for pair in self.links.items()]]

    def paths(self) -> list[str]:
        return [item.path for item in self.items()]

    def folders(self) -> dict[str, list[str]]:
        """Where nothing else may lie. A drop-in that nobody applied overrides what was: those of the units are among them."""
        return {**{folder: [] for unit in self.units for folder in drop_ins(unit.name)}, **self.exclusive}


def parse(text: bytes) -> Bundle:
    try:
        bundle: Bundle = build(Bundle, json.loads(text), "it")
    except ValueError as error:
        raise Failure("bundle", f"standard input is no bundle: {error}") from None
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,40}", bundle.service):
        raise Failure("bundle", f"service name {bundle.service!r}: lower-case letters, digits and - only")
    for path in [*bundle.paths(), *bundle.absent, *bundle.exclusive, *[archive.path for archive in bundle.archives]]:
        if path == "/" or not path.startswith("/") or os.path.normpath(path) != path:
            raise Failure("bundle", f"path {path!r} is not absolute and plain")
    return bundle


def drop_ins(name: str) -> list[str]:
    """Where a unit's drop-ins and its template's may lie, besides those of packages."""
    return [f"{root}/systemd/system/{owner}.d" for root in ("/etc", "/run") for owner in {name: 0, template(name): 0}]


def template(name: str) -> str:
    return re.sub(r"@[^.]*\.", "@.", name)


WORD = re.compile(r"[^\s\"'=:/@,;<>()\[\]{}]{6,}")


def redact(reason: str, bundle: Bundle) -> str:
    """Without any word of a secret file that the bundle does not also say in the clear."""
    clear = [file._replace(content="") if file.secret else file for file in bundle.files]
    said = set(WORD.findall(re.sub(r"\\.", " ", json.dumps(bundle._replace(files=clear), ensure_ascii=False))))
    hidden = {word for file in bundle.files if file.secret for word in WORD.findall(file.content)}
    for word in sorted(hidden - said, key=len, reverse=True):
        reason = reason.replace(word, "***")
    return reason
