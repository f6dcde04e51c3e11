"""The server as seen by everything else: paths, locks, processes, files that are whole or not there at all."""

from __future__ import annotations

import fcntl
import grp
import json
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Tests put a whole server below another directory; sudo drops this variable, so no caller of the real one can.
ROOT = Path(os.environ.get("HOSTCTL_ROOT", "/"))
LOCK_SECONDS = 600.0


class Failure(Exception):
    """A step that did not work. `code` is the exit code: 20 reverted, 30 refused, 40 host unfit."""

    def __init__(self, step: str, reason: str, code: int = 30) -> None:
        super().__init__(f"{step}: {reason}")
        self.step, self.reason, self.code = step, reason, code


@dataclass(frozen=True)
class Result:
    code: int
    output: str


def at(path: str) -> Path:
    """The place of an absolute path of the server."""
    return ROOT / path.lstrip("/")


def state_dir(*parts: str) -> Path:
    return at("/var/lib/bascule").joinpath(*parts)


def environment(user: str = "root") -> dict[str, str]:
    home = pwd.getpwnam(user).pw_dir
    path = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/local/sbin:/usr/sbin:/sbin"
    root = {"HOSTCTL_ROOT": str(ROOT)} if "HOSTCTL_ROOT" in os.environ else {}
    return {"PATH": path, "HOME": home, "USER": user, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", **root}


def run(argv: list[str], timeout: float = 60.0, user: str = "root", extra: dict[str, str] | None = None) -> Result:
    """Runs a program in a process group of its own, so that a timeout ends its children too."""
    identity: dict[str, Any] = {}
    if user != "root":
        entry = pwd.getpwnam(user)
        groups = os.getgrouplist(user, entry.pw_gid)
        identity = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": groups}
    try:
        child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            cwd="/", env={**environment(user), **(extra or {})}, start_new_session=True, **identity,
        )
    except OSError as error:
        return Result(127, f"{argv[0]}: {error.strerror}")
    try:
        output, _ = child.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        output, _ = child.communicate()
        return Result(124, f"{output}\nno end after {timeout:.0f} s")
    return Result(child.returncode, output)


@contextmanager
def lock(name: str) -> Iterator[None]:
    """One holder at a time; the kernel lets go when the holder dies, however it dies."""
    path = at("/run/bascule/lock") / name
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    with open(path, "w", encoding="utf-8") as handle:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    reason = f"another hostctl has held {path} for {LOCK_SECONDS:.0f} s; see: ps -C hostctl -f"
                    raise Failure("lock", reason, 40) from None
                time.sleep(0.1)
        yield


def ids(owner: str, group: str) -> tuple[int, int]:
    try:
        return pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid
    except KeyError:
        raise Failure("files", f"no user {owner} or no group {group} on this host") from None


def sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(path: Path, content: bytes, mode: int = 0o600, owner: tuple[int, int] = (0, 0)) -> None:
    """After a crash the path holds the old or the new content, never a part: temporary file, fsync, rename, fsync."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.hostctl")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            if os.geteuid() == 0:
                os.fchown(file.fileno(), *owner)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def link_whole(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.hostctl")
    temporary.unlink(missing_ok=True)
    os.symlink(target, temporary)
    os.rename(temporary, path)
    sync_directory(path.parent)


def remove(path: Path) -> None:
    if path.is_symlink() or path.exists():
        path.unlink()
        sync_directory(path.parent)


def read_json(path: Path) -> Any:
    """The document at this path, or None where there is none."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None


def write_json(path: Path, value: Any) -> None:
    write_whole(path, json.dumps(value, sort_keys=True).encode())
