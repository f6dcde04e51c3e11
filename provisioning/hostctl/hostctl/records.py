"""JSON as typed values: bundles as they arrive, and what hostctl wrote down itself."""

import json
import types
import typing
from pathlib import Path
from typing import Any, Literal, TypeVar

from .system import Failure, write_whole


T = TypeVar("T")


def build(kind: Any, value: Any, where: str, strict: bool = True) -> Any:
    """JSON as a value of this type; ValueError, with its place, for what is missing, of another type, or (strict) unknown."""
    origin, arguments, fields = typing.get_origin(kind), typing.get_args(kind), getattr(kind, "__annotations__", {})
    if origin is types.UnionType:
        return None if value is None else build(arguments[0], value, where, strict)
    if origin is Literal:
        if value not in arguments:
            raise ValueError(f"{where} is {value!r}, not {' or '.join(arguments)}")
        return value
    plain = dict if fields else origin or (object if kind is Any else kind)
    fits: bool = isinstance(value, (int, float) if plain is float else plain)
    if not fits:
        raise ValueError(f"{where} is {type(value).__name__}, not {plain.__name__}")
    if origin is list:
        return [build(arguments[0], item, where, strict) for item in value]
    if origin is dict:
        return {key: build(arguments[1], item, f"{where} {key}", strict) for key, item in value.items()}
    if not fields:
        return value
    if strict and (unknown := sorted(set(value) - set(fields))):
        raise ValueError(f"{where} has unknown fields {unknown}; apply the newer hostctl first: service hostctl")
    if missing := sorted(set(fields) - set(kind._field_defaults) - set(value)):
        raise ValueError(f"{where} lacks {missing}")
    return kind(**{key: build(fields[key], value[key], f"{where}.{key}", strict) for key in fields if key in value})


def read_json(path: Path, kind: type[T]) -> T | None:
    """The record at this path, None where there is none. What another version wrote down besides is left aside."""
    try:
        return build(kind, json.loads(path.read_bytes()), "it", strict=False) if path.exists() else None
    except ValueError as error:
        raise Failure("record", f"{path}: {error}; on the console: mv {path} {path}.unread, then apply again", 40) from None


def write_json(path: Path, value: Any) -> None:
    write_whole(path, json.dumps(value, sort_keys=True).encode())
