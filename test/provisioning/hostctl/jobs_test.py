"""Long work."""

from __future__ import annotations

import json
import os
import resource
import stat
import subprocess
import sys
import threading
import time
from typing import Any

from harness import HOSTCTL, SECRET, Server, archive, seal


class Jobs(Server):
    def job(self, *arguments: str, **request: Any) -> tuple[int, dict[str, Any]]:
        return self.hostctl("job", *arguments, "--name", "copy", stdin=json.dumps(request).encode())

    def test_secrets_are_files_for_the_time_of_the_job(self) -> None:
        script = 'stat -c "%a %F" "$BASCULE_SECRETS" "$BASCULE_SECRETS/PGPASSWORD"; wc -c < "$BASCULE_SECRETS/PGPASSWORD"'
        started = self.job("start", script=script, secrets={"PGPASSWORD": SECRET})
        self.assertEqual(started, (0, {"name": "copy", "state": "running"}))
        code, answer = self.job("status")
        self.assertEqual((code, answer["state"], answer["exitCode"]), (0, "done", 0))
        self.assertEqual(answer["output"], f"700 directory\n600 regular file\n{len(SECRET)}\n")
        self.assertFalse((self.root / "run/bascule/jobs/copy").exists())

    def test_failure_is_told(self) -> None:
        self.job("start", script="echo so far; exit 3")
        _, answer = self.job("wait", "--seconds", "1")
        self.assertEqual((answer["state"], answer["exitCode"], answer["output"]), ("failed", 3, "so far\n"))

    def test_host_restarted_under_it(self) -> None:
        self.job("start", script="true")
        (self.root / "var/lib/bascule/jobs/copy/ended.json").unlink()
        self.assertEqual(self.job("status")[1]["reason"], "the host was restarted")

    def test_refusals(self) -> None:
        self.assertIn("no job copy on this host", self.job("status")[1]["reason"])
        self.assertIn("standard input must be", self.job("start")[1]["reason"])
        self.assertIn("names of secrets ['../x']", self.job("start", script="true", secrets={"../x": "1"})[1]["reason"])
        self.assertIn("no user nobody-here", self.job("start", script="true", user="nobody-here")[1]["reason"])
        (self.root / "fake/active/bascule-job-copy.service").touch()
        code, answer = self.job("start", script="true")
        self.assertEqual((code, answer["reason"]), (30, "copy is running; see: hostctl job status --name copy"))

    def test_log_is_cut(self) -> None:
        self.job("start", script="head -c 50000 /dev/zero | tr '\\0' x; echo end")
        output = self.job("status")[1]["output"]
        self.assertEqual((len(output), output[-4:]), (20_000, "end\n"))

    def test_waiting_ends_when_it_has_said_more(self) -> None:
        self.job("start", script="echo one")
        (self.root / "var/lib/bascule/jobs/copy/ended.json").unlink()
        (self.root / "fake/active/bascule-job-copy.service").touch()
        self.assertEqual(self.job("wait", "--seconds", "30", "--past", "3")[1]["size"], 4)
        began = time.monotonic()
        self.assertEqual(self.job("wait", "--seconds", "0.3", "--past", "4")[1]["state"], "running")
        self.assertGreaterEqual(time.monotonic() - began, 0.3)
        more = threading.Timer(0.2, lambda: (self.root / "var/lib/bascule/jobs/copy/log").write_text("one\ntwo\n"))
        more.start()
        self.assertEqual(self.job("wait", "--seconds", "30", "--past", "4")[1]["output"], "one\ntwo\n")
