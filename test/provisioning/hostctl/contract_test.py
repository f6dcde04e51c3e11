"""Probes as drift, foreign files, images, uploads."""

from __future__ import annotations

import base64
import hashlib
import os
import time
from typing import Any

from harness import Server, archive


class Probes(Server):
    def test_unwell_at_run_time_is_drift_and_a_reload_heals(self) -> None:
        self.changed(self.demo())
        self.write("/fake/live", "changed at run time\n")
        code, answer = self.hostctl("check")
        self.assertEqual((code, [item["kind"] for item in answer["services"][0]["drift"]]), (10, ["probe"]))
        self.log()
        self.changed(self.demo())
        self.assertEqual((self.log(), self.hostctl("check")[0]), (["reload demo.service"], 0))

    def stubborn(self, **unit: Any) -> dict[str, Any]:
        """Only a restart heals it."""
        return self.demo(probes=[{"name": "well", "argv": ["test", "!", "-e", f"{self.root}/fake/sick-demo.service"], "timeout": 0.6}],
                         units=[{"name": "demo.service", "onChange": "reload", **unit}])

    def test_restart_where_a_reload_is_not_enough(self) -> None:
        self.changed(self.stubborn())
        self.write("/fake/sick-demo.service", "")
        self.log()
        self.changed(self.stubborn())
        self.assertEqual(self.log(), ["reload demo.service", "restart demo.service"])

    def test_no_restart_outside_the_window(self) -> None:
        self.skew = 12 * 3600 - time.time() % 86400
        bundle = self.stubborn(restartWindow="03:00-04:00")
        self.changed(bundle)
        self.write("/fake/sick-demo.service", "")
        self.log()
        code, answer = self.apply(bundle)
        self.assertEqual((code, answer["step"], self.log()), (20, "probe", ["reload demo.service"]))

    def test_check_shows_no_secret(self) -> None:
        files = [{"path": "/etc/demo.conf", "content": "good canary-Secret-1\n", "secret": True}]
        self.changed(self.demo(files=files, probes=[{"name": "tells", "argv": ["sh", "-c", f"cat {self.root}/etc/demo.conf; test -e {self.root}/fake/live"]}]))
        (self.root / "fake/live").unlink()
        self.assertEqual(self.hostctl("check")[1]["services"][0]["drift"][0]["actual"], "good ***")


class Exclusive(Server):
    def bundle(self, content: str = "good 1\n", **other: Any) -> dict[str, Any]:
        return self.demo(content, exclusive={"/etc/demo.d": ["README*"], "/etc": ["os-release"]}, **other)

    def test_foreign_files_go_to_quarantine(self) -> None:
        self.write("/fake/packages/sudo", "1\n/etc/demo.d/packaged\n")
        self.write("/etc/demo.d/packaged", "of a package")
        self.write("/etc/demo.d/README.txt", "allowed")
        self.changed({**self.demo(probes=[]), "service": "other", "validate": [],
                      "files": [{"path": "/etc/demo.d/other", "content": "of another bundle"}]})
        self.changed(self.bundle())
        self.write("/etc/demo.d/evil", "bad")
        (self.root / "etc/demo.d/link").symlink_to("/etc/shadow")
        (self.root / "etc/demo.d/folder").mkdir()
        drift = next(item["drift"] for item in self.hostctl("check")[1]["services"] if item["service"] == "demo")
        self.assertEqual([(item["name"], item["what"]) for item in drift],
                         [("/etc/demo.d/evil", "foreign"), ("/etc/demo.d/link", "foreign")])
        self.log()
        self.changed(self.bundle())
        self.assertEqual(sorted(os.listdir(self.root / "etc/demo.d")), ["README.txt", "folder", "other", "packaged"])
        self.assertEqual([path.read_text() for path in self.root.glob("var/lib/bascule/quarantine/*/etc/demo.d/evil")], ["bad"])
        self.assertEqual((self.log(), self.hostctl("check")[0]), (["reload demo.service"], 0))

    def test_drop_ins_of_units_are_foreign_without_a_word(self) -> None:
        self.changed(self.demo())
        self.log()
        for folder in ("/etc/systemd/system/demo.service.d", "/run/systemd/system/demo.service.d"):
            self.write(f"{folder}/zz.conf", "[Service]\nNoNewPrivileges=no\n")
            code, answer = self.hostctl("check")
            drift = answer["services"][0]["drift"]
            self.assertEqual((code, [(item["name"], item["what"]) for item in drift]), (10, [(f"{folder}/zz.conf", "foreign")]))
            self.changed(self.demo())
            self.assertEqual((self.log(), self.hostctl("check")[0]), (["daemon-reload", "restart demo.service"], 0))

    def test_come_back_on_revert(self) -> None:
        self.changed(self.bundle())
        self.write("/etc/demo.d/evil", "bad")
        self.assertEqual(self.apply(self.bundle("bad\n"))[0], 20)
        self.assertEqual(self.read("/etc/demo.d/evil"), "bad")
        self.assertEqual(os.listdir(self.root / "var/lib/bascule/quarantine"), [])


class Images(Server):
    def test_only_its_own(self) -> None:
        self.changed(self.demo(images=["debian-12", "debian-13"]))
        code, answer = self.apply(self.demo("good 2\n", images=["debian-12", "ubuntu-24.04"]))
        self.assertEqual((code, answer["reason"]), (40, "the bundle is for debian-12 or ubuntu-24.04, this host is debian-13"))


class Uploads(Server):
    def bundle(self, sha256: str, **other: Any) -> dict[str, Any]:
        return self.demo(archives=[{"path": "/srv/demo/1", "upload": "/tmp/demo.tgz", "sha256": sha256, **other}])

    def test_proven_by_its_hash(self) -> None:
        data = base64.b64decode(archive({"a": "1"}))
        self.assertIn("No such file or directory; upload the artefact again", self.apply(self.bundle("0"))[1]["reason"])
        (self.write("/tmp/demo.tgz", "")).write_bytes(data)
        code, answer = self.apply(self.bundle("0" * 64))
        self.assertEqual((code, answer["step"]), (30, "archives"))
        self.assertIn("has SHA-256", answer["reason"])
        self.changed(self.bundle(hashlib.sha256(data).hexdigest()))
        self.assertEqual(self.read("/srv/demo/1/a"), "1")

    def test_neither_link_nor_pipe(self) -> None:
        self.write("/tmp/other", "")
        (self.root / "tmp/demo.tgz").symlink_to(self.root / "tmp/other")
        self.assertIn("symbolic links", self.apply(self.bundle("0"))[1]["reason"])
        (self.root / "tmp/demo.tgz").unlink()
        os.mkfifo(self.root / "tmp/demo.tgz")
        self.assertEqual(self.apply(self.bundle("0"))[0], 30)
