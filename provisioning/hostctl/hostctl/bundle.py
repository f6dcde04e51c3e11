"""A bundle as it arrives: read strictly, so that a field this hostctl does not know is refused rather than ignored."""

import base64
import binascii
import hashlib
import json
import re
import types
import typing
from collections.abc import Iterator
from typing import Any, NamedTuple

from .system import Call, Failure

# The fields are explained in provisioning/bundle.ts. Named tuples, because dataclasses take 15 ms to import.


class File(NamedTuple):
    path: str
    content: str
    encoding: str = "utf8"
    mode: str = "0644"
    owner: str = "root"
    group: str = "root"
    secret: bool = False
    early: bool = False

    def data(self) -> bytes:
        return base64.b64decode(self.content, validate=True) if self.encoding == "base64" else self.content.encode()


class Archive(NamedTuple):
    path: str
    content: str | None = None
    upload: str | None = None
    sha256: str | None = None
    owner: str = "root"
    group: str = "root"


class Command(NamedTuple):
    name: str
    argv: list[str]
    timeout: float = 60.0
    user: str = "root"

    def within(self, seconds: float) -> Call:
        return Call(self.argv, max(1.0, min(self.timeout, seconds)), self.user)


class Unit(NamedTuple):
    name: str
    enabled: bool = True
    onChange: str = "restart"
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

    def paths(self) -> list[str]:
        return [file.path for file in self.files] + list(self.links)


def build(kind: Any, value: Any, where: str) -> Any:
    """JSON as a value of this type; what is unknown, missing or of another type is refused, with its place."""
    origin, arguments, fields = typing.get_origin(kind), typing.get_args(kind), getattr(kind, "__annotations__", {})
    if origin is types.UnionType:
        return None if value is None else build(arguments[0], value, where)
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
    if wrong := list(mistakes(bundle)):
        raise Failure("bundle", "; ".join(wrong))
    # A drop-in that nobody applied overrides what was: the folders of the units are exclusive without a word.
    beside: dict[str, list[str]] = {folder: [] for unit in bundle.units for folder in drop_ins(unit.name)}
    return bundle._replace(exclusive={**beside, **bundle.exclusive})


def drop_ins(name: str) -> list[str]:
    """Where a unit's drop-ins and its template's may lie, besides those of packages."""
    return [f"{root}/systemd/system/{owner}.d" for root in ("/etc", "/run") for owner in {name: 0, template(name): 0}]


def template(name: str) -> str:
    return re.sub(r"@[^.]*\.", "@.", name)


WINDOW = re.compile(r"((?:[01]\d|2[0-3]):[0-5]\d)-(?!\1)(?:[01]\d|2[0-3]):[0-5]\d")


def mistakes(bundle: Bundle) -> Iterator[str]:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,40}", bundle.service):
        yield f"service name {bundle.service!r}: lower-case letters, digits and - only"
    paths = bundle.paths() + bundle.absent + [archive.path for archive in bundle.archives]
    for path in [*paths, *bundle.exclusive]:
        if not path.startswith("/") or ".." in path.split("/") or path.endswith("/"):
            yield f"path {path!r} is not absolute and plain"
    if len(set(paths)) != len(paths):
        yield f"named twice: {sorted({path for path in paths if paths.count(path) > 1})}"
    for file in bundle.files:
        try:
            file.data()
        except (binascii.Error, ValueError):
            yield f"{file.path}: content is not base64"
        if not re.fullmatch(r"0[0-7]{3}", file.mode):
            yield f"{file.path}: mode {file.mode!r} is not four octal digits without setuid bits"
    for archive in bundle.archives:
        if (archive.content is None) == (archive.upload is None) or (archive.upload and not archive.sha256):
            yield f"{archive.path}: either content, or upload and sha256"
    for unit in bundle.units:
        if unit.onChange not in ("reload", "restart", "none"):
            yield f"{unit.name}: onChange {unit.onChange!r} is not reload, restart or none"
        if unit.restartWindow and not WINDOW.fullmatch(unit.restartWindow):
            yield f"{unit.name}: restartWindow {unit.restartWindow!r} is not like 03:00-04:30"
    if bundle.guardSeconds is not None and bundle.guardSeconds < 1:
        yield f"guardSeconds {bundle.guardSeconds}: at least 1"


def fingerprint(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:16]


WORD = re.compile(r"[^\s\"'=:/@,;<>()\[\]{}]{6,}")


def redact(reason: str, bundle: Bundle) -> str:
    """Without any word of a secret file that the bundle does not also say in the clear."""
    commands = bundle.setup + bundle.validate + bundle.prepare + bundle.finish + bundle.probes
    said = [file.path for file in bundle.files] + [argument for command in commands for argument in command.argv]
    clear = {word for text in said for word in WORD.findall(text)}
    hidden: set[str] = set()
    for file in bundle.files:
        if file.encoding == "utf8":
            (hidden if file.secret else clear).update(WORD.findall(file.content))
    for word in sorted(hidden - clear, key=len, reverse=True):
        reason = reason.replace(word, "***")
    return reason
