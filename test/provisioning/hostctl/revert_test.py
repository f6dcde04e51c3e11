"""What comes back when an apply fails."""

from __future__ import annotations

import json
import os
import resource
import stat
import subprocess
import sys
from typing import Any

from harness import HOSTCTL, SECRET, Server, archive, seal


class Revert(Server):
    def test_probe_failing_after_reload(self) -> None:
        self.changed(self.demo(absent=["/etc/old"]))
        self.log()
        code, answer = self.apply(self.demo("bad\n", links={"/etc/link": "/x"}))
        self.assertEqual((code, answer["result"], answer["step"]), (20, "reverted", "probe"))
        self.assertIn("well", answer["reason"])
        self.assertEqual((self.read("/etc/demo.conf"), self.read("/fake/live")), ("good 1\n", "good 1\n"))
        self.assertFalse((self.root / "etc/link").is_symlink())
        self.assertEqual(self.log(), ["reload demo.service", "reload demo.service"])
        self.assertEqual(self.hostctl("check")[0], 0)

    def test_first_apply_leaves_nothing_behind(self) -> None:
        code, _ = self.apply(self.demo("bad\n"))
        self.assertEqual(code, 20)
        self.assertIsNone(self.read("/etc/demo.conf"))
        self.assertEqual((os.listdir(self.root / "fake/active"), os.listdir(self.root / "fake/enabled")), ([], []))
        self.assertEqual(self.hostctl("list")[1]["services"], [])

    def test_refused_reload(self) -> None:
        self.changed(self.demo())
        (self.root / "fake/refuse-reload").touch()
        code, answer = self.apply(self.demo("good 2\n"))
        self.assertEqual((code, answer["step"]), (20, "units"))
        self.assertIn("The previous files are back, but: units: reload demo.service", answer["reason"])
        self.assertEqual(self.read("/etc/demo.conf"), "good 1\n")

    def test_hand_made_file_comes_back_as_it_was(self) -> None:
        place = self.root / "etc/demo.conf"
        place.parent.mkdir(exist_ok=True)
        place.write_text("by hand")
        place.chmod(0o604)
        self.assertEqual(self.apply(self.demo("bad\n"))[0], 20)
        self.assertEqual((place.read_text(), stat.S_IMODE(place.stat().st_mode)), ("by hand", 0o604))

    def test_revert_command(self) -> None:
        self.assertEqual(self.hostctl("revert", "--service", "demo")[1]["reason"],
                         "demo has no earlier release here; see: hostctl list")
        self.changed(self.demo("good 1\n"))
        self.changed(self.demo("good 2\n"))
        code, answer = self.hostctl("revert", "--service", "demo")
        self.assertEqual((code, answer["result"], self.read("/fake/live")), (0, "changed", "good 1\n"))

    def test_five_releases_and_their_archives_are_kept(self) -> None:
        for number in range(7):
            path = f"/srv/demo/releases/{number}"
            archives = [{"path": path, "content": archive({"file": str(number)})}]
            self.changed(self.demo(f"good {number}\n", archives=archives, links={"/srv/demo/current": path}))
        self.assertEqual(sorted(os.listdir(self.root / "srv/demo/releases")), ["2", "3", "4", "5", "6"])
        self.assertEqual(len(os.listdir(self.root / "var/lib/bascule/releases/demo")), 5)
        self.assertEqual(os.listdir(self.root / "var/lib/bascule/saved"), [])

    def test_an_archive_that_another_service_needs_too_is_kept(self) -> None:
        runtime = {"path": "/opt/runtime/1", "content": archive({"file": "1"})}
        self.changed({"service": "other", "packages": [], "files": [], "validate": [], "units": [], "probes": [], "archives": [runtime]})
        for number in range(6):
            self.changed(self.demo(f"good {number}\n", archives=[] if number else [runtime]))
        self.assertEqual(os.listdir(self.root / "opt/runtime"), ["1"])
        self.assertEqual(self.hostctl("check")[0], 0)


class Unfit(Server):
    def test_no_room_for_the_files(self) -> None:
        self.changed(self.demo())
        fingerprint, text = seal(self.demo("good " + "x" * 5000))
        argv = [sys.executable, str(HOSTCTL), "apply", "--service", "demo", "--hash", fingerprint]
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))  # noqa: E731
        done = subprocess.run(argv, input=text, capture_output=True, env=self.environment(), preexec_fn=limit)
        answer = json.loads(done.stdout)
        self.assertEqual((done.returncode, answer["result"], answer["step"]), (40, "refused", "host"))
        self.assertRegex(answer["reason"], "File too large.*see what the host lacks: df -h")
        self.assertEqual((self.read("/etc/demo.conf"), self.read("/fake/live")), ("good 1\n", "good 1\n"))
        self.assertEqual(self.hostctl("check")[0], 0)
