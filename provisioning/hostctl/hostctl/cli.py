"""The command line. One JSON line on standard output; the exit codes are in docs/hostctl.md."""

import argparse
import json
import os
import sys
import syslog
from typing import Any

import jobs.cli

from . import apply, check
from .system import Failure, Json

SERVICE: dict[str, dict[str, Any]] = {"--service": {"required": True}}
RELEASE = {**SERVICE, "--hash": {"required": True}}
VERBS: dict[str, tuple[str, dict[str, dict[str, Any]]]] = {
    "apply": ("apply the bundle on standard input", {**RELEASE, "--restart-now": {"action": "store_true"}}),
    "confirm": ("keep a guarded change; only from an SSH login made after it", RELEASE),
    "check": ("compare this host with what was applied; exit 10 on a difference", {"--service": {}}),
    "repair": ("apply again what differs, from the releases on this host",
               {"--service": {"action": "append", "default": [], "metavar": "NAME[=HASH]"}}),
    "revert": ("apply the release before the current one, or another that is kept", {**SERVICE, "--to": {"metavar": "HASH"}}),
    "releases": ("the kept releases of a service", SERVICE),
    "settle": ("take back what is unconfirmed, do restarts whose window is open", {"--service": {}}),
    "list": ("services, releases and jobs", {}),
    "facts": ("what this host is", {}),
}


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="hostctl", description="Apply Bascule's bundles on this server.")
    verbs = top.add_subparsers(dest="verb", required=True)
    for name, (words, options) in VERBS.items():
        one = verbs.add_parser(name, help=words)
        for option, settings in options.items():
            one.add_argument(option, **settings)
    jobs.cli.describe(verbs.add_parser("job", help="long work that goes on when the session ends"))
    return top


def dispatch(options: argparse.Namespace) -> tuple[int, Json]:
    """What an apply that changes nothing does not need is loaded only where it is needed."""
    if options.verb == "apply":
        return apply.apply(options.service, options.hash, sys.stdin.buffer.read(), options.restart_now)
    if options.verb == "check":
        return check.check(options.service)
    if options.verb == "facts":
        return 0, check.facts()
    if options.verb == "list":
        return 0, {**check.listing(), **jobs.job.listing()}
    if options.verb == "job":
        return 0, jobs.cli.answer(options)
    from . import settle
    if options.verb == "confirm":
        return settle.confirm(options.service, options.hash)
    if options.verb == "repair":
        return settle.repair(options.service)
    if options.verb == "releases":
        return settle.releases(options.service)
    if options.verb == "revert":
        return settle.revert(options.service, options.to)
    return settle.settle(options.service)


def refuse_unfit() -> None:
    if "HOSTCTL_ROOT" not in os.environ and os.geteuid() != 0:
        raise Failure("host", "hostctl needs root: sudo /usr/local/sbin/hostctl", 40)
    if "HOSTCTL_ROOT" not in os.environ and not os.path.isdir("/run/systemd/system"):
        raise Failure("host", "this host is not run by systemd", 40)


def main(argv: list[str]) -> int:
    # --json is what it prints anyway; accepted anywhere, because people type it.
    options = parser().parse_args([argument for argument in argv if argument != "--json"])
    os.umask(0o022)
    try:
        refuse_unfit()
        code, answer = dispatch(options)
    except Failure as failure:
        code, answer = failure.code, {"result": "refused", "step": failure.step, "reason": failure.reason}
    if options.verb in ("apply", "confirm", "revert", "settle"):
        # For whoever asks later what was done here, and when.
        for item in answer.get("settled", [{"service": options.service, **answer}]):
            summary = " ".join(str(item.get(key, "-")) for key in ("service", "hash", "result", "step"))
            syslog.syslog(f"hostctl {options.verb} {summary}")
    if answer:
        try:
            print(json.dumps(answer, ensure_ascii=False), flush=True)
        except BrokenPipeError:
            # The SSH session is gone; what was done is in the log and in `hostctl list`.
            sys.stderr.close()
    return code
