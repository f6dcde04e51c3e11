"""The words after `hostctl job`."""

import argparse
import sys
from typing import Any

from . import job

BY_NAME = {"status": job.status, "stop": job.stop, "ended": job.ended}


def describe(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="job", required=True)
    for verb in ("start", "wait", *BY_NAME):
        one = verbs.add_parser(verb)
        one.add_argument("--name", required=True)
        one.add_argument("--seconds", type=float, default=60.0)
    verbs.add_parser("list")


def answer(options: argparse.Namespace) -> dict[str, Any]:
    if options.job == "list":
        return job.listing()
    if options.job == "start":
        return job.start(options.name, sys.stdin.buffer.read())
    if options.job == "wait":
        return job.wait(options.name, options.seconds)
    return BY_NAME[options.job](options.name) or {}
