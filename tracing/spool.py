"""The spool: where an event is safe before its call is answered.

1. A process that records owns a `Spool`; each kind of event has one open segment, a file of JSON lines.
2. `append` is one `write()` to that file: when it returns, the line survives `kill -9` of this process. A group fsync every
   `FSYNC_SECONDS` bounds what a power cut can take.
3. The writer holds a lock (flock) on its open segment. A segment whose lock is free has no writer any more: whoever loads
   segments may seal it, after a kill just as after a normal end.
4. A sealed segment lies in `ready/`, is never written again, and its name is never used again: the name is the insert's
   deduplication token.

Knows files only; ClickHouse is the loader's business.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import uuid_utils

from tracing.event import TABLE_OF, Event, encode

EXPORTED = ("calls.", "score_events.")
"""What the names of segments begin with that also go out over OTLP."""

FSYNC_SECONDS = 0.1
SEAL_SECONDS = 0.5
MAX_SEGMENT_ROWS = 5_000
MAX_SEGMENT_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolFolders:
    """The folders of a spool: segments being written, sealed ones, ones that ClickHouse refused, and ones to go out over OTLP.

    Segments wait in `export` only while there is a file `on` in it.
    """

    open: Path
    ready: Path
    refused: Path
    export: Path

    @classmethod
    def at(cls, root: Path) -> "SpoolFolders":
        """The folders below `root`, made with access for the owner only (bodies of calls lie there)."""
        folders = cls(open=root / "open", ready=root / "ready", refused=root / "refused", export=root / "export")
        for path in (root, folders.open, folders.ready, folders.refused, folders.export):
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


_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS})


class _Segment:
    """One open file of lines for one table, locked by this process."""

    def __init__(self, folders: SpoolFolders, table: str) -> None:
        self.name = f"{table}.{uuid_utils.uuid7()}.jsonl"
        self.path = folders.open / self.name
        hidden = folders.open / f".{self.name}"
        self.fd = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        fcntl.flock(self.fd, fcntl.LOCK_EX)
        hidden.rename(self.path)  # visible only once locked: nobody can take it for an orphan in between
        self.opened_at = time.monotonic()
        self.rows = 0
        self.bytes = 0
        self.dirty = False

    def write(self, line: bytes) -> None:
        """Appends a whole line or nothing: what a full disk left of a torn one is cut off again."""
        try:
            written = os.write(self.fd, line)
            if written != len(line):
                raise OSError(f"the disk took {written} of {len(line)} bytes")
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self.fd, self.bytes)
            raise
        self.rows += 1
        self.bytes += len(line)
        self.dirty = True

    def full(self, now: float) -> bool:
        return (
            self.rows >= MAX_SEGMENT_ROWS
            or self.bytes >= MAX_SEGMENT_BYTES
            or (self.rows > 0 and now - self.opened_at >= SEAL_SECONDS)
        )


@dataclass(slots=True)
class SpoolCounts:
    """What this process recorded, and what it could not (shown on the health page)."""

    recorded: int = 0
    lost: int = 0
    last_error: str = ""


@dataclass(slots=True)
class Spool:
    """The recording side of a spool; one per process, safe to use from any thread."""

    folders: SpoolFolders
    on_lost: Callable[[OSError], None]
    counts: SpoolCounts = field(default_factory=SpoolCounts)
    _segments: dict[str, _Segment] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)
    _keeper: threading.Thread | None = None

    def start(self) -> None:
        """Starts the thread that fsyncs and seals; without it, segments are sealed by size and at close."""
        self._keeper = threading.Thread(target=self._tend, name="spool", daemon=True)
        self._keeper.start()

    def append(self, event: Event) -> bool:
        """Records an event; True when the line is in the file. A failure is counted and reported, never raised:
        telemetry must not fail a call."""
        line = encode(event)
        with self._lock:
            try:
                table = TABLE_OF[type(event)]
                segment = self._segments.get(table)
                if segment is None:
                    segment = self._segments[table] = _Segment(self.folders, table)
                segment.write(line)
            except OSError as error:
                self.counts.lost += 1
                self.counts.last_error = str(error)
                self.on_lost(error)
                return False
            self.counts.recorded += 1
            if segment.rows >= MAX_SEGMENT_ROWS or segment.bytes >= MAX_SEGMENT_BYTES:
                self._seal(table)
            return True

    def close(self) -> None:
        """Seals what is open; nothing may be appended afterwards."""
        self._stop.set()
        if self._keeper is not None:
            self._keeper.join()
        with self._lock:
            for table in list(self._segments):
                self._seal(table)

    def _tend(self) -> None:
        while not self._stop.wait(FSYNC_SECONDS):
            now = time.monotonic()
            with self._lock:
                full = [table for table, segment in self._segments.items() if segment.full(now)]
                sealed = [self._segments.pop(table) for table in full]
                dirty = [os.dup(segment.fd) for segment in self._segments.values() if segment.dirty]
                for segment in self._segments.values():
                    segment.dirty = False
            # The disk is waited for outside the lock: an append never waits behind an fsync.
            for fd in dirty:
                _sync(fd)
                os.close(fd)
            for segment in sealed:
                self._finish(segment)

    def _seal(self, table: str) -> None:
        self._finish(self._segments.pop(table))

    def _finish(self, segment: _Segment) -> None:
        _sync(segment.fd)
        # Should the rename fail, the segment stays where it is and, unlocked by the close, is adopted as an orphan.
        with contextlib.suppress(OSError):
            self.folders.seal(segment.path)
        os.close(segment.fd)


def _sync(fd: int) -> None:
    with contextlib.suppress(OSError):
        os.fsync(fd)


def adopt_orphans(folders: SpoolFolders) -> list[str]:
    """Seals open segments whose writer is gone, cutting off a torn last line; gives their names."""
    adopted = []
    for path in sorted(folders.open.glob("[!.]*")):
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            if _adopt(path, folders):
                adopted.append(path.name)
    return adopted


def _adopt(path: Path, folders: SpoolFolders) -> bool:
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not path.exists():  # its writer sealed it between our listing and our lock
            return False
        whole = _whole_lines(fd)
        if whole == 0:
            path.unlink()
            return False
        os.ftruncate(fd, whole)
        _sync(fd)
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
