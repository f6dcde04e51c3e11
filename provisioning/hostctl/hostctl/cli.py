"""The command line. One JSON line on standard output; the exit codes are in docs/hostctl.md."""

import argparse
import json
import os
import sys
import syslog
from collections.abc import Callable
from typing import Any

import jobs.cli

from . import apply, check, settle
from .system import Failure, Json, unfit

ONE: dict[str, dict[str, Any]] = {"--service": {"required": True}}
RELEASE = {**ONE, "--hash": {"required": True, "dest": "release"}}
# What it does, its options, and who does it: a function that takes the options by name.
VERBS: dict[str, tuple[str, dict[str, dict[str, Any]], Callable[..., tuple[int, Json]]]] = {
    "apply": ("apply the bundle on standard input", {**RELEASE, "--restart-now": {"action": "store_true"}},
              lambda **given: apply.apply(text=sys.stdin.buffer.read(), quick=True, **given)),
    "confirm": ("keep a guarded change; only from an SSH login made after it", RELEASE, settle.confirm),
    "check": ("compare this host with what was applied; exit 10 on a difference", {"--service": {}}, check.check),
    "repair": ("apply again what differs, from the releases on this host",
               {"--service": {"action": "append", "default": [], "metavar": "NAME[=HASH]", "dest": "wanted"}}, settle.repair),
    "revert": ("apply the release before the current one, or another that is kept", {**ONE, "--to": {"metavar": "HASH"}},
               settle.revert),
    "releases": ("the kept releases of a service", ONE, settle.releases),
    "settle": ("take back what is unconfirmed, do restarts whose window is open", {"--service": {}}, settle.settle),
    "list": ("services, releases and jobs", {}, lambda: (0, {**check.listing(), **jobs.job.listing()})),
    "facts": ("what this host is", {}, check.facts),
    "job": ("long work that goes on when the session ends", {}, jobs.cli.answer),
}


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="hostctl", description="Apply Bascule's bundles on this server.")
    verbs = top.add_subparsers(dest="verb", required=True)
    for name, (words, options, _) in VERBS.items():
        one = verbs.add_parser(name, help=words)
        for option, settings in options.items():
            one.add_argument(option, **settings)
    jobs.cli.describe(verbs.choices["job"])
    return top


def main(argv: list[str]) -> int:
    # --json is what it prints anyway; accepted anywhere, because people type it.
    given = vars(parser().parse_args([argument for argument in argv if argument != "--json"]))
    verb = given.pop("verb")
    os.umask(0o022)
    try:
        if "HOSTCTL_ROOT" not in os.environ and (os.geteuid() != 0 or not os.path.isdir("/run/systemd/system")):
            raise Failure("host", "hostctl needs root, and a host run by systemd: sudo /usr/local/sbin/hostctl", 40)
        code, answer = VERBS[verb][2](**given)
    except Exception as error:
        code, answer = unfit(error).code, unfit(error).answer()
    if verb in ("apply", "confirm", "revert", "settle"):
        # For whoever asks later what was done here, and when.
        for item in answer.get("settled", [{"service": given["service"], **answer}]):
            summary = " ".join(str(item.get(key, "-")) for key in ("service", "hash", "result", "step", "warning"))
            syslog.syslog(f"hostctl {verb} {summary}")
    if answer:
        print(json.dumps(answer, ensure_ascii=False), flush=True)
    return code
