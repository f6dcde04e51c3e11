"""Files, links and archives: staged aside, saved before, swapped one whole thing at a time, brought back."""

import base64
import errno
import grp
import hashlib
import io
import os
import pwd
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from .bundle import Archive, Bundle, File, fingerprint
from .system import Failure, at, beside, ids, link_whole, move_whole, read_json, remove, state_dir, write_json, write_whole

if TYPE_CHECKING:
    from tarfile import TarInfo


def release_dir(service: str, release: str | None) -> Path:
    return state_dir("releases", service, str(release))


def stage(bundle: Bundle, release: str, text: bytes) -> Path:
    """Writes the release aside, as root's alone. What lies there from an apply that was killed is written anew."""
    folder = release_dir(bundle.service, release)
    staged = folder / "files"
    shutil.rmtree(staged, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    # The state folder can be passed through, for the scripts of jobs that run as somebody else.
    state_dir().chmod(0o711)
    for private in (state_dir("releases"), folder):
        private.chmod(0o700)
    for file in bundle.files:
        path = staged / file.path.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(file.data())
        path.chmod(int(file.mode, 8))
    write_whole(folder / "bundle.json", text)
    return staged


def tree_digest(folder: Path) -> str:
    """One hash over names, modes, owners and contents: an unpacked archive is never edited in place."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = os.readlink(path) if path.is_symlink() else fingerprint(path.read_bytes()) if path.is_file() else ""
        line = f"{path.relative_to(folder)} {status.st_mode:o} {status.st_uid}:{status.st_gid} {content}\n"
        total.update(line.encode(errors="surrogateescape"))
    return total.hexdigest()


def record(path: str) -> Path:
    """Where the hash of an unpacked archive is kept."""
    return state_dir("archives", fingerprint(path.encode()) + ".json")


def unpack(archive: Archive) -> None:
    """Into a directory beside the final one, then renamed: the final one is complete or not there."""
    import tarfile  # Not needed where nothing changes.
    target = at(archive.path)
    if archive_drift(archive.path) is None:
        return
    if target.exists() and read_json(record(archive.path)) is None:
        raise Failure("archives", f"{archive.path} exists and is not hostctl's; move it away and apply again")
    owner, fresh = ids(archive.owner, archive.group), beside(target)
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
    write_json(record(archive.path), {"path": archive.path, "tree": tree_digest(fresh)})
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
    actual = hashlib.file_digest(file, "sha256").hexdigest()
    if actual != archive.sha256:
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


def archive_drift(path: str) -> str | None:
    known = read_json(record(path))
    if not at(path).is_dir() or known is None:
        return "missing"
    return None if tree_digest(at(path)) == known["tree"] else "content"


def file_drift(file: File) -> Iterator[tuple[str, str, str]]:
    """What differs, as (what, expected, actual); hashes instead of contents."""
    path = at(file.path)
    if not os.path.lexists(path) or not stat.S_ISREG(path.lstat().st_mode):
        yield "existence", "file", "not a regular file" if os.path.lexists(path) else "missing"
        return
    status = path.lstat()
    if (actual := fingerprint(path.read_bytes())) != (expected := fingerprint(file.data())):
        yield "content", expected, actual
    if (mode := f"{stat.S_IMODE(status.st_mode):04o}") != file.mode:
        yield "mode", file.mode, mode
    if os.geteuid() == 0 and (user := name_of(pwd.getpwuid, status.st_uid)) != file.owner:
        yield "owner", file.owner, user
    if os.geteuid() == 0 and (group := name_of(grp.getgrgid, status.st_gid)) != file.group:
        yield "group", file.group, group


def name_of(look_up: Callable[[int], Any], number: int) -> str:
    try:
        return str(look_up(number)[0])
    except KeyError:
        return str(number)


def link_drift(path: str, target: str) -> str | None:
    """The present target, or `missing`, where it is not the wanted one."""
    actual = os.readlink(at(path)) if at(path).is_symlink() else "missing"
    return None if actual == target else actual


def save(paths: list[str], folder: Path) -> None:
    """Copies what lies at these paths now, or notes that nothing does."""
    entries: list[dict[str, Any]] = []
    for number, name in enumerate(paths):
        path, entry = at(name), {"path": name}
        if path.is_symlink():
            entry["target"] = os.readlink(path)
        elif path.is_dir():
            raise Failure("save", f"{name} is a directory; hostctl replaces files only")
        elif path.exists():
            status, entry["copy"] = path.stat(), str(number)
            write_whole(folder / str(number), path.read_bytes(), stat.S_IMODE(status.st_mode), (status.st_uid, status.st_gid))
        entries.append(entry)
    write_json(folder / "saved.json", entries)


def restore(folder: Path) -> None:
    """A saved file is moved to its place, which needs no room on a full disk; one that is gone was moved before."""
    for entry in read_json(folder / "saved.json") or []:
        path = at(entry["path"])
        if "target" in entry:
            link_whole(path, entry["target"])
        elif "copy" not in entry:
            remove(path)
        elif (copy := folder / entry["copy"]).exists():
            try:
                beside(path).unlink(missing_ok=True)
                move_whole(copy, path)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                status = copy.stat()
                write_whole(path, copy.read_bytes(), stat.S_IMODE(status.st_mode), (status.st_uid, status.st_gid))
