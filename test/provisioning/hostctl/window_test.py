"""Restarts that wait for their window."""

from __future__ import annotations

import time
from typing import Any

from harness import Server

CLOSED = "03:00-04:00"


class Window(Server):
    def setUp(self) -> None:
        super().setUp()
        self.time_is(12, 0)

    def time_is(self, hour: int, minute: int) -> None:
        now = time.time()
        self.skew = hour * 3600 + minute * 60 + 1 - now % 86400
    def db(self, content: str, window: str = CLOSED, **unit: Any) -> dict[str, Any]:
        one = {"name": "demo.service", "onChange": "reload", "watches": [], "restartOn": ["/etc/demo.conf"], "restartWindow": window}
        return self.demo(content, units=[{**one, **unit}])

    def test_first_start_never_waits(self) -> None:
        self.changed(self.db("good 1\n"))
        self.assertEqual(self.log(), ["enable demo.service", "start demo.service"])

    def test_put_off_said_and_done_when_the_window_opens(self) -> None:
        self.changed(self.db("good 1\n"))
        self.log()
        code, answer = self.apply(self.db("good 2\n"))
        waits = [{"unit": "demo.service", "window": CLOSED}]
        self.assertEqual((code, answer["result"], answer["pendingRestarts"]), (0, "changed", waits))
        self.assertEqual(self.log(), ["reload demo.service"])
        self.assertEqual(self.hostctl("list")[1]["services"][0]["pendingRestarts"], waits)
        code, answer = self.hostctl("check")
        self.assertEqual((code, answer["services"][0]["drift"][0]["kind"]), (10, "restart"))
        again = self.apply(self.db("good 2\n"))[1]
        self.assertEqual((again["result"], again["pendingRestarts"]), ("unchanged", waits))
        self.assertEqual(self.hostctl("settle"), (0, {"settled": []}))
        later = self.apply(self.db("good 3\n"))[1]
        self.assertEqual(later["pendingRestarts"], waits)
        self.log()
        self.time_is(3, 59)
        answer = self.apply(self.db("good 3\n"))[1]
        self.assertEqual((answer["result"], answer.get("pendingRestarts"), self.log()), ("changed", None, ["restart demo.service"]))
        self.assertEqual(self.hostctl("check")[0], 0)

    def test_settle_does_it(self) -> None:
        self.changed(self.db("good 1\n"))
        self.changed(self.db("good 2\n"))
        self.time_is(3, 0)
        self.log()
        self.hostctl("settle")
        self.assertEqual(self.log(), ["restart demo.service"])
        self.assertEqual(self.hostctl("check")[0], 0)

    def test_restart_now(self) -> None:
        self.changed(self.db("good 1\n"))
        self.changed(self.db("good 2\n"))
        self.log()
        code, answer = self.apply(self.db("good 2\n"), "--restart-now")
        self.assertEqual((code, answer.get("pendingRestarts"), self.log()), (0, None, ["restart demo.service"]))

    def test_restart_by_somebody_else_clears_it(self) -> None:
        for act in (self.restart, self.reboot):
            with self.subTest(act.__name__):
                self.apply(self.db("good 1\n"), "--restart-now")
                self.assertTrue(self.apply(self.db("good 2\n"))[1]["pendingRestarts"])
                act()
                self.assertEqual(self.hostctl("check")[0], 0)
                self.assertNotIn("pendingRestarts", self.hostctl("list")[1]["services"][0])

    def restart(self) -> None:
        (self.root / "fake/active/demo.service").write_text(str(int((time.monotonic() + 0.1) * 1e6)))

    def test_going_back_restarts_nothing_that_was_not_restarted(self) -> None:
        self.changed(self.db("good 1\n"))
        self.log()
        self.assertEqual(self.apply(self.db("bad\n"))[0], 20)
        self.assertEqual(self.log(), ["reload demo.service", "reload demo.service"])

    def test_window_over_midnight(self) -> None:
        bundle = self.db("good 2\n", "23:00-01:00")
        self.changed(self.db("good 1\n", "23:00-01:00"))
        for hour, minute, waits in ((22, 59, True), (1, 0, True), (0, 59, False)):
            self.time_is(hour, minute)
            self.assertEqual("pendingRestarts" in self.apply(bundle)[1], waits)

    def test_settle_goes_back_where_the_restart_fails(self) -> None:
        self.changed(self.db("good 1\n"))
        probes = [{"name": "well", "argv": ["sh", "-c", f"! grep -qs 3: {self.root}/fake/log"], "timeout": 0.1}]
        self.changed({**self.db("good 2\n"), "probes": [{**probes[0], "argv": ["test", "!", "-e", f"{self.root}/fake/restarted"]}]})
        self.write("/fake/break-restart", "")
        self.time_is(3, 30)
        code, answer = self.hostctl("settle")
        self.assertEqual((code, [item["result"] for item in answer["settled"]]), (20, ["reverted", "changed"]))
        self.assertEqual(self.read("/fake/live"), "good 1\n")
