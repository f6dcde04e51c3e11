"""Packages through a fake apt."""

from __future__ import annotations

import json
import os
import resource
import stat
import subprocess
import sys
from typing import Any

from harness import HOSTCTL, SECRET, Server, archive, seal


class Packages(Server):
    def apt_log(self) -> list[str]:
        return (self.read("/fake/apt-log") or "").splitlines()

    def lists(self) -> None:
        folder = self.root / "var/lib/apt/lists"
        folder.mkdir(parents=True)
        (folder / "mirror_Packages").touch()

    def test_one_transaction_with_nothing_started(self) -> None:
        self.lists()
        self.changed(self.demo(packages=["one", "two"]))
        self.assertEqual(self.apt_log(), ["install one two", "policy in place"])
        self.assertIsNone(self.read("/usr/sbin/policy-rc.d"))

    def test_only_the_missing(self) -> None:
        self.lists()
        self.changed(self.demo(packages=["one"]))
        self.changed(self.demo(packages=["one", "two"]))
        self.assertEqual([line for line in self.apt_log() if line.startswith("install")], ["install one", "install two"])

    def test_update_where_lists_are_missing(self) -> None:
        self.changed(self.demo(packages=["one"]))
        self.assertEqual([line for line in self.apt_log() if "policy" not in line], ["update", "install one"])

    def test_update_after_a_failure(self) -> None:
        self.lists()
        (self.root / "fake/apt-fails").write_text("1")
        self.changed(self.demo(packages=["one"]))
        self.assertEqual([line for line in self.apt_log() if "policy" not in line], ["install one", "update", "install one"])

    def test_not_to_be_had(self) -> None:
        self.lists()
        (self.root / "fake/apt-fails").write_text("9")
        code, answer = self.apply(self.demo(packages=["one"]))
        self.assertEqual((code, answer["result"], answer["step"]), (40, "refused", "packages"))
        self.assertIn("one not installed: E: Unable to fetch", answer["reason"])
        self.assertIsNone(self.read("/usr/sbin/policy-rc.d"))
        self.assertIsNone(self.read("/etc/demo.conf"))

    def test_policy_of_a_killed_apply_goes(self) -> None:
        policy = self.root / "usr/sbin/policy-rc.d"
        policy.parent.mkdir(parents=True)
        policy.write_text("#!/bin/sh\n# hostctl: services start when their files are in place\nexit 101\n")
        self.changed(self.demo(packages=["one"]))
        self.assertFalse(policy.exists())

    def test_early_files_are_there_for_the_packages(self) -> None:
        early = {"path": "/etc/early.conf", "content": "1", "early": True}
        bundle = self.demo(packages=["one"])
        (self.root / "fake/apt-fails").write_text("9")
        self.assertEqual(self.apply({**bundle, "files": [*bundle["files"], early]})[0], 40)
        self.assertEqual(self.read("/etc/early.conf"), "1")

    def test_security_update_and_hold_are_fine_a_downgrade_is_not(self) -> None:
        self.lists()
        self.write("/fake/candidate", "5\n")
        self.changed(self.demo(packages=["one"]))
        for version, code in (("5", 0), ("6", 0), ("4", 10)):
            self.write("/fake/packages/one", version)
            self.assertEqual(self.hostctl("check")[0], code)
        self.changed(self.demo(packages=["one"]))
        self.assertEqual(self.read("/fake/packages/one"), "5\n")
        self.write("/fake/hold/one", "")
        self.assertEqual(self.hostctl("check")[0], 0)

    def test_downgrade_that_apt_cannot_repair_is_refused(self) -> None:
        self.lists()
        self.write("/fake/candidate", "5\n")
        self.changed(self.demo(packages=["one"]))
        self.write("/fake/candidate", "4\n")
        self.write("/fake/packages/one", "4\n")
        code, answer = self.apply(self.demo(packages=["one"]))
        self.assertEqual((code, answer["step"]), (30, "packages"))
        self.assertIn("one is 4, expected 5 or later, and apt has nothing newer; see: apt-cache policy one", answer["reason"])
