"""A bundle as it arrives: read strictly, so that a field this hostctl does not know is refused rather than ignored."""

import json
import os
import re
import types
import typing
from typing import Any, Literal, NamedTuple

from .files import Archive, File, Link
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

    def sources(self) -> list[str]:
        return [path for archive in self.archives for path in (archive.path, archive.upload) if path]


def build(kind: Any, value: Any, where: str) -> Any:
    """JSON as a value of this type; what is unknown, missing or of another type is refused, with its place."""
    origin, arguments, fields = typing.get_origin(kind), typing.get_args(kind), getattr(kind, "__annotations__", {})
    if origin is types.UnionType:
        return None if value is None else build(arguments[0], value, where)
    if origin is Literal:
        if value not in arguments:
            raise Failure("bundle", f"{where} is {value!r}, not {' or '.join(arguments)}")
        return value
    plain = dict if fields else origin or kind
    fits: bool = isinstance(value, (int, float) if plain is float else plain)
    if not fits:
        raise Failure("bundle", f"{where} is {type(value).__name__}, not {plain.__name__}")
    if origin is list:
        return [build(arguments[0], item, where) for item in value]
    if origin is dict:
        return {key: build(arguments[1], item, f"{where} {key}") for key, item in value.items()}
    if not fields:
        return value
    if unknown := sorted(set(value) - set(fields)):
        raise Failure("bundle", f"{where} has unknown fields {unknown}; apply the newer hostctl first: service hostctl")
    if missing := sorted(set(fields) - set(kind._field_defaults) - set(value)):
        raise Failure("bundle", f"{where} lacks {missing}")
    return kind(**{name: build(fields[name], item, f"{where}.{name}") for name, item in value.items()})


def parse(text: bytes) -> Bundle:
    try:
        bundle: Bundle = build(Bundle, json.loads(text), "bundle")
    except ValueError:
        raise Failure("bundle", "standard input is not JSON") from None
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,40}", bundle.service):
        raise Failure("bundle", f"service name {bundle.service!r}: lower-case letters, digits and - only")
    for path in [*bundle.paths(), *bundle.absent, *bundle.exclusive, *[archive.path for archive in bundle.archives]]:
        if path == "/" or not path.startswith("/") or os.path.normpath(path) != path:
            raise Failure("bundle", f"path {path!r} is not absolute and plain")
    # A drop-in that nobody applied overrides what was: the folders of the units are exclusive without a word.
    beside: dict[str, list[str]] = {folder: [] for unit in bundle.units for folder in drop_ins(unit.name)}
    return bundle._replace(exclusive={**beside, **bundle.exclusive})


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
