#!/usr/bin/env python3
"""Usage: migrate --config FILE --password-file FILE {list|apply}. Prints one JSON line; 0 done, 1 failed with the reason on stderr.

Takes the database to where a release of the application needs it: the files NNN_name.sql of its folder `migrations`, in the order of
their names, each in one transaction together with NNN_name.verify.sql and its line in bascule.migration. Before the first of them
the whole database is dumped. Whatever fails rolls its transaction back; those before it stay, as they were complete.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

NAME = re.compile(r"(\d{3,})_[a-z0-9_]+\.sql")
# The file is one transaction already; ended in the middle, its first half would stay when the second one fails.
OWN_TRANSACTION = re.compile(r"^\s*(begin|commit|rollback|start\s+transaction|begin\s+(work|transaction))\s*;", re.I | re.M)
LOCK = 4_127_833
KEPT_BACKUPS = 5
DONE = "bascule: done"
TABLES = """create schema if not exists bascule;
create table if not exists bascule.migration (name text primary key, checksum text not null, release text not null,
  backup text not null, seconds numeric(10, 2) not null, applied_at timestamptz not null default now());"""
HAS_TABLE = "select to_regclass('bascule.migration') is not null;"
HAS_OWN_TABLES = """select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema', 'bascule') and n.nspname not like 'pg_toast%'
    and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'));"""


class Refusal(Exception):
    """What is wrong, for the operator."""


class Database:
    """One session of psql: it holds the lock, and when it ends, however it ends, an open transaction is rolled back."""

    def __init__(self, config: dict[str, Any], password: str) -> None:
        account = pwd.getpwnam(config["user"])
        # As the application's user, so that a file of the artefact can do no more on this host than the application itself.
        self.identity: dict[str, Any] = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        self.environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": "/", "LANG": "C.UTF-8",
            "PGHOST": config["host"], "PGPORT": str(config["port"]), "PGDATABASE": config["database"], "PGUSER": config["role"],
            "PGPASSWORD": password, "PGSSLMODE": config["sslmode"], "PGCONNECT_TIMEOUT": "10", "PGAPPNAME": "bascule migrations",
            # The role's own limits are for the application's requests; an index may take an hour.
            "PGOPTIONS": "--client-min-messages=warning --lock-timeout=60s --statement-timeout=0"
            " --idle-in-transaction-session-timeout=0",
        }
        argv = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        self.child = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/", env=self.environment,
            **self.identity,
        )

    def ask(self, statements: str) -> list[str]:
        """The lines that came back; an error of any statement ends the session."""
        assert self.child.stdin is not None and self.child.stdout is not None
        try:
            self.child.stdin.write(f"{statements}\n\\echo {DONE}\n")
            self.child.stdin.flush()
        except BrokenPipeError:
            pass
        lines: list[str] = []
        for line in self.child.stdout:
            if line.rstrip("\n") == DONE:
                return lines
            lines.append(line.rstrip("\n"))
        raise Refusal("\n".join(lines[-12:]) or "psql ended without a word")

    def dump(self, target: Path) -> None:
        with open(target, "xb") as file:
            result = subprocess.run(["pg_dump", "-Fc"], stdout=file, stderr=subprocess.PIPE, text=True, cwd="/",
                                    env=self.environment, check=False, **self.identity)
        if result.returncode != 0:
            target.unlink()
            raise Refusal(f"no backup, so nothing was migrated: {result.stderr.strip()[-800:]}")

    def close(self) -> None:
        if self.child.stdin is not None and self.child.poll() is None:
            self.child.stdin.close()
            self.child.wait(timeout=20)


def quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def read_release(folder: Path) -> dict[str, Path]:
    """The migrations of a release by name, in order. A file that looks like one and is none is refused: it would never run."""
    if not folder.is_dir():
        return {}
    found: dict[str, Path] = {}
    numbers: dict[str, str] = {}
    for path in sorted(folder.iterdir()):
        if path.name.endswith(".verify.sql"):
            if not path.with_name(path.name.replace(".verify.sql", ".sql")).is_file():
                raise Refusal(f"migrations/{path.name}: there is no migration of that name")
            continue
        match = NAME.fullmatch(path.name)
        if match is None:
            raise Refusal(f"migrations/{path.name}: allowed are NNN_name.sql and NNN_name.verify.sql, lower-case letters, digits and _")
        if match[1] in numbers:
            raise Refusal(f"migrations/{path.name}: {numbers[match[1]]} has the same number, so their order is open")
        numbers[match[1]] = path.name
        found[path.name] = path
    return found


def checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def state(database: Database, release: dict[str, Path]) -> dict[str, list[str]]:
    """What is applied, what waits, and what the database has that this release does not know of."""
    lines = []
    if database.ask(HAS_TABLE) == ["t"]:
        lines = database.ask("select name || ' ' || checksum from bascule.migration order by name;")
    applied = dict(line.split(" ") for line in lines)
    for name, path in release.items():
        if name in applied and applied[name] != checksum(path):
            raise Refusal(f"migrations/{name} was applied with checksum {applied[name][:16]} and has {checksum(path)[:16]} now; "
                          "an applied migration never changes: put it back as it was and write a new one")
    return {
        "applied": [name for name in applied if name in release],
        "pending": [name for name in release if name not in applied],
        "unknown": [name for name in applied if name not in release],
    }


def back_up(database: Database, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    size = int(database.ask("select pg_database_size(current_database());")[0])
    free = shutil.disk_usage(folder).free
    if free < size:
        raise Refusal(f"no room for a backup in {folder}: the database takes {size} bytes and {free} are free; nothing was migrated")
    target = folder / time.strftime("%Y%m%dT%H%M%SZ.dump", time.gmtime())
    database.dump(target)
    for old in sorted(folder.glob("*.dump"))[:-KEPT_BACKUPS]:
        old.unlink()
    return target


def migrate(database: Database, path: Path, release: str, backup: Path) -> None:
    """One transaction: the migration, its verification, its line in the table."""
    wrong = OWN_TRANSACTION.search(path.read_text(encoding="utf-8"))
    if wrong:
        raise Refusal(f"migrations/{path.name} says {wrong[0].strip()!r}; each file is one transaction already: take it out")
    begun = time.monotonic()
    verification = path.with_name(path.name.replace(".sql", ".verify.sql"))
    try:
        # What a migration selects is nobody's business; what a verification selects is what it found wrong.
        database.ask(f"begin;\n\\o /dev/null\n\\i {path}\n\\o")
        if verification.is_file():
            found = verify(database, verification)
            if found:
                raise Refusal(f"{verification.name} found:\n" + "\n".join(found[:10]))
        seconds = f"{time.monotonic() - begun:.2f}"
        row = ", ".join(quote(word) for word in (path.name, checksum(path), release, str(backup)))
        database.ask(f"insert into bascule.migration (name, checksum, release, backup, seconds) values ({row}, {seconds});\ncommit;")
    except Refusal as failure:
        raise Refusal(f"migrations/{path.name} failed and was rolled back: {failure}") from None


def verify(database: Database, path: Path) -> list[str]:
    with tempfile.NamedTemporaryFile("r", encoding="utf-8", prefix="bascule-verify-") as output:
        if database.identity:
            os.chown(output.name, database.identity["user"], database.identity["group"])
        database.ask(f"\\o {output.name}\n\\i {path}\n\\o")
        return [line for line in output.read().splitlines() if line]


def run(config: dict[str, Any], password: str, verb: str) -> dict[str, Any]:
    release = read_release(Path(config["release"]) / "migrations")
    answer: dict[str, Any] = {"release": Path(config["release"]).name, "applied": [], "pending": [], "unknown": []}
    database = Database(config, password)
    try:
        if verb == "list":
            return {**answer, **state(database, release)}
        # Held by the session until it ends: two hosts, or an operator beside an update, wait for each other.
        # A migration waits less: whoever comes after it in a table's queue waits with it, and those are users.
        database.ask(f"select pg_advisory_lock({LOCK});\nset lock_timeout = '5s';")
        found = state(database, release)
        answer.update(found)
        if not found["pending"]:
            return answer
        if config["afterCopy"] and database.ask(HAS_OWN_TABLES) == ["f"]:
            return {**answer, "waiting": "the database is empty; they run after bascule copy"}
        backup = back_up(database, Path(config["backups"]))
        answer["backup"] = {"path": str(backup), "bytes": backup.stat().st_size}
        database.ask(TABLES)
        for name in found["pending"]:
            migrate(database, release[name], answer["release"], backup)
        return {**answer, "applied": found["applied"] + found["pending"], "pending": [], "ran": found["pending"]}
    finally:
        database.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="migrate")
    parser.add_argument("--config", required=True)
    parser.add_argument("--password-file", required=True)
    parser.add_argument("verb", choices=["list", "apply"])
    options = parser.parse_args()
    config = json.loads(Path(options.config).read_text(encoding="utf-8"))
    os.umask(0o077)
    try:
        answer = run(config, Path(options.password_file).read_text(encoding="utf-8").strip(), options.verb)
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return 1
    if answer["unknown"]:
        print(f"applied by another release and left as they are: {', '.join(answer['unknown'])}", file=sys.stderr)
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
