"""hostctl against a server in a directory: real files and processes, a fake systemd and a fake apt on PATH."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import resource
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
HOSTCTL = HERE.parents[1] / "provisioning" / "hostctl"
SECRET = "canary-Secret-8c1f"


def seal(bundle: dict[str, Any]) -> tuple[str, bytes]:
    text = json.dumps(bundle, sort_keys=True).encode()
    return hashlib.sha256(text).hexdigest()[:16], text


def archive(files: dict[str, str]) -> str:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content.encode()))
    return base64.b64encode(data.getvalue()).decode()


class Server(unittest.TestCase):
    def setUp(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="hostctl-test-"))
        self.addCleanup(shutil.rmtree, self.root)
        (self.root / "fake").mkdir()
        # The job's end calls the installed hostctl.
        installed = self.root / "usr/local/sbin/hostctl"
        installed.parent.mkdir(parents=True)
        installed.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HOSTCTL}" "$@"\n')
        installed.chmod(0o755)

    def hostctl(self, *arguments: str, stdin: bytes = b"") -> tuple[int, dict[str, Any]]:
        argv = [sys.executable, str(HOSTCTL), *arguments]
        done = subprocess.run(argv, input=stdin, capture_output=True, env=self.environment())
        self.assertEqual(done.stderr.decode(), "")
        return done.returncode, json.loads(done.stdout) if done.stdout.strip() else {}

    def environment(self) -> dict[str, str]:
        return {**os.environ, "HOSTCTL_ROOT": str(self.root), "PATH": f"{HERE / 'fakes'}:{os.environ['PATH']}",
                "PYTHONDONTWRITEBYTECODE": "1"}

    def apply(self, bundle: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        fingerprint, text = seal(bundle)
        return self.hostctl("apply", "--service", bundle["service"], "--hash", fingerprint, stdin=text)

    def changed(self, bundle: dict[str, Any]) -> None:
        code, answer = self.apply(bundle)
        self.assertEqual((code, answer["result"]), (0, "changed"), answer)

    def demo(self, content: str = "good 1\n", **other: Any) -> dict[str, Any]:
        """A service that reads /etc/demo.conf when it is started or reloaded and is well while it has read `good`."""
        return {
            "service": "demo",
            "packages": [],
            "files": [{"path": "/etc/demo.conf", "content": content, "mode": "0640"}],
            "validate": [{"name": "syntax", "argv": ["grep", "-qv", "syntax error", "{staged}/etc/demo.conf"]}],
            "units": [{"name": "demo.service", "onChange": "reload", "watches": ["/etc/demo.conf"]}],
            "probes": [{"name": "well", "argv": ["grep", "good", f"{self.root}/fake/live"], "timeout": 0.6}],
            **other,
        }

    def read(self, path: str) -> str | None:
        place = self.root / path.lstrip("/")
        return place.read_text() if place.exists() else None

    def log(self) -> list[str]:
        lines = (self.read("/fake/log") or "").splitlines()
        (self.root / "fake/log").write_text("")
        return [line for line in lines if not line.startswith("reset-failed")]


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
        self.refused(self.demo(absent=["/etc/demo.conf"]), "bundle", "named twice: ['/etc/demo.conf']")

    def test_setuid(self) -> None:
        self.refused(self.demo(files=[{"path": "/bin/x", "content": "", "mode": "4755"}]), "bundle", "without setuid bits")

    def test_no_such_owner_changes_nothing(self) -> None:
        files = [{"path": "/etc/demo.conf", "content": "x"}, {"path": "/etc/b", "content": "x", "owner": "nobody-here"}]
        self.refused(self.demo(files=files), "files", "no user nobody-here")
        self.assertIsNone(self.read("/etc/demo.conf"))

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
        place.parent.mkdir()
        place.write_text("by hand")
        place.chmod(0o604)
        self.assertEqual(self.apply(self.demo("bad\n"))[0], 20)
        self.assertEqual((place.read_text(), stat.S_IMODE(place.stat().st_mode)), ("by hand", 0o604))

    def test_revert_command(self) -> None:
        self.assertEqual(self.hostctl("revert", "--service", "demo")[1]["reason"],
                         "demo has no earlier release on this host; see: hostctl list")
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


if __name__ == "__main__":
    unittest.main()
