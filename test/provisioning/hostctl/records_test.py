"""What hostctl wrote down itself: tidied again where that failed, and read or refused when another version or a bad disk wrote it."""

from __future__ import annotations

import json
import os
import shutil
import unittest.mock
from pathlib import Path
from typing import Any

from harness import Server, archive, seal

RECORDS = "var/lib/bascule"


class Tidying(Server):
    """The new release is live and written down; only what it leaves over cannot be removed."""

    def stuck(self, part: str) -> Any:
        """A disk that gives back nothing below the folder of this name."""
        real = shutil.rmtree

        def rmtree(path: Any, ignore_errors: bool = False, **other: Any) -> None:
            if f"/{part}/" not in f"{path}/":
                real(path, ignore_errors, **other)
            elif not ignore_errors:
                raise OSError(5, "Input/output error", str(path))

        return unittest.mock.patch("shutil.rmtree", rmtree)

    def release(self, number: int, **other: Any) -> dict[str, Any]:
        archives = [{"path": f"/srv/demo/{number}", "content": archive({"a": str(number)})}]
        return self.demo(f"good {number}\n", archives=archives, **other)

    def kept(self) -> tuple[int, list[str]]:
        return len(os.listdir(self.root / RECORDS / "releases/demo")), sorted(os.listdir(self.root / "srv/demo"))

    def test_the_truth_is_told_and_the_next_apply_tidies(self) -> None:
        for number in range(5):
            self.changed(self.release(number))
        for part in ("srv/demo/0", "releases"):
            with self.subTest(part), self.stuck(part):
                code, answer = self.apply(self.release(5))
                self.assertEqual((code, answer["result"]), (0, "unchanged" if part == "releases" else "changed"))
                self.assertIn("Input/output error", answer["warning"])
                self.assertIn("what is left is removed with the next apply", answer["warning"])
                self.assertEqual((self.read("/fake/live"), self.hostctl("check")[0]), ("good 5\n", 0))
                self.assertEqual(self.kept()[0], 6)
        code, answer = self.apply(self.release(5))
        self.assertEqual((code, answer["result"], answer.get("warning")), (0, "unchanged", None))
        self.assertEqual(self.kept(), (5, ["1", "2", "3", "4", "5"]))

    def test_a_confirmation_that_cannot_tidy_is_one(self) -> None:
        for number in range(5):
            self.changed(self.release(number))
        guarded = self.release(5, guardSeconds=60)
        self.apply(guarded)
        with self.stuck("releases"), unittest.mock.patch("hostctl.settle.login", return_value=1e12):
            code, answer = self.hostctl("confirm", "--service", "demo", "--hash", seal(guarded)[0])
        self.assertEqual((code, answer["result"]), (0, "confirmed"))
        self.assertIn("Input/output error", answer["warning"])
        self.assertEqual(self.apply(guarded)[1].get("warning"), None)
        self.assertEqual(self.kept(), (5, ["1", "2", "3", "4", "5"]))


class Records(Server):
    def record(self, kind: str) -> Path:
        return next((self.root / RECORDS / kind).glob("**/*.json"))

    def edit(self, kind: str, **fields: Any) -> None:
        path = self.record(kind)
        path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))

    def refused(self, path: Path, answer: tuple[int, dict[str, Any]], why: str = "") -> None:
        code, said = answer
        self.assertEqual((code, said["result"], said["step"]), (40, "refused", "record"), said)
        self.assertIn(f"mv {path} {path}.unread", said["reason"])
        self.assertIn(why, said["reason"])

    def full(self, content: str = "good 1\n") -> dict[str, Any]:
        return self.demo(content, archives=[{"path": "/srv/demo/1", "content": archive({"a": "1"})}])

    def test_fields_of_a_newer_hostctl_are_left_aside(self) -> None:
        self.changed(self.full())
        for kind in ("state", "releases", "archives"):
            self.edit(kind, fieldOfTomorrow={"a": 1} if kind != "archives" else "1")
        self.assertEqual(self.hostctl("check")[0], 0)
        self.assertEqual(self.apply(self.full())[1]["result"], "unchanged")
        self.changed(self.full("good 2\n"))
        self.assertEqual(self.hostctl("revert", "--service", "demo")[0], 30, "a release of tomorrow is applied by nobody today")
        self.assertEqual((self.read("/fake/live"), self.hostctl("check")[0]), ("good 2\n", 0))

    def test_records_of_before_have_fewer_fields(self) -> None:
        self.changed(self.full())
        self.record("state").write_text(json.dumps({"current": seal(self.full())[0]}))
        known = json.loads(self.record("archives").read_text())
        self.record("archives").write_text(json.dumps({"path": known["path"], "tree": known["tree"]}))
        self.assertEqual(self.hostctl("check")[0], 0)
        self.assertEqual(self.apply(self.full())[1]["result"], "unchanged")
        self.assertEqual(self.hostctl("list")[1]["services"][0]["history"], [])
        self.changed(self.full("good 2\n"))
        self.assertEqual(self.hostctl("check")[0], 0)

    def test_a_state_that_says_nothing_is_refused_by_every_verb_until_it_is_set_aside(self) -> None:
        self.changed(self.full())
        path = self.record("state")
        for text in ("", path.read_text()[:20], "[]", '{"history": "x"}', '{"current": 5}', "\udcff"):
            path.write_bytes(text.encode(errors="surrogateescape"))
            with self.subTest(text):
                self.refused(path, self.apply(self.full("good 2\n")))
                for verb in ("check", "list", "facts", "repair"):
                    self.refused(path, self.hostctl(verb))
                for verb in ("revert", "releases"):
                    self.refused(path, self.hostctl(verb, "--service", "demo"))
                self.refused(path, self.hostctl("confirm", "--service", "demo", "--hash", "0" * 16))
                code, answer = self.hostctl("settle")
                self.refused(path, (code, answer["settled"][0]))
                self.assertEqual((self.read("/etc/demo.conf"), self.read("/fake/live")), ("good 1\n", "good 1\n"))
        path.rename(f"{path}.unread")
        self.changed(self.full("good 2\n"))
        self.assertEqual((self.read("/fake/live"), self.hostctl("check")[0]), ("good 2\n", 0))

    def test_a_change_under_way_that_another_version_wrote_down(self) -> None:
        self.changed(self.demo())
        self.apply(self.demo("good 2\n", guardSeconds=60))
        before = json.loads(self.record("pending").read_text())
        # Before 0.1.0 the paths were a list, and what lay there was noted beside the copies.
        for fields, why in (({"dirty": list(before["dirty"])}, "dirty is list, not dict"), ({"release": 5}, "release is int")):
            self.edit("pending", **{**before, **fields})
            with self.subTest(why):
                self.refused(self.record("pending"), self.apply(self.demo("good 3\n")), why)
                self.assertEqual(self.read("/fake/live"), "good 2\n")
        # One whose guard was written down otherwise is taken back, as after a restart.
        older = {key: value for key, value in before.items() if key not in ("since", "deadline", "until")}
        self.record("pending").write_text(json.dumps({**older, "guard": {"since": 1, "deadline": 1e12, "until": "tomorrow"}, "foreign": []}))
        self.assertEqual(self.hostctl("settle")[1]["settled"][0]["result"], "reverted")
        self.assertEqual(self.read("/fake/live"), "good 1\n")
        self.apply(self.demo("good 2\n", guardSeconds=60))
        self.edit("pending", fieldOfTomorrow=1)
        self.changed(self.demo("good 3\n"))
        self.assertEqual(self.hostctl("list")[1]["services"][0]["history"], [seal(self.demo(text))[0] for text in ("good 3\n", "good 1\n")])

    def test_a_release_that_cannot_be_read(self) -> None:
        self.changed(self.full())
        path = self.record("releases")
        for text in ("", path.read_text()[:40]):
            path.write_text(text)
            self.refused(path, self.hostctl("check"))
            self.refused(path, self.apply(self.full("good 2\n")))
        path.rename(f"{path}.unread")
        self.assertEqual(self.hostctl("check")[1]["services"][0]["drift"][0]["actual"], "missing")
        self.changed(self.full())
        self.assertEqual(self.hostctl("check")[0], 0)

    def test_an_archive_whose_record_cannot_be_read_is_unpacked_again(self) -> None:
        self.changed(self.full())
        for text in ("", '{"tree": ', "[]", "{}"):
            self.record("archives").write_text(text)
            with self.subTest(text):
                self.assertEqual(self.hostctl("check")[1]["services"][0]["drift"][0]["kind"], "archive")
                self.changed(self.full())
                self.assertEqual((self.read("/srv/demo/1/a"), self.hostctl("check")[0]), ("1", 0))

    def test_a_verb_that_meets_the_unexpected_says_so_in_json(self) -> None:
        self.changed(self.demo())
        (self.root / RECORDS / "state/demo.json").unlink()
        (self.root / RECORDS / "state/demo.json").mkdir()
        code, answer = self.hostctl("check")
        self.assertEqual((code, answer["result"], answer["step"]), (40, "refused", "host"))
        self.assertIn("IsADirectoryError", answer["reason"])
