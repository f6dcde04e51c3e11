"""What an apply does, refuses, and never prints."""

from __future__ import annotations

import json
import os
import resource
import stat
import subprocess
import sys
from typing import Any

from harness import HOSTCTL, SECRET, Server, archive, seal


class Apply(Server):
    def test_first_apply_writes_enables_and_starts(self) -> None:
        self.changed(self.demo())
        self.assertEqual(self.read("/etc/demo.conf"), "good 1\n")
        self.assertEqual(stat.S_IMODE((self.root / "etc/demo.conf").stat().st_mode), 0o640)
        self.assertEqual(self.log(), ["enable demo.service", "start demo.service"])

    def test_second_apply_is_unchanged_and_touches_nothing(self) -> None:
        self.changed(self.demo())
        self.log()
        code, answer = self.apply(self.demo())
        self.assertEqual((code, answer["result"]), (0, "unchanged"))
        self.assertEqual(self.log(), [])

    def test_reload_only_where_a_watched_path_changed(self) -> None:
        other = {"path": "/etc/other.conf", "content": "1"}
        self.changed(self.demo())
        self.log()
        first = self.demo()
        self.changed({**first, "files": [*first["files"], other]})
        self.assertEqual(self.log(), [])
        self.changed(self.demo("good 2\n"))
        self.assertEqual(self.log(), ["reload demo.service"])
        self.assertEqual(self.read("/fake/live"), "good 2\n")

    def test_unit_file_calls_for_manager_and_restart(self) -> None:
        unit = {"path": "/etc/systemd/system/demo.service.d/x.conf", "content": "[Service]\n"}
        self.changed(self.demo())
        self.log()
        first = self.demo()
        self.changed({**first, "files": [*first["files"], unit]})
        self.assertEqual(self.log(), ["daemon-reload", "restart demo.service"])

    def test_restart_on(self) -> None:
        units = [{"name": "demo.service", "onChange": "reload", "watches": [], "restartOn": ["/etc/demo.conf"]}]
        self.changed(self.demo(units=units))
        self.log()
        self.changed(self.demo("good 2\n", units=units))
        self.assertEqual(self.log(), ["restart demo.service"])

    def test_what_the_new_release_no_longer_names_goes(self) -> None:
        units = [{"name": "demo@1.service"}, {"name": "demo@2.service"}]
        old = {"path": "/etc/old.conf", "content": "old"}
        first = self.demo(units=units, links={"/etc/old-link": "/etc/old.conf"})
        self.changed({**first, "files": [*first["files"], old]})
        self.changed(self.demo(units=units[:1]))
        self.assertIsNone(self.read("/etc/old.conf"))
        self.assertFalse((self.root / "etc/old-link").is_symlink())
        self.assertEqual(os.listdir(self.root / "fake/active"), ["demo@1.service"])
        self.assertEqual(os.listdir(self.root / "fake/enabled"), ["demo@1.service"])

    def test_rolling_restart_stops_at_the_first_unit_that_is_not_well(self) -> None:
        health = {"name": "health", "argv": ["grep", "good", f"{self.root}/fake/live"], "timeout": 0.6}
        units = [{"name": f"demo@{port}.service", "watches": ["/etc/demo.conf"], "health": health} for port in (1, 2)]
        self.changed(self.demo(units=units, probes=[]))
        self.log()
        code, answer = self.apply(self.demo("bad\n", units=units, probes=[]))
        self.assertEqual((code, answer["step"]), (20, "health"))
        self.assertEqual(self.log()[0], "restart demo@1.service")
        self.assertEqual(self.read("/fake/live"), "good 1\n")

    def test_two_at_once(self) -> None:
        fingerprint, text = seal(self.demo())
        argv = [sys.executable, str(HOSTCTL), "apply", "--service", "demo", "--hash", fingerprint]
        both = [subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self.environment()) for _ in range(2)]
        answers = [json.loads(process.communicate(text)[0])["result"] for process in both]
        self.assertEqual(sorted(answers), ["changed", "unchanged"])


class Refused(Server):
    def refused(self, bundle: dict[str, Any], step: str, reason: str) -> None:
        code, answer = self.apply(bundle)
        self.assertEqual((code, answer["result"], answer["step"]), (30, "refused", step))
        self.assertIn(reason, answer["reason"])

    def test_wrong_hash(self) -> None:
        code, answer = self.hostctl("apply", "--service", "demo", "--hash", "0" * 16, stdin=seal(self.demo())[1])
        self.assertEqual((code, answer["step"]), (30, "bundle"))
        self.assertIn("the command says 0000000000000000", answer["reason"])
        self.assertIsNone(self.read("/etc/demo.conf"))

    def test_unknown_field(self) -> None:
        self.refused(self.demo(surprise=1), "bundle", "unknown fields ['surprise']; apply the newer hostctl first")

    def test_paths(self) -> None:
        self.refused(self.demo(absent=["/etc/../etc/passwd"]), "bundle", "is not absolute and plain")
        self.refused(self.demo(absent=["/"]), "bundle", "is not absolute and plain")
        self.refused(self.demo(exclusive={"etc": []}), "bundle", "is not absolute and plain")

    def test_words_and_types(self) -> None:
        units = [{"name": "demo.service", "onChange": "reboot"}]
        self.refused(self.demo(units=units), "bundle", "onChange is 'reboot', not reload or restart or none")
        self.refused(self.demo(guardSeconds="60"), "bundle", "guardSeconds is str, not float")
        self.refused({**self.demo(), "service": "demo/../x"}, "bundle", "lower-case letters, digits and - only")

    def test_what_only_a_careless_bundle_says_changes_nothing(self) -> None:
        for careless in ({"path": "/etc/x", "content": "%", "encoding": "base64"}, {"path": "/etc/x", "content": "", "mode": "rw"}):
            code, answer = self.apply(self.demo(files=[*self.demo()["files"], careless]))
            self.assertEqual((code, answer["result"], self.read("/etc/demo.conf")), (40, "refused", None))

    def test_no_such_owner_changes_nothing(self) -> None:
        files = [{"path": "/etc/demo.conf", "content": "x"}, {"path": "/etc/b", "content": "x", "owner": "nobody-here"}]
        self.refused(self.demo(files=files), "files", "no user nobody-here")
        # Nor is there anything left of what was written beside its place.
        self.assertEqual(os.listdir(self.root / "etc"), ["os-release"])

    def test_syntax_error_is_never_live(self) -> None:
        self.changed(self.demo())
        self.log()
        self.refused(self.demo("syntax error\n"), "validate", "syntax")
        self.assertEqual(self.read("/etc/demo.conf"), "good 1\n")
        self.assertEqual(self.log(), [])

    def test_directory_in_the_way(self) -> None:
        (self.root / "etc/demo.conf").mkdir(parents=True)
        self.refused(self.demo(), "save", "/etc/demo.conf is a directory")

    def test_archive_that_climbs_out(self) -> None:
        archives = [{"path": "/srv/demo/1", "content": archive({"../../evil": "x"})}]
        self.refused(self.demo(archives=archives), "archives", "evil")
        self.assertIsNone(self.read("/evil"))


class Secrets(Server):
    def test_never_printed(self) -> None:
        content = f"url=postgres://demo:{SECRET}@db/demo\n"
        secret = {"path": "/etc/demo.secret", "content": content, "mode": "0600", "secret": True}
        leak = {"name": "leak", "argv": ["sh", "-c", "cat $HOSTCTL_ROOT/etc/demo.secret; exit 1"], "timeout": 0.1}
        for part in ("validate", "prepare", "finish", "probes"):
            with self.subTest(part):
                argv = {**leak, "argv": ["sh", "-c", "cat {staged}/etc/demo.secret; exit 1"]} if part == "validate" else leak
                bundle = self.demo(**{part: [argv]})
                _, answer = self.apply({**bundle, "files": [*bundle["files"], secret]})
                self.assertNotIn(SECRET, json.dumps(answer))
                self.assertIn("url=***://demo:***@db/demo", answer["reason"])

    def test_staged_for_root_only(self) -> None:
        self.changed(self.demo())
        folder = self.root / "var/lib/bascule/releases"
        self.assertEqual(stat.S_IMODE(folder.stat().st_mode), 0o700)
        self.assertEqual({stat.S_IMODE(path.stat().st_mode) for path in folder.glob("demo/*")}, {0o700})
