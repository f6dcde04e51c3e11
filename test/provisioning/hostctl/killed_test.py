"""SIGKILL at any moment."""

from __future__ import annotations

import json
import os
import resource
import stat
import subprocess
import sys
from typing import Any

from harness import HOSTCTL, SECRET, Server, archive, seal


class Killed(Server):
    """SIGKILL between swap and reload: with Ansible's handlers that notice would be lost for good."""

    def kill_at(self, verb: str, bundle: dict[str, Any]) -> None:
        (self.root / "fake/kill-at").write_text(verb)
        fingerprint, text = seal(bundle)
        argv = [sys.executable, str(HOSTCTL), "apply", "--service", "demo", "--hash", fingerprint]
        done = subprocess.run(argv, input=text, capture_output=True, env=self.environment())
        self.assertEqual(done.returncode, -9)

    def test_same_apply_again_still_reloads(self) -> None:
        self.changed(self.demo())
        self.kill_at("reload", self.demo("good 2\n"))
        self.assertEqual((self.read("/etc/demo.conf"), self.read("/fake/live")), ("good 2\n", "good 1\n"))
        self.changed(self.demo("good 2\n"))
        self.assertEqual(self.read("/fake/live"), "good 2\n")
        self.assertEqual(self.hostctl("check")[0], 0)

    def test_check_says_so(self) -> None:
        self.changed(self.demo())
        self.kill_at("reload", self.demo("good 2\n"))
        code, answer = self.hostctl("check")
        self.assertEqual(code, 10)
        self.assertIn("under way, or killed", answer["services"][0]["drift"][0]["actual"])

    def test_previous_apply_again_brings_it_back(self) -> None:
        self.changed(self.demo())
        self.kill_at("reload", self.demo("good 2\n"))
        self.apply(self.demo())
        self.assertEqual((self.read("/etc/demo.conf"), self.read("/fake/live")), ("good 1\n", "good 1\n"))

    def test_refused_apply_after_it_brings_the_old_back(self) -> None:
        self.changed(self.demo())
        self.kill_at("reload", self.demo("good 2\n"))
        self.assertEqual(self.apply(self.demo("syntax error\n"))[0], 30)
        self.assertEqual((self.read("/etc/demo.conf"), self.read("/fake/live")), ("good 1\n", "good 1\n"))

    def test_killed_while_going_back(self) -> None:
        self.changed(self.demo())
        self.kill_at("reload", self.demo("bad\n"))
        self.kill_at("reload", self.demo("good 2\n"))
        self.changed(self.demo("good 2\n"))
        self.assertEqual((self.read("/etc/demo.conf"), self.read("/fake/live")), ("good 2\n", "good 2\n"))

    def test_killed_at_the_first_start(self) -> None:
        self.kill_at("start", self.demo())
        self.assertEqual(self.hostctl("check")[0], 10)
        self.changed(self.demo())
        self.assertEqual(self.read("/fake/live"), "good 1\n")


    def test_killed_at_any_moment(self) -> None:
        self.changed(self.demo("good 0\n"))
        for number in range(1, 13):
            fingerprint, text = seal(self.demo(f"good {number}\n"))
            argv = [sys.executable, str(HOSTCTL), "apply", "--service", "demo", "--hash", fingerprint]
            process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=self.environment())
            try:
                process.communicate(text, timeout=0.06 + number * 0.02)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            # Either the same again, or another one: both must find their way from wherever it stopped.
            self.assertEqual(self.apply(self.demo(f"good {number + number % 2 * 100}\n"))[0], 0)
            self.assertEqual(self.read("/etc/demo.conf"), self.read("/fake/live"))
            self.assertEqual(self.hostctl("check")[0], 0)
        self.assertEqual(os.listdir(self.root / "var/lib/bascule/saved"), [])
