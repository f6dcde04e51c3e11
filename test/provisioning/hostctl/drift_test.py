"""What check finds and apply repairs."""

from __future__ import annotations

import json
import os
import resource
import stat
import subprocess
import sys
from typing import Any

from harness import HOSTCTL, SECRET, Server, archive, seal


class Drift(Server):
    def drift(self) -> list[tuple[str, str, str]]:
        code, answer = self.hostctl("check", "--json")
        found = [(item["kind"], item["name"], item["what"]) for service in answer["services"] for item in service["drift"]]
        self.assertEqual(code, 10 if found else 0)
        self.assertEqual(answer["clean"], not found)
        return found

    def full(self) -> dict[str, Any]:
        return self.demo(
            packages=["hello"], links={"/etc/link": "/etc/demo.conf"}, absent=["/etc/default-site"],
            archives=[{"path": "/srv/demo/1", "content": archive({"a": "1", "b/c": "2"})}],
        )

    def test_every_kind_is_found_and_repaired(self) -> None:
        self.changed(self.full())
        self.assertEqual(self.drift(), [])
        conf, link = self.root / "etc/demo.conf", self.root / "etc/link"
        tamper = {
            ("file", "/etc/demo.conf", "content"): lambda: conf.write_text("good by hand\n"),
            ("file", "/etc/demo.conf", "mode"): lambda: conf.chmod(0o644),
            ("file", "/etc/demo.conf", "existence"): conf.unlink,
            ("link", "/etc/link", "target"): lambda: (link.unlink(), link.symlink_to("/elsewhere")),
            ("file", "/etc/default-site", "existence"): lambda: (self.root / "etc/default-site").touch(),
            ("archive", "/srv/demo/1", "tree"): lambda: (self.root / "srv/demo/1/b/c").write_text("3"),
            ("package", "hello", "state"): lambda: (self.root / "fake/packages/hello").unlink(),
            ("unit", "demo.service", "state"): lambda: (self.root / "fake/active/demo.service").unlink(),
            ("unit", "demo.service", "start at boot"): lambda: (self.root / "fake/enabled/demo.service").unlink(),
        }
        if os.geteuid() == 0:
            tamper[("file", "/etc/demo.conf", "owner")] = lambda: os.chown(conf, 1, 0)
            tamper[("file", "/etc/demo.conf", "group")] = lambda: os.chown(conf, 0, 1)
        for expected, act in tamper.items():
            with self.subTest(expected):
                act()
                self.assertEqual(self.drift(), [expected])
                self.changed(self.full())
                self.assertEqual(self.drift(), [])
                self.assertEqual(self.read("/fake/live"), "good 1\n")

    def test_edited_file_is_reloaded_when_repaired(self) -> None:
        self.changed(self.demo())
        (self.root / "etc/demo.conf").write_text("good by hand\n")
        self.log()
        self.changed(self.demo())
        self.assertEqual(self.log(), ["reload demo.service"])

    def test_an_unpacked_archive_is_read_only_where_somebody_has_touched_it(self) -> None:
        bundle = self.full()
        self.changed(bundle)
        record = next((self.root / "var/lib/bascule/archives").iterdir())
        known = json.loads(record.read_text())
        file = self.root / "srv/demo/1/a"
        # As if it had other content and nobody had touched it: what a disk does that forgets.
        record.write_text(json.dumps({**known, "tree": "other"}))
        self.assertEqual(self.apply(bundle)[1]["result"], "unchanged")
        self.assertEqual(self.drift(), [("archive", "/srv/demo/1", "tree")])
        self.assertEqual(self.hostctl("repair")[0], 0)
        self.assertEqual(self.drift(), [])
        # Same size, same time of modification: the time of the last change tells.
        before = file.stat()
        file.write_text("2")
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.changed(bundle)
        self.assertEqual((file.read_text(), self.drift()), ("1", []))
