"""Long work as transient systemd units: it goes on when the SSH session ends, and is asked about later."""

import json
import os
import pwd
import re
import shutil
import time
from pathlib import Path
from typing import Any

from hostctl.records import read_json, write_json
from hostctl.system import Failure, Json, at, environment, installed, run, state_dir, write_whole

TAIL = 20_000


def unit_name(name: str) -> str:
    return f"bascule-job-{name}.service"


def job_dir(name: str) -> Path:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,60}", name):
        raise Failure("job", f"name {name!r}: lower-case letters, digits and - only")
    return state_dir("jobs", name)


def secrets_dir(name: str) -> Path:
    return at("/run/bascule/jobs") / name


def running(name: str) -> bool:
    shown = run(["systemctl", "show", "-p", "ActiveState", "--value", unit_name(name)], 20)
    return shown.output.strip() in ("active", "activating", "deactivating", "reloading")


def start(name: str, text: bytes) -> dict[str, Any]:
    folder, private = job_dir(name), secrets_dir(name)
    try:
        request = json.loads(text)
        script, secrets, user = request["script"], request.get("secrets", {}), request.get("user", "root")
        account = pwd.getpwnam(user)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        if "getpwnam" in str(error):
            raise Failure("job", f"no user {user} on this host") from None
        raise Failure("job", 'standard input must be {"script": text, "secrets": {NAME: value}, "user": name}') from None
    if running(name):
        raise Failure("job", f"{name} is running; see: hostctl job status --name {name}")
    if wrong := [key for key in secrets if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", key)]:
        raise Failure("job", f"names of secrets {wrong}: letters, digits, _ . and - only")
    owner = (account.pw_uid, account.pw_gid)
    for leftover in (folder, private):
        shutil.rmtree(leftover, ignore_errors=True)
    # The job's user must reach its script; everything else below is root's.
    folder.mkdir(parents=True)
    for parent in (state_dir(), state_dir("jobs"), folder):
        parent.chmod(0o711)
    write_whole(folder / "script", script.encode(), 0o500, owner)
    write_whole(folder / "log", b"", 0o600)
    private.mkdir(parents=True, mode=0o700)
    if os.geteuid() == 0:
        os.chown(private, *owner)
    for key, value in secrets.items():
        write_whole(private / key, str(value).encode(), 0o600, owner)
    write_json(folder / "started.json", {"at": time.time(), "user": user})
    properties = {
        "User": user, "StandardOutput": f"append:{folder}/log", "StandardError": f"append:{folder}/log", "WorkingDirectory": "~",
        # Run by root whatever the end was: writes down the exit code and removes the secrets.
        "ExecStopPost": f"+{installed()} job ended --name {name}", "TimeoutStopSec": "20",
    }
    argv = ["systemd-run", "--quiet", "--collect", f"--unit={unit_name(name)}", "--service-type=exec"]
    argv += [f"--property={key}={value}" for key, value in properties.items()]
    argv += [f"--setenv={key}={value}" for key, value in {**environment(user), "BASCULE_SECRETS": private}.items()]
    result = run([*argv, "/bin/bash", str(folder / "script")], 30)
    if result.code != 0:
        shutil.rmtree(private, ignore_errors=True)
        raise Failure("job", f"systemd-run: {result.output.strip()[-500:]}", 40)
    return {"name": name, "state": "running"}


def ended(name: str) -> None:
    """ExecStopPost of the unit; systemd says in the environment how the script ended."""
    status = os.environ.get("EXIT_STATUS", "")
    code = int(status) if status.isdigit() else None
    done = os.environ.get("SERVICE_RESULT") == "success" and code == 0
    write_json(job_dir(name) / "ended.json", {"at": time.time(), "exitCode": code, "reason": status, "done": done})
    shutil.rmtree(secrets_dir(name), ignore_errors=True)


def status(name: str) -> dict[str, Any]:
    folder = job_dir(name)
    started = read_json(folder / "started.json", Json)
    if started is None:
        raise Failure("job", f"no job {name} on this host; see: hostctl job list")
    alive, end = running(name), read_json(folder / "ended.json", Json)
    # Neither running nor ended: the host went down under it.
    how = end or {"at": time.time(), "exitCode": None, "reason": "the host was restarted", "done": False}
    with open(folder / "log", "rb") as log:
        size = os.fstat(log.fileno()).st_size
        log.seek(max(0, size - TAIL))
        output = log.read().decode(errors="replace")
    answer = {"name": name, "state": "running", "output": output, "size": size, "elapsed": round(how["at"] - started["at"], 1)}
    if alive:
        return answer
    answer.update(state="done" if how["done"] else "failed", reason=how["reason"])
    return answer if how["exitCode"] is None else {**answer, "exitCode": how["exitCode"]}


def wait(name: str, seconds: float, past: int | None) -> dict[str, Any]:
    """Until the job has ended, or has said more than `past` bytes, or the time is over."""
    deadline = time.monotonic() + seconds
    log, end = job_dir(name) / "log", job_dir(name) / "ended.json"
    while (answer := status(name))["state"] == "running" and time.monotonic() < deadline:
        if past is not None and answer["size"] > past:
            break
        # systemd is asked now and then, as only it knows of a job whose end nobody wrote down.
        ask = min(deadline, time.monotonic() + 1)
        while time.monotonic() < ask and not end.exists() and (past is None or log.stat().st_size <= past):
            time.sleep(0.03)
    return answer


def stop(name: str) -> dict[str, Any]:
    job_dir(name)
    run(["systemctl", "stop", unit_name(name)], 60)
    return status(name)


def listing() -> dict[str, Any]:
    folder = state_dir("jobs")
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return {"jobs": [{key: value for key, value in status(name).items() if key != "output"} for name in names]}
