"""Segments as files: their names, their folders, and how a segment whose writer is gone is sealed.

    open/     being written, locked by its writer          lost/     what each worker could not record
    ready/    sealed, waiting for ClickHouse               sending/  notes on what was sent and has no known outcome yet
    refused/  lines that ClickHouse can't take, each file with its reasons beside it
    export/   second names of what is also to go out over OTLP, while there is a file `on` in it

A name is `TABLE.ID.jsonl` and is never used twice. Whatever else lies in the folders is left alone and is in nobody's way. It knows
files only, and refuses to know ClickHouse.
"""

import contextlib
import errno
import fcntl
import os
import re
import shutil
import stat
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import uuid_utils

EXPORTED = ("calls.", "score_events.")
"""What the names of segments begin with that also go out over OTLP."""

_NAME = re.compile(r"([a-z_][a-z0-9_]*)\.([0-9A-Za-z-]+)\.jsonl")
_UUID_VERSION_7 = 7
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS})
_BIRTH_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolFolders:
    """The folders of one spool."""

    open: Path
    ready: Path
    refused: Path
    sending: Path
    lost: Path
    export: Path

    @classmethod
    def at(cls, root: Path) -> "SpoolFolders":
        """The folders below `root`, made with access for the owner only (bodies of calls lie there)."""
        names = ("open", "ready", "refused", "sending", "lost", "export")
        folders = cls(**{name: root / name for name in names})
        for path in (root, *(root / name for name in names)):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folders

    def seal(self, path: Path) -> None:
        """Moves a whole segment from `open` to `ready`. Where records go out over OTLP it gets a second name first, so that it stays until
        it was loaded and sent, each in its own time."""
        if path.name.startswith(EXPORTED) and (self.export / "on").exists():
            twin = self.export / path.name
            with contextlib.suppress(FileExistsError):  # a kill came between the two steps
                try:
                    os.link(path, twin)
                except OSError as error:
                    if error.errno not in _NO_LINKS:
                        raise
                    shutil.copyfile(path, twin.with_suffix(".tmp"))
                    twin.with_suffix(".tmp").rename(twin)
        path.rename(self.ready / path.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A sealed segment: its file, and when its first line and its last were written (seconds since 1970, by the wall clock)."""

    name: str
    bytes: int
    born: float
    written: float

    @property
    def table(self) -> str:
        return table_of(self.name) or ""


def new_name(table: str) -> str:
    """A name that no segment has had: time-ordered (UUIDv7, RFC 9562), but unique whatever the clock does."""
    return f"{table}.{uuid_utils.uuid7()}.jsonl"


def table_of(name: str) -> str | None:
    """The table that a segment of this name belongs to; None when it is no segment's name."""
    found = _NAME.fullmatch(name)
    return found[1] if found else None


def sealed(folders: SpoolFolders, known: Iterable[Segment] = ()) -> list[Segment]:
    """The segments in `ready/`, the oldest first. Files that are none are passed over; those `known` from before are not asked again."""
    seen = {segment.name: segment for segment in known}
    found = []
    with os.scandir(folders.ready) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.name in seen:
                    found.append(seen[entry.name])
                elif table_of(entry.name) and entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    written = status.st_mtime
                    born = min(_born(entry.name, written), written)
                    found.append(Segment(name=entry.name, bytes=status.st_size, born=born, written=written))
    return sorted(found, key=lambda segment: (segment.born, segment.name))


def foreign(folders: SpoolFolders) -> list[str]:
    """Files that are no segments, as `folder/name`: somebody else put them there."""
    return sorted(
        f"{folder.name}/{entry.name}"
        for folder in (folders.open, folders.ready)
        for entry in folder.iterdir()
        if not entry.name.startswith(".") and (table_of(entry.name) is None or not entry.is_file())
    )


def adopt_orphans(folders: SpoolFolders) -> list[str]:
    """Seals open segments whose writer is gone, cutting off a torn last line; gives their names."""
    adopted = []
    for name in sorted(entry.name for entry in folders.open.iterdir() if table_of(entry.name.lstrip("."))):
        # One that can't be read now (a bad disk, foreign rights) must not keep the others from being loaded.
        with contextlib.suppress(OSError):
            if _adopt(folders.open / name, folders):
                adopted.append(name)
    return adopted


def bytes_in(folder: Path) -> int:
    """The bytes of all files in a folder."""
    total = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                total += entry.stat(follow_symlinks=False).st_size
    return total


def sync_folder(folder: Path) -> None:
    """Names that came and went in a folder are on disk when this returns. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def replace_file(path: Path, content: bytes) -> None:
    """Puts a file in place whole and durable, or leaves what was there. Raises OSError."""
    draft = path.with_name(f".{path.name}.draft")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(fd, view) :]
        os.fsync(fd)
    finally:
        os.close(fd)
    draft.replace(path)
    sync_folder(path.parent)


def _born(name: str, otherwise: float) -> float:
    try:
        found = uuid.UUID(name.split(".")[1])
    except ValueError:
        return otherwise
    return (found.int >> 80) / 1000 if found.version == _UUID_VERSION_7 else otherwise


def _adopt(path: Path, folders: SpoolFolders) -> bool:
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        status = os.fstat(fd)
        if (
            not stat.S_ISREG(status.st_mode) or not path.exists()
        ):  # its writer sealed it between our listing and our lock
            return False
        if path.name.startswith("."):  # not yet locked by its writer, or never to be: that one was killed at its birth
            if abs(time.time() - status.st_mtime) > _BIRTH_SECONDS:
                path.unlink()
            return False
        whole = _whole_lines(fd)
        if whole == 0:
            path.unlink()
            return False
        os.ftruncate(fd, whole)
        with contextlib.suppress(OSError):
            os.fsync(fd)
        folders.seal(path)
        return True
    finally:
        os.close(fd)


def _whole_lines(fd: int) -> int:
    """Bytes up to and including the last newline."""
    position = os.fstat(fd).st_size
    while position > 0:
        start = max(0, position - 65536)
        found = os.pread(fd, position - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        position = start
    return 0
