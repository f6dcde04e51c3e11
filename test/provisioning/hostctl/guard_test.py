"""The lock-out guard: what nobody confirms from a new SSH login comes back by itself."""

from __future__ import annotations

import os
import time
from typing import Any

from harness import Server, seal

SSHD, SESSION = 1_000_001, 1_000_002


class Guard(Server):
    def guarded(self, content: str = "good 2\n", seconds: float = 60, **other: Any) -> dict[str, Any]:
        return self.demo(content, guardSeconds=seconds, **other)

    def confirm(self, bundle: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return self.hostctl("confirm", "--service", "demo", "--hash", seal(bundle)[0])

    def login(self, ticks: int | None = None, program: str = "/usr/sbin/sshd") -> None:
        """This process, which starts hostctl, becomes the shell of an SSH session accepted then; now by default."""
        now = int(time.clock_gettime(time.CLOCK_BOOTTIME) * 100)
        self.process(os.getpid(), SESSION, now)
        self.process(SESSION, SSHD, now if ticks is None else ticks, program)
        self.process(SSHD, 1, 5, "/usr/sbin/sshd")

    def timers(self) -> list[str]:
        return (self.read("/fake/timers") or "").splitlines()

    def test_waits_for_a_new_login_and_stays(self) -> None:
        self.changed(self.demo())
        self.login()
        code, answer = self.apply(self.guarded())
        self.assertEqual((code, answer["result"], answer["confirm"]), (0, "changed", "needed"))
        self.assertRegex(answer["deadline"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertRegex(self.timers()[0], r"--on-active=60 .*/usr/local/sbin/hostctl settle --service demo")
        self.assertEqual([item["kind"] for item in self.hostctl("check")[1]["services"][0]["drift"]], ["confirm"])
        time.sleep(0.02)
        for program in ("/usr/sbin/sshd", "/usr/lib/openssh/sshd-session", "/usr/sbin/sshd (deleted)"):
            self.login(program=program)
        self.assertEqual(self.confirm(self.guarded())[1]["result"], "confirmed")
        self.assertEqual(self.confirm(self.guarded()), (0, {"service": "demo", "hash": seal(self.guarded())[0], "result": "unchanged"}))
        self.assertEqual(self.hostctl("check")[0], 0)
        self.assertIn("stop bascule-guard-demo.*.timer", self.log())
        self.assertEqual(os.listdir(self.root / "var/lib/bascule/saved"), [])

    def test_first_release_too(self) -> None:
        self.apply(self.guarded())
        time.sleep(0.02)
        self.login()
        self.assertEqual(self.confirm(self.guarded())[0], 0)
        self.assertEqual(self.hostctl("check")[0], 0)

    def test_old_login_and_console_prove_nothing(self) -> None:
        self.changed(self.demo())
        self.login()
        old = int(time.clock_gettime(time.CLOCK_BOOTTIME) * 100)
        self.apply(self.guarded())
        self.login(old)
        code, answer = self.confirm(self.guarded())
        self.assertEqual((code, answer["result"]), (30, "refused"))
        self.assertIn("older than the change; open a new one: ssh", answer["reason"])
        self.process(os.getpid(), 1, old + 1000)
        self.assertIn("does not come from an SSH login", self.confirm(self.guarded())[1]["reason"])
        self.assertIn("does not wait to be confirmed", self.confirm(self.demo("good 3\n"))[1]["reason"])

    def test_taken_back_when_the_time_is_over(self) -> None:
        self.changed(self.demo())
        self.apply(self.guarded(seconds=1))
        self.assertEqual(self.hostctl("settle", "--service", "demo")[1]["settled"], [])
        self.assertEqual(self.read("/fake/live"), "good 2\n")
        time.sleep(1)
        code, answer = self.hostctl("settle", "--service", "demo")
        self.assertEqual((code, answer["settled"][0]["result"]), (20, "reverted"))
        self.assertIn("nobody confirmed the change in time", answer["settled"][0]["reason"])
        self.assertEqual((self.read("/etc/demo.conf"), self.read("/fake/live")), ("good 1\n", "good 1\n"))
        self.login()
        self.assertIn("nobody confirmed in time", self.confirm(self.guarded(seconds=1))[1]["reason"])
        self.assertEqual(self.hostctl("check")[0], 0)

    def test_taken_back_after_a_reboot(self) -> None:
        self.apply(self.demo())
        self.apply(self.guarded())
        self.reboot()
        self.assertEqual(self.hostctl("settle")[1]["settled"][0]["result"], "reverted")
        self.assertEqual((self.read("/etc/demo.conf"), self.read("/fake/live")), ("good 1\n", "good 1\n"))

    def test_same_apply_again_does_not_flap(self) -> None:
        self.changed(self.demo())
        self.apply(self.guarded())
        self.log()
        code, answer = self.apply(self.guarded())
        self.assertEqual((code, answer["result"], answer["confirm"]), (0, "unchanged", "needed"))
        self.assertEqual(self.log(), [])

    def test_other_apply_takes_it_back_first(self) -> None:
        self.changed(self.demo())
        self.apply(self.guarded())
        self.changed(self.demo("good 3\n"))
        self.assertEqual(self.hostctl("list")[1]["services"][0]["history"], [seal(self.demo(text))[0] for text in ("good 3\n", "good 1\n")])

    def test_revert_takes_it_back(self) -> None:
        self.changed(self.demo())
        self.apply(self.guarded())
        self.assertEqual(self.hostctl("revert", "--service", "demo")[1]["result"], "changed")
        self.assertEqual(self.read("/fake/live"), "good 1\n")

    def test_arms_nothing_where_nothing_changes(self) -> None:
        self.changed(self.demo())
        code, answer = self.apply(self.guarded("good 1\n"))
        self.assertEqual((code, answer["result"], answer.get("confirm"), self.timers()), (0, "changed", None, []))

    def test_failure_reverts_at_once_and_disarms(self) -> None:
        self.changed(self.demo())
        self.assertEqual(self.apply(self.guarded("bad\n"))[0], 20)
        self.assertIn("stop bascule-guard-demo.*.timer", self.log())
        self.assertEqual(self.read("/fake/live"), "good 1\n")

    def test_without_a_timer_nothing_is_changed(self) -> None:
        self.changed(self.demo())
        self.write("/fake/refuse-timer", "")
        code, answer = self.apply(self.guarded())
        self.assertEqual((code, answer["step"], self.read("/etc/demo.conf")), (40, "guard", "good 1\n"))

    def test_setting_the_clock_changes_nothing(self) -> None:
        self.changed(self.demo())
        self.skew = 86400.0
        self.apply(self.guarded())
        for skew in (-86400.0, 7 * 86400.0):
            self.skew = skew
            self.assertEqual(self.hostctl("settle")[1]["settled"], [])
        time.sleep(0.02)
        self.login()
        self.assertEqual(self.confirm(self.guarded())[1]["result"], "confirmed")
