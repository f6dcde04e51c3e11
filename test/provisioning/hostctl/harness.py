"""hostctl against a server in a directory: real files and processes, a fake systemd and a fake apt on PATH."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import os
import shutil
import sys
import tarfile
import tempfile
import time
import traceback
import unittest
from pathlib import Path
from typing import Any, NoReturn

HERE = Path(__file__).resolve().parents[1]
HOSTCTL = HERE.parents[1] / "provisioning" / "hostctl"
sys.path.insert(0, str(HOSTCTL))
import hostctl.cli  # noqa: E402
import hostctl.settle  # noqa: E402
import hostctl.system  # noqa: E402

SECRET = "canary-Secret-8c1f"


def seal(bundle: dict[str, Any]) -> tuple[str, bytes]:
    text = json.dumps(bundle, sort_keys=True).encode()
    return hashlib.sha256(text).hexdigest()[:16], text


def archive(files: dict[str, str]) -> str:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content.encode()))
    # The same bytes, and so the same bundle, a second later.
    return base64.b64encode(gzip.compress(data.getvalue(), mtime=0)).decode()


class Server(unittest.TestCase):
    # hostctl runs under a clock that somebody has set wrong by so many seconds.
    skew = 0.0

    def setUp(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="hostctl-test-"))
        self.addCleanup(shutil.rmtree, self.root)
        (self.root / "fake").mkdir()
        self.write("/etc/os-release", 'PRETTY_NAME="x"\nID=debian\nVERSION_ID="13"\n')
        # The job's end calls the installed hostctl.
        installed = self.root / "usr/local/sbin/hostctl"
        installed.parent.mkdir(parents=True)
        installed.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HOSTCTL}" "$@"\n')
        installed.chmod(0o755)

    def hostctl(self, *arguments: str, stdin: bytes = b"") -> tuple[int, dict[str, Any]]:
        """In a child that has loaded everything already: a new Python for each of hundreds of calls takes minutes."""
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
            given.write(stdin)
            given.seek(0)
            child = os.fork()
            if child == 0:
                self.become_hostctl([given.fileno(), said.fileno(), complained.fileno()], list(arguments))
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            said.seek(0)
            complained.seek(0)
            self.assertEqual(complained.read().decode(), "")
            text = said.read()
        return code, json.loads(text) if text.strip() else {}

    def become_hostctl(self, streams: list[int], arguments: list[str]) -> NoReturn:
        code = 99
        try:
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
            sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")
            os.environ.update(self.environment())
            hostctl.system.ROOT = self.root
            real, gmtime = time.time, time.gmtime
            time.time, time.time_ns = lambda: real() + self.skew, lambda: int((real() + self.skew) * 1e9)
            time.gmtime = lambda seconds=None: gmtime(time.time() if seconds is None else seconds)
            code = hostctl.cli.main(arguments)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def environment(self) -> dict[str, str]:
        return {**os.environ, "HOSTCTL_ROOT": str(self.root), "PATH": f"{HERE / 'fakes'}:{os.environ['PATH']}",
                "PYTHONDONTWRITEBYTECODE": "1"}

    def apply(self, bundle: dict[str, Any], *flags: str) -> tuple[int, dict[str, Any]]:
        fingerprint, text = seal(bundle)
        return self.hostctl("apply", "--service", bundle["service"], "--hash", fingerprint, *flags, stdin=text)

    def changed(self, bundle: dict[str, Any]) -> None:
        code, answer = self.apply(bundle)
        self.assertEqual((code, answer["result"]), (0, "changed"), answer)

    def demo(self, content: str = "good 1\n", **other: Any) -> dict[str, Any]:
        """A service that reads /etc/demo.conf when it is started or reloaded and is well while it has read `good`."""
        return {
            "service": "demo",
            "packages": [],
            "files": [{"path": "/etc/demo.conf", "content": content, "mode": "0640"}],
            "validate": [{"name": "syntax", "argv": ["grep", "-qv", "syntax error", "{staged}/etc/demo.conf"]}],
            "units": [{"name": "demo.service", "onChange": "reload", "watches": ["/etc/demo.conf"]}],
            "probes": [{"name": "well", "argv": ["grep", "good", f"{self.root}/fake/live"], "timeout": 0.6}],
            **other,
        }

    def write(self, path: str, content: str) -> Path:
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
        return place

    def process(self, pid: int, parent: int, ticks: int, program: str = "/usr/bin/bash") -> None:
        """A process in the server's /proc, started so many hundredths of a second after the boot."""
        self.write(f"/proc/{pid}/stat", f"{pid} (a (b) c) S {parent} {'0 ' * 17}{ticks} 0\n")
        link = self.root / f"proc/{pid}/exe"
        link.unlink(missing_ok=True)
        link.symlink_to(program)

    def reboot(self) -> None:
        shutil.rmtree(self.root / "run", ignore_errors=True)

    def read(self, path: str) -> str | None:
        place = self.root / path.lstrip("/")
        return place.read_text() if place.exists() else None

    def log(self) -> list[str]:
        lines = (self.read("/fake/log") or "").splitlines()
        (self.root / "fake/log").write_text("")
        return [line for line in lines if not line.startswith("reset-failed")]
