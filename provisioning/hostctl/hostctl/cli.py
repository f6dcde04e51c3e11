"""The command line. One JSON line on standard output; the exit codes are in docs/hostctl.md."""

from __future__ import annotations

import argparse
import json
import os
import sys
import syslog
from pathlib import Path
from typing import Any

# All at once: when hostctl replaces itself, a module that is not loaded yet would come from the new file.
from . import apply, check, files, jobs, repair
from .system import Failure


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="hostctl", description="Apply Bascule's bundles on this server.")
    verbs = top.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("apply", help="apply the bundle on standard input")
    one.add_argument("--service", required=True)
    one.add_argument("--hash", required=True)
    one = verbs.add_parser("check", help="compare this host with what was applied; exit 10 on a difference")
    one.add_argument("--service")
    one = verbs.add_parser("repair", help="apply again what differs, from the releases on this host")
    one.add_argument("--service", action="append", default=[], metavar="NAME[=HASH]")
    one = verbs.add_parser("revert", help="apply the release before the current one, or another that is kept")
    one.add_argument("--service", required=True)
    one.add_argument("--to", metavar="HASH")
    one = verbs.add_parser("releases", help="the kept releases of a service")
    one.add_argument("--service", required=True)
    verbs.add_parser("list", help="services, releases and jobs")
    verbs.add_parser("facts", help="what this host is")
    job = verbs.add_parser("job", help="long work").add_subparsers(dest="job", required=True)
    for name in ("start", "status", "wait", "stop", "ended"):
        one = job.add_parser(name)
        one.add_argument("--name", required=True)
        if name == "wait":
            one.add_argument("--seconds", type=float, default=60.0)
    job.add_parser("list")
    return top


def revert(service: str, target: str | None) -> tuple[int, dict[str, Any]]:
    history = apply.state_of(service)["history"]
    if target is None and len(history) < 2:
        raise Failure("revert", f"{service} has no earlier release on this host; see: hostctl list")
    if target is not None and target not in history:
        raise Failure("revert", f"{service} has no release {target} on this host; kept are: {', '.join(history) or 'none'}")
    wanted = target or history[1]
    return apply.apply(service, wanted, (files.release_dir(service, wanted) / "bundle.json").read_bytes())


def job(options: argparse.Namespace) -> dict[str, Any]:
    if options.job == "start":
        return jobs.start(options.name, sys.stdin.buffer.read())
    if options.job == "wait":
        return jobs.wait(options.name, options.seconds)
    if options.job == "ended":
        jobs.ended(options.name)
        return {}
    if options.job == "list":
        return jobs.listing()
    return jobs.stop(options.name) if options.job == "stop" else jobs.status(options.name)


def dispatch(options: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    if options.verb == "apply":
        return apply.apply(options.service, options.hash, sys.stdin.buffer.read())
    if options.verb == "revert":
        return revert(options.service, options.to)
    if options.verb == "releases":
        state = apply.state_of(options.service)
        return 0, {"service": options.service, "current": state["current"],
                   "releases": files.releases(options.service, state["history"])}
    if options.verb == "check":
        return check.check(options.service)
    if options.verb == "repair":
        return repair.repair(options.service)
    if options.verb == "job":
        return 0, job(options)
    return 0, check.facts() if options.verb == "facts" else {**check.listing(), **jobs.listing()}


def unfit() -> str | None:
    if "HOSTCTL_ROOT" in os.environ:
        return None
    if os.geteuid() != 0:
        return "hostctl needs root: sudo /usr/local/sbin/hostctl"
    return None if Path("/run/systemd/system").is_dir() else "this host is not run by systemd"


def main(argv: list[str]) -> int:
    # --json is what it prints anyway; accepted anywhere, because people type it.
    options = parser().parse_args([argument for argument in argv if argument != "--json"])
    os.umask(0o022)
    reason = unfit()
    try:
        code, answer = (40, {"result": "refused", "step": "host", "reason": reason}) if reason else dispatch(options)
    except Failure as failure:
        code, answer = failure.code, {"result": "refused", "step": failure.step, "reason": failure.reason}
    if options.verb in ("apply", "revert"):
        summary = " ".join(str(answer.get(key, "-")) for key in ("service", "hash", "result", "step"))
        syslog.syslog(f"hostctl {options.verb} {summary}")
    if not answer:
        return code
    try:
        print(json.dumps(answer, ensure_ascii=False), flush=True)
    except BrokenPipeError:
        # The SSH session is gone; what was done is in the log and in `hostctl list`.
        sys.stderr.close()
    return code
