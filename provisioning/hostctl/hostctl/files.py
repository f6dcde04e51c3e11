"""Files, links and archives: staged aside, saved before, swapped one whole thing at a time, brought back."""

from __future__ import annotations

import base64
import grp
import hashlib
import io
import os
import pwd
import shutil
import stat
import tarfile
from pathlib import Path
from typing import Any

from .bundle import Archive, Bundle, File
from .system import Failure, at, ids, link_whole, read_json, remove, state_dir, sync_directory, write_json, write_whole

KEEP = 5


def release_dir(service: str, fingerprint: str) -> Path:
    return state_dir("releases", service, fingerprint)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def tree_digest(folder: Path) -> str:
    """One hash over names, modes, owners and contents: an unpacked archive is never edited in place."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        if path.is_symlink():
            content = os.readlink(path)
        else:
            content = digest(path.read_bytes()) if path.is_file() else ""
        line = f"{path.relative_to(folder)} {status.st_mode:o} {status.st_uid}:{status.st_gid} {content}\n"
        total.update(line.encode(errors="surrogateescape"))
    return total.hexdigest()


def stage(bundle: Bundle, fingerprint: str, text: bytes) -> Path:
    """Writes the release aside, as root's alone. What lies there from an apply that was killed is written anew."""
    folder = release_dir(bundle.service, fingerprint)
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
    write_json(folder / "manifest.json", manifest(bundle))
    return staged


def wanted(file: File) -> dict[str, Any]:
    return {"path": file.path, "sha256": digest(file.data()), "mode": file.mode, "owner": file.owner, "group": file.group}


def manifest(bundle: Bundle) -> dict[str, Any]:
    """What `check` compares, without any content."""
    return {
        "files": [wanted(file) for file in bundle.files],
        "links": bundle.links,
        "absent": bundle.absent,
        "packages": bundle.packages,
        "units": [{"name": unit.name, "enabled": unit.enabled} for unit in bundle.units],
        "archives": [archive.path for archive in bundle.archives],
    }


def unpack(archive: Archive) -> None:
    """Into a directory beside the final one, then renamed: the final one is complete or not there."""
    target = at(archive.path)
    record = state_dir("archives", digest(archive.path.encode())[:16] + ".json")
    known = read_json(record)
    if target.is_dir() and known is not None and tree_digest(target) == known["tree"]:
        return
    if target.exists() and known is None:
        raise Failure("archives", f"{archive.path} exists and is not hostctl's; move it away and apply again")
    owner = ids(archive.owner, archive.group)
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.hostctl")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        with tarfile.open(fileobj=io.BytesIO(packed(archive)), mode="r:gz") as tar:
            # Debian 12's Python has no filters yet, later ones warn where none is set: `harmless` is ours.
            tar.extraction_filter = lambda member, _path: member
            tar.extractall(fresh, [harmless(member) for member in tar.getmembers()])
    except (tarfile.TarError, EOFError, ValueError) as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise Failure("archives", f"{archive.path}: {error}") from None
    for path in [fresh, *fresh.rglob("*")]:
        if os.geteuid() == 0:
            os.chown(path, *owner, follow_symlinks=False)
    fresh.chmod(0o755)
    write_json(record, {"path": archive.path, "tree": tree_digest(fresh)})
    # An edited one makes way for a moment; nothing can be exchanged for a directory in one step without losing the old.
    shutil.rmtree(target, ignore_errors=True)
    os.rename(fresh, target)
    sync_directory(target.parent)


def packed(archive: Archive) -> bytes:
    """The tar as it came: in the bundle, or uploaded before and proven by its hash."""
    if archive.upload is None:
        return base64.b64decode(archive.content or "")
    try:
        data = at(archive.upload).read_bytes()
    except OSError as error:
        raise Failure("archives", f"{archive.upload}: {error.strerror}; upload the artefact again") from None
    if digest(data) != archive.sha256:
        raise Failure("archives", f"{archive.upload} has SHA-256 {digest(data)}, the bundle says {archive.sha256}")
    return data


def harmless(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Files, folders and links that stay inside; nothing that runs as somebody else."""
    place = os.path.normpath(member.name)
    target = os.path.normpath(os.path.join(os.path.dirname(place), member.linkname)) if member.issym() else place
    if not (member.isfile() or member.isdir() or member.issym()) or {place.split("/")[0], target.split("/")[0]} & {"..", ""}:
        raise tarfile.TarError(f"{member.name} leads out of the archive or is neither file, folder nor link")
    member.mode &= 0o755
    return member


def archive_drift(path: str) -> str | None:
    known = read_json(state_dir("archives", digest(path.encode())[:16] + ".json"))
    if not at(path).is_dir() or known is None:
        return "missing"
    return None if tree_digest(at(path)) == known["tree"] else "content"


def file_drift(wanted: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What differs, as (what, expected, actual); hashes instead of contents."""
    path = at(wanted["path"])
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return [("existence", "file", "missing")]
    if not stat.S_ISREG(status.st_mode):
        return [("existence", "file", "not a regular file")]
    found = [("content", wanted["sha256"][:16], digest(path.read_bytes())[:16]),
             ("mode", wanted["mode"], f"{stat.S_IMODE(status.st_mode):04o}")]
    if os.geteuid() == 0:
        found += [("owner", wanted["owner"], user_name(status.st_uid)), ("group", wanted["group"], group_name(status.st_gid))]
    return [item for item in found if item[1] != item[2]]


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def link_drift(path: str, target: str) -> str | None:
    """The present target, or `missing`, where it is not the wanted one."""
    try:
        actual = os.readlink(at(path))
    except OSError:
        return "missing"
    return None if actual == target else actual


def save(paths: list[str], folder: Path) -> None:
    """Copies what lies at these paths now, or notes that nothing does."""
    entries: list[dict[str, Any]] = []
    for number, name in enumerate(paths):
        path = at(name)
        if path.is_symlink():
            entries.append({"path": name, "kind": "link", "target": os.readlink(path)})
        elif path.is_dir():
            raise Failure("save", f"{name} is a directory; hostctl replaces files only")
        elif path.exists():
            status = path.stat()
            write_whole(folder / str(number), path.read_bytes())
            entries.append({"path": name, "kind": "file", "blob": number, "mode": stat.S_IMODE(status.st_mode),
                            "owner": [status.st_uid, status.st_gid]})
        else:
            entries.append({"path": name, "kind": "nothing"})
    write_json(folder / "saved.json", entries)


def restore(folder: Path) -> None:
    for entry in read_json(folder / "saved.json") or []:
        path = at(entry["path"])
        if entry["kind"] == "nothing":
            remove(path)
        elif entry["kind"] == "link":
            link_whole(path, entry["target"])
        else:
            write_whole(path, (folder / str(entry["blob"])).read_bytes(), entry["mode"], tuple(entry["owner"]))


def place(file: File) -> None:
    write_whole(at(file.path), file.data(), int(file.mode, 8), ids(file.owner, file.group))


def prune(service: str, kept: list[str]) -> None:
    """Forgets all but the last releases, and the archives and uploads that only the forgotten ones used."""
    folder = state_dir("releases", service)
    used: set[str] = set()
    doomed: set[str] = set()
    for release in folder.iterdir():
        archives = (read_json(release / "bundle.json") or {}).get("archives", [])
        paths = {path for archive in archives for path in (archive["path"], archive.get("upload")) if path}
        if release.name in kept:
            used.update(paths)
        else:
            doomed.update(paths)
            shutil.rmtree(release, ignore_errors=True)
    for path in doomed - used:
        if at(path).is_file():
            remove(at(path))
        shutil.rmtree(at(path), ignore_errors=True)
        remove(state_dir("archives", digest(path.encode())[:16] + ".json"))


def releases(service: str, history: list[str]) -> list[dict[str, Any]]:
    """The kept releases of a service, in the order of the history, and what each unpacked where."""
    bundles = {name: read_json(release_dir(service, name) / "bundle.json") or {} for name in history}
    return [{"hash": name, "archives": [{"path": archive["path"], "sha256": archive.get("sha256")}
                                        for archive in bundle.get("archives", [])]} for name, bundle in bundles.items()]
