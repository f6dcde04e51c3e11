"""The words after `hostctl job`."""

import argparse
import sys
from typing import Any

from . import job

BY_NAME = {"status": job.status, "stop": job.stop, "ended": job.ended}


def describe(parser: argparse.ArgumentParser) -> None:
    words = parser.add_subparsers(dest="word", required=True)
    for word in ("start", "wait", *BY_NAME):
        one = words.add_parser(word)
        one.add_argument("--name", required=True)
        one.add_argument("--seconds", type=float, default=60.0)
        one.add_argument("--past", type=int)
    words.add_parser("list")


def answer(word: str, name: str = "", seconds: float = 0.0, past: int | None = None) -> tuple[int, dict[str, Any]]:
    if word == "list":
        return 0, job.listing()
    if word == "start":
        return 0, job.start(name, sys.stdin.buffer.read())
    if word == "wait":
        return 0, job.wait(name, seconds, past)
    return 0, BY_NAME[word](name) or {}
