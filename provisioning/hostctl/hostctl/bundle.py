"""A bundle as it arrives: read strictly, so that a field this hostctl does not know is refused rather than ignored."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .system import Failure

T = TypeVar("T")


@dataclass(frozen=True)
class File:
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


@dataclass(frozen=True)
class Archive:
    path: str
    content: str | None = None
    upload: str | None = None
    sha256: str | None = None
    owner: str = "root"
    group: str = "root"


@dataclass(frozen=True)
class Command:
    name: str
    argv: list[str]
    timeout: float = 60.0
    user: str = "root"


@dataclass(frozen=True)
class Unit:
    name: str
    enabled: bool = True
    onChange: str = "restart"
    watches: list[str] | None = None
    restartOn: list[str] = field(default_factory=list)
    health: Command | None = None
    restartWindow: str | None = None


@dataclass(frozen=True)
class Bundle:
    service: str
    packages: list[str]
    files: list[File]
    validate: list[Command]
    units: list[Unit]
    probes: list[Command]
    archives: list[Archive] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)
    exclusive: dict[str, list[str]] = field(default_factory=dict)
    images: list[str] = field(default_factory=list)
    guardSeconds: float | None = None
    setup: list[Command] = field(default_factory=list)
    prepare: list[Command] = field(default_factory=list)
    finish: list[Command] = field(default_factory=list)

    def paths(self) -> list[str]:
        return [file.path for file in self.files] + list(self.links)


def build(kind: type[T], value: Any, where: str) -> T:
    if not isinstance(value, dict):
        raise Failure("bundle", f"{where} is not an object")
    known = {item.name: item for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(value) - set(known))
    if unknown:
        raise Failure("bundle", f"{where} has unknown fields {unknown}; apply the newer hostctl first: service hostctl")
    needed = {name for name, item in known.items()
              if item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING}
    missing = sorted(needed - set(value))
    if missing:
        raise Failure("bundle", f"{where} lacks {missing}")
    return kind(**value)


def commands(raw: dict[str, Any], key: str) -> list[Command]:
    return [build(Command, item, key) for item in raw.get(key, [])]


def unit(raw: dict[str, Any]) -> Unit:
    health = raw.get("health")
    return build(Unit, {**raw, "health": health and build(Command, health, "units.health")}, "units")


def parse(text: bytes) -> Bundle:
    try:
        raw = json.loads(text)
    except ValueError:
        raise Failure("bundle", "standard input is not JSON") from None
    if not isinstance(raw, dict):
        raise Failure("bundle", "standard input is not a JSON object")
    bundle = build(Bundle, {
        **raw,
        "files": [build(File, item, "files") for item in raw.get("files", [])],
        "archives": [build(Archive, item, "archives") for item in raw.get("archives", [])],
        "units": [unit(item) for item in raw.get("units", [])],
        **{key: commands(raw, key) for key in ("setup", "validate", "prepare", "finish", "probes")},
    }, "bundle")
    verify(bundle)
    return bundle


def verify(bundle: Bundle) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,40}", bundle.service):
        raise Failure("bundle", f"service name {bundle.service!r}: lower-case letters, digits and - only")
    paths = bundle.paths() + bundle.absent + [archive.path for archive in bundle.archives]
    for path in paths:
        if not path.startswith("/") or ".." in path.split("/") or path.endswith("/"):
            raise Failure("bundle", f"path {path!r} is not absolute and plain")
    if len(set(paths)) != len(paths):
        raise Failure("bundle", f"named twice: {sorted({path for path in paths if paths.count(path) > 1})}")
    for file in bundle.files:
        try:
            file.data()
        except (binascii.Error, ValueError):
            raise Failure("bundle", f"{file.path}: content is not base64") from None
        if not re.fullmatch(r"0[0-7]{3}", file.mode):
            raise Failure("bundle", f"{file.path}: mode {file.mode!r} is not four octal digits without setuid bits")


def fingerprint(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:16]


WORD = re.compile(r"[^\s\"'=:/@,;<>()\[\]{}]{6,}")


def secret_words(bundle: Bundle) -> list[str]:
    """What may never be printed: every word of a secret file that the bundle does not also say in the clear."""
    clear: set[str] = set()
    hidden: set[str] = set()
    for file in bundle.files:
        if file.encoding == "utf8":
            (hidden if file.secret else clear).update(WORD.findall(file.content))
        clear.update(WORD.findall(file.path))
    for command in bundle.setup + bundle.validate + bundle.prepare + bundle.finish + bundle.probes:
        clear.update(word for argument in command.argv for word in WORD.findall(argument))
    return sorted(hidden - clear, key=len, reverse=True)


def redact(text: str, words: list[str]) -> str:
    for word in words:
        text = text.replace(word, "***")
    return text
