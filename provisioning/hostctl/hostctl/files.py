"""Files, links and archives: how what lies at their paths differs; swapped one whole thing at a time, and brought back."""

import base64
import grp
import hashlib
import io
import os
import pwd
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple

from .records import read_json, write_json
from .system import Failure, at, beside, create, fingerprint, ids, make_way, move_whole, remove, run, state_dir, sync

if TYPE_CHECKING:
    from tarfile import TarInfo

Entry = dict[str, str]


def entry(kind: str, name: str, what: str, expected: str, actual: str) -> Entry:
    """One difference, as `check` prints it."""
    return {"kind": kind, "name": name, "what": what, "expected": expected, "actual": actual}


# The fields are explained in provisioning/bundle.ts. Named tuples, because dataclasses take 15 ms to import.


class File(NamedTuple):
    path: str
    content: str
    encoding: Literal["utf8", "base64"] = "utf8"
    mode: str = "0644"
    owner: str = "root"
    group: str = "root"
    secret: bool = False
    early: bool = False

    def data(self) -> bytes:
        return base64.b64decode(self.content, validate=True) if self.encoding == "base64" else self.content.encode()

    def write(self, place: Path) -> None:
        create(place, self.data(), int(self.mode, 8), ids(self.owner, self.group))

    def drift(self) -> Iterator[Entry]:
        """Hashes instead of contents."""
        path = at(self.path)
        if path.is_symlink() or not path.is_file():
            yield entry("file", self.path, "existence", "file", "not a regular file" if os.path.lexists(path) else "missing")
            return
        status = path.stat()
        pairs = {"content": (fingerprint(self.data()), fingerprint(path.read_bytes())),
                 "mode": (self.mode, f"{stat.S_IMODE(status.st_mode):04o}")}
        if os.geteuid() == 0:
            pairs["owner"] = self.owner, name_of(pwd.getpwuid, status.st_uid)
            pairs["group"] = self.group, name_of(grp.getgrgid, status.st_gid)
        yield from [entry("file", self.path, what, *pair) for what, pair in pairs.items() if pair[0] != pair[1]]


def name_of(look_up: Callable[[int], Any], number: int) -> str:
    try:
        return str(look_up(number)[0])
    except KeyError:
        return str(number)


class Link(NamedTuple):
    path: str
    target: str

    def write(self, place: Path) -> None:
        make_way(place)
        os.symlink(self.target, place)

    def drift(self) -> Iterator[Entry]:
        actual = os.readlink(at(self.path)) if at(self.path).is_symlink() else "missing"
        if actual != self.target:
            yield entry("link", self.path, "target", self.target, actual)


class Archive(NamedTuple):
    path: str
    content: str | None = None
    upload: str | None = None
    sha256: str | None = None
    owner: str = "root"
    group: str = "root"

    def drift(self, quick: bool = False) -> Iterator[Entry]:
        """Quick: one that nobody has touched since it was unpacked, not even to set it back, needs no reading."""
        folder, known = at(self.path), {}
        with suppress(Failure):  # What cannot be read is written anew, with the archive.
            known = read_json(record(self.path), dict[str, str]) or {}
        if not known or not folder.is_dir():
            yield entry("archive", self.path, "tree", "as unpacked", "missing")
        elif not (quick and digest(folder, quick) == known.get("touched")) and digest(folder) != known.get("tree"):
            yield entry("archive", self.path, "tree", "as unpacked", "content")


def record(path: str) -> Path:
    """Where the hashes of an unpacked archive are kept."""
    return state_dir("archives", fingerprint(path.encode()) + ".json")


def digest(folder: Path, quick: bool = False) -> str:
    """One hash over names, modes, owners, contents; quick: for contents the times of the last change, which nobody sets back."""
    listed = f"%P %m %U:%G %l {'%s %C@' if quick else ''}\\n"
    contents = [] if quick else ["-type", "f", "-exec", "sha256sum", "{}", "+"]
    found = run(["find", str(folder), "-mindepth", "1", "-printf", listed, *contents], 300).output.replace(str(folder), "")
    return fingerprint("\n".join(sorted(found.splitlines())).encode())


def unpack(archive: Archive, quick: bool) -> None:
    """Into a directory beside the final one, then renamed: the final one is complete or not there."""
    import tarfile  # Not needed where nothing changes.
    target = at(archive.path)
    if not any(archive.drift(quick)):
        return
    if target.exists() and not record(archive.path).exists():
        raise Failure("archives", f"{archive.path} exists and is not hostctl's; move it away and apply again")
    owner, fresh = ids(archive.owner, archive.group), beside(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        with packed(archive) as file, tarfile.open(fileobj=file, mode="r:gz") as tar:
            members = [harmless(member) for member in tar.getmembers()]
            need, free = sum(member.size for member in members), shutil.disk_usage(target.parent).free
            if need > free:
                raise Failure("archives", f"{archive.path} needs {need >> 20} MiB, there are {free >> 20}; make room", 40)
            # Debian 12's Python has no filters yet, later ones warn where none is set: `harmless` is ours.
            tar.extraction_filter = lambda member, _path: member
            tar.extractall(fresh, members)
    except (tarfile.TarError, EOFError, ValueError) as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise Failure("archives", f"{archive.path}: {error}") from None
    for path in [fresh, *fresh.rglob("*")] if os.geteuid() == 0 else []:
        os.chown(path, *owner, follow_symlinks=False)
    fresh.chmod(0o755)
    write_json(record(archive.path), {"path": archive.path, "tree": digest(fresh), "touched": digest(fresh, quick=True)})
    # An edited one makes way for a moment; nothing can be exchanged for a directory in one step without losing the old.
    shutil.rmtree(target, ignore_errors=True)
    move_whole(fresh, target)


def packed(archive: Archive) -> BinaryIO:
    """The tar as it came: in the bundle, or uploaded before and proven by its hash before it is opened as a tar."""
    if archive.upload is None:
        return io.BytesIO(base64.b64decode(archive.content or ""))
    try:
        # Neither through a link nor from a pipe that would hang.
        file = open(os.open(at(archive.upload), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    except OSError as error:
        raise Failure("archives", f"{archive.upload}: {error.strerror}; upload the artefact again") from None
    if (actual := hashlib.file_digest(file, "sha256").hexdigest()) != archive.sha256:
        file.close()
        raise Failure("archives", f"{archive.upload} has SHA-256 {actual}, the bundle says {archive.sha256}")
    file.seek(0)
    return file


def harmless(member: "TarInfo") -> "TarInfo":
    """Files, folders and links that stay inside; nothing that runs as somebody else."""
    place = os.path.normpath(member.name)
    target = os.path.normpath(os.path.join(os.path.dirname(place), member.linkname)) if member.issym() else place
    if not (member.isfile() or member.isdir() or member.issym()) or {place.split("/")[0], target.split("/")[0]} & {"..", ""}:
        raise ValueError(f"{member.name} leads out of the archive or is neither file, folder nor link")
    member.mode &= 0o755
    return member


def write_beside(items: Sequence[File | Link]) -> None:
    """All that can fail for want of room is done before the first file changes; then nothing stays behind."""
    try:
        for item in items:
            item.write(beside(at(item.path)))
    except BaseException:
        for item in items:
            beside(at(item.path)).unlink(missing_ok=True)
        raise


def swap(paths: list[str], wanted: list[str]) -> None:
    """What was written beside takes its place; what nobody wants goes."""
    for path in paths:
        if path in wanted:
            move_whole(beside(at(path)), at(path))
        else:
            remove(at(path))


def save(paths: list[str], folder: Path) -> dict[str, str | None]:
    """Copies what lies at these paths now; the names of the copies, None where nothing lay."""
    copies = {path: str(number) if os.path.lexists(at(path)) else None for number, path in enumerate(paths)}
    folder.mkdir(parents=True)
    for path, copy in copies.items():
        if copy is not None:
            clone(at(path), folder / copy)
    sync(folder)
    return copies


def clone(path: Path, place: Path) -> None:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        Link(str(path), os.readlink(path)).write(place)
    elif stat.S_ISREG(status.st_mode):
        create(place, path.read_bytes(), stat.S_IMODE(status.st_mode), (status.st_uid, status.st_gid))
    else:
        raise Failure("save", f"{path} is {'a directory' if path.is_dir() else 'no file'}; hostctl replaces files only")


def restore(copies: dict[str, str | None], folder: Path) -> None:
    """A copy is moved to its place, which needs no room on a full disk; one that is gone was moved before."""
    for path, copy in copies.items():
        place = at(path)
        beside(place).unlink(missing_ok=True)
        if copy is None:
            remove(place)
        elif os.path.lexists(folder / copy):
            try:
                os.rename(folder / copy, place)
            except OSError:  # Another file system.
                clone(folder / copy, beside(place))
                os.rename(beside(place), place)
            sync(place.parent)
