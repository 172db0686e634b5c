"""The spool: where an event is safe before its call is answered.

1. A process that records owns a `Spool`; each kind of event has one open segment, a file of JSON lines.
2. `append` is one `write()` to that file: when it returns, the line survives `kill -9` of this process. It waits for no fsync: a thread
   does one for all lines every `FSYNC_SECONDS`, and what a power cut can take is what was written since the last one began.
3. The writer holds a lock (flock) on its open segment. A segment whose lock is free has no writer any more: whoever loads
   segments may seal it, after a kill just as after a normal end.
4. A sealed segment lies in `ready/`, is never written again, and its name is never used again: the name is the insert's
   deduplication token.
5. Where there is no room left, calls go on without a record, and are counted.

Knows files only; ClickHouse is the loader's business.
"""

import contextlib
import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tracing.event import TABLE_OF, Event, encode
from tracing.loading.losses import Losses
from tracing.loading.room import Bounds, Room
from tracing.loading.segments import SpoolFolders, adopt_orphans, new_name

__all__ = ["Bounds", "Losses", "Spool", "SpoolCounts", "SpoolFolders", "adopt_orphans"]

FSYNC_SECONDS = 0.1
SEAL_SECONDS = 0.5
MAX_SEGMENT_ROWS = 5_000
MAX_SEGMENT_BYTES = 16 * 1024 * 1024
LOOK_SECONDS = 0.5
LOOK_SHARE = (
    20  # a look at a folder of many thousand files takes a while: it may take one part in so many of the thread's time
)

BACKLOG_BYTES = 64 * 1024 * 1024
BACKLOG_SEAL_SECONDS = 2.0  # behind a backlog nobody waits for the newest half second: fewer, larger files


class _Segment:
    """One open file of lines for one table, locked by this process."""

    def __init__(self, folders: SpoolFolders, table: str) -> None:
        self.name = new_name(table)
        self.path = folders.open / self.name
        hidden = folders.open / f".{self.name}"
        self.fd = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX)
            hidden.rename(self.path)  # visible only once locked: nobody can take it for an orphan in between
        except OSError:
            os.close(self.fd)
            hidden.unlink(missing_ok=True)
            raise
        self.opened_at = time.monotonic()
        self.rows = 0
        self.bytes = 0
        self.dirty = False

    def write(self, line: bytes) -> None:
        """Appends a whole line or nothing: what a full disk left of a torn one is cut off again."""
        try:
            written = os.write(self.fd, line)
            if written != len(line):
                raise OSError(errno.ENOSPC, f"the disk took {written} of {len(line)} bytes")
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self.fd, self.bytes)
            raise
        self.rows += 1
        self.bytes += len(line)
        self.dirty = True

    @property
    def full(self) -> bool:
        return self.rows >= MAX_SEGMENT_ROWS or self.bytes >= MAX_SEGMENT_BYTES


@dataclass(slots=True)
class SpoolCounts:
    """What this process recorded, and what it could not (shown on the health page)."""

    recorded: int = 0
    lost: int = 0
    last_error: str = ""


class Spool:
    """The recording side of a spool; one per process, safe to use from any thread. `worker` names who counts its losses on disk."""

    def __init__(
        self,
        folders: SpoolFolders,
        on_lost: Callable[[OSError], None] | None = None,
        *,
        bounds: Bounds | None = None,
        worker: str = "",
    ) -> None:
        self.folders = folders
        self.counts = SpoolCounts()
        self.losses = Losses(folders, worker)
        self._on_lost = on_lost
        self._room = Room(folders, bounds or Bounds())
        self._room.look()
        self._refusing = False
        self._segments: dict[str, _Segment] = {}
        self._full: list[_Segment] = []
        self._lock = threading.Lock()
        self._stop = False
        self._wake = threading.Event()
        self._keeper: threading.Thread | None = None

    def start(self) -> None:
        """Starts the thread that fsyncs, seals and looks for room; without it, segments are sealed by size and at close."""
        self._keeper = threading.Thread(target=self._tend, name="spool", daemon=True)
        self._keeper.start()

    def append(self, event: Event) -> bool:
        """Records an event; True when the line is in the file. A failure is counted and reported, never raised:
        telemetry must not fail a call."""
        line = encode(event)
        table = TABLE_OF[type(event)]
        with self._lock:
            try:
                if refusal := self._room.refusal(len(line)):
                    raise OSError(errno.ENOSPC, refusal)
                segment = self._segments.get(table)
                if segment is None:
                    segment = self._segments[table] = _Segment(self.folders, table)
                segment.write(line)
            except OSError as error:
                self._lose(error)
                return False
            self._room.taken(len(line))
            self._refusing = False
            self.counts.recorded += 1
            if segment.full:
                self._full.append(self._segments.pop(table))
                if self._keeper is not None:
                    self._wake.set()
                else:
                    self._finish_full()
            return True

    @property
    def recording(self) -> bool:
        """Whether the next record is likely to be written: False while the last one was not, or there is no room."""
        return not self._refusing and not self._room.refusal(0)

    def close(self) -> None:
        """Seals what is open; nothing may be appended afterwards."""
        self._stop = True
        self._wake.set()
        if self._keeper is not None:
            self._keeper.join()
        with self._lock:
            self._full += self._segments.values()
            self._segments.clear()
            self._finish_full()
            self.losses.tend(writing=self.recording)
            self.losses.close()

    def _lose(self, error: OSError) -> None:
        self._refusing = True
        self.counts.lost += 1
        self.counts.last_error = str(error)
        self.losses.note(error.strerror or str(error))
        if self._on_lost is not None:
            self._on_lost(error)

    def _tend(self) -> None:
        look_at = 0.0
        while not self._stop:
            self._wake.wait(FSYNC_SECONDS)
            self._wake.clear()
            began = time.monotonic()
            if began >= look_at:
                self._room.look()
                took = time.monotonic() - began
                look_at = began + max(LOOK_SECONDS, took * LOOK_SHARE)
            self._seal_and_sync(time.monotonic())

    def _seal_and_sync(self, now: float) -> None:
        wait = BACKLOG_SEAL_SECONDS if self._room.ready_bytes > BACKLOG_BYTES else SEAL_SECONDS
        with self._lock:
            due = [
                table for table, segment in self._segments.items() if segment.rows and now - segment.opened_at >= wait
            ]
            sealed = [*self._full, *(self._segments.pop(table) for table in due)]
            self._full = []
            dirty = []
            for segment in self._segments.values():
                with contextlib.suppress(OSError):  # no descriptor to be had now: at the next turn
                    if segment.dirty:
                        dirty.append(os.dup(segment.fd))
                        segment.dirty = False
            self.losses.tend(writing=self.recording)
        # The disk is waited for outside the lock: an append never waits behind an fsync.
        for fd in dirty:
            _sync(fd)
            os.close(fd)
        for segment in sealed:
            self._finish(segment)

    def _finish_full(self) -> None:
        for segment in self._full:
            self._finish(segment)
        self._full = []

    def _finish(self, segment: _Segment) -> None:
        _sync(segment.fd)
        # Should the rename fail, the segment stays where it is and, unlocked by the close, is adopted as an orphan.
        with contextlib.suppress(OSError):
            self.folders.seal(segment.path)
        os.close(segment.fd)


def _sync(fd: int) -> None:
    with contextlib.suppress(OSError):
        os.fsync(fd)
