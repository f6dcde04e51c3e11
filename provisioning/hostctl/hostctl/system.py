"""The server as seen by everything else: paths, locks, processes, boots, files that are whole or not there at all."""

import fcntl
import grp
import hashlib
import os
import pwd
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

# Tests put a whole server below another directory; sudo drops this variable, so no caller of the real one can.
ROOT = Path(os.environ.get("HOSTCTL_ROOT", "/"))
LOCK_SECONDS = 600.0
Json = dict[str, Any]


class Failure(Exception):
    """A step that did not work. `code` is the exit code: 20 reverted, 30 refused, 40 host unfit."""

    def __init__(self, step: str, reason: str, code: int = 30) -> None:
        super().__init__(f"{step}: {reason}")
        self.step, self.reason, self.code = step, reason, code

    def answer(self, **known: Any) -> Json:
        return {**known, "result": "reverted" if self.code == 20 else "refused", "step": self.step, "reason": self.reason}


def unfit(error: Exception) -> Failure:
    """What nobody has foreseen: a full disk, a read-only file system."""
    reason = f"{type(error).__name__}: {error}; see what the host lacks: df -h, journalctl -p err, then apply again"
    return error if isinstance(error, Failure) else Failure("host", reason, 40)


class Command(NamedTuple):
    """A program without a shell, as bundles name them."""

    name: str
    argv: list[str]
    timeout: float = 60.0
    user: str = "root"

    def run(self) -> "Result":
        """What has no words to run has nothing to say."""
        return run(self.argv, self.timeout, self.user) if self.argv else Result(0, "")


class Result(NamedTuple):
    code: int
    output: str


def at(path: str) -> Path:
    """The place of an absolute path of the server."""
    return ROOT / path.lstrip("/")


def installed() -> str:
    return str(at("/usr/local/sbin/hostctl"))


def state_dir(*parts: str) -> Path:
    return at("/var/lib/bascule").joinpath(*parts)


def environment(user: str = "root") -> dict[str, str]:
    path = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/local/sbin:/usr/sbin:/sbin"
    root = {"HOSTCTL_ROOT": str(ROOT)} if "HOSTCTL_ROOT" in os.environ else {}
    return {"PATH": path, "HOME": pwd.getpwnam(user).pw_dir, "USER": user, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", **root}


def run(argv: list[str], timeout: float = 60.0, user: str = "root", extra: dict[str, str] | None = None) -> Result:
    """Runs a program in a process group of its own, so that a timeout ends its children too."""
    try:
        account = pwd.getpwnam(user)
        identity: Json = {"user": user, "group": account.pw_gid, "extra_groups": os.getgrouplist(user, account.pw_gid)}
        child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            cwd="/", env={**environment(user), **(extra or {})}, start_new_session=True, **(identity if user != "root" else {}),
        )
    except KeyError:
        return Result(127, f"no user {user} on this host")
    except OSError as error:
        return Result(127, f"{argv[0]}: {error.strerror}")
    try:
        return Result(0, child.communicate(timeout=timeout)[0])._replace(code=child.returncode)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        return Result(124, f"{child.communicate()[0]}\nno end after {timeout:.0f} s")


def run_all(commands: list[Command]) -> list[Result]:
    """Side by side; the results in the order of the commands."""
    results = [Result(127, "not run")] * len(commands)

    def one(number: int) -> None:
        results[number] = commands[number].run()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(len(commands))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@contextmanager
def lock(name: str, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """One holder at a time; the kernel lets go when the holder dies, however it dies."""
    path = at("/run/bascule/lock") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + seconds
    with open(path, "w") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Failure("lock", f"another hostctl has held {path} for {seconds:.0f} s: pgrep -af hostctl", 40) from None
                time.sleep(0.1)
        yield


def boot() -> str:
    """Names this run of the system: /run is empty after each start. (The kernel's own name outlives a container's restart.)"""
    folder = at("/run/bascule/boot")
    with suppress(OSError):  # Read-only to the check in its sandbox: what is there counts.
        folder.mkdir(parents=True, exist_ok=True)
    return str(folder.stat().st_ctime_ns) if folder.exists() else ""


def image() -> str:
    """`debian-13`, `ubuntu-24.04`: the system, named as the provider's images are."""
    release = dict(line.split("=", 1) for line in at("/etc/os-release").read_text().splitlines() if "=" in line)
    return f"{release.get('ID')}-{release.get('VERSION_ID')}".replace('"', "")


def fingerprint(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def ids(owner: str, group: str) -> tuple[int, int]:
    try:
        return pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid
    except KeyError:
        raise Failure("files", f"no user {owner} or no group {group} on this host") from None


def beside(path: Path) -> Path:
    """Where a path's next content waits for its rename."""
    return path.with_name(f".{path.name}.hostctl")


def make_way(place: Path) -> None:
    """For a new file or link: what lies there is left from an apply that was killed."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)


def create(place: Path, content: bytes, mode: int = 0o600, owner: tuple[int, int] = (0, 0)) -> None:
    """A new file whose content is on disk for good."""
    make_way(place)
    with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        if os.geteuid() == 0:
            os.fchown(file.fileno(), *owner)
        os.fchmod(file.fileno(), mode)
        file.flush()
        os.fsync(file.fileno())


def sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(handle)
    os.close(handle)


def move_whole(source: Path, path: Path) -> None:
    os.rename(source, path)
    sync(path.parent)


def write_whole(path: Path, content: bytes, mode: int = 0o600, owner: tuple[int, int] = (0, 0)) -> None:
    """After a crash the path holds the old or the new content, never a part: temporary file, fsync, rename, fsync."""
    create(beside(path), content, mode, owner)
    move_whole(beside(path), path)


def remove(path: Path) -> None:
    if os.path.lexists(path):
        path.unlink()
        sync(path.parent)
