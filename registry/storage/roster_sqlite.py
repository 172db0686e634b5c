"""The roster on SQLite: a folder beside the database's file, with a pipe and a few bytes for each worker of this machine.

Knows files and pipes. Refuses to know SQLite: a row in the database would be a write, with its fsync, to every worker. Freshness never
depends on it, because each resolve looks at the database; it tells people which workers have seen a write. The rules:

1. A worker makes `ID.seat` (the revision it has seen, eight bytes, then its name) and then the pipe `ID.call`, which it alone reads.
2. Who wants to know writes a byte into each pipe. The worker wakes, looks, and writes its revision. Without calls nobody does anything.
3. A pipe that nobody reads belongs to a process that is gone, whatever it died of, so whoever finds one sweeps it away.
4. A worker whose pipe has a reader and that doesn't answer is stopped, or busier than a writer wants to wait for.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat
import struct
import threading
import time
import uuid
from pathlib import Path

from registry.storage.leases import SETTLE_SECONDS
from registry.values import Missing, Served

_log = logging.getLogger(__name__)

_REVISION = struct.Struct("<q")
_PAUSE = 0.001
_HALF_MADE_SECONDS = 60
_AGAIN_SECONDS = 0.02  # for a worker that didn't answer the last time


def beside(database: str) -> Path:
    """The folder of the seats at a database's file; not called like SQLite's own files beside it, which people move and remove."""
    return Path(f"{database}.workers")


class SqliteSeat:
    """A worker's pipe and its file."""

    def __init__(self, folder: Path, name: str) -> None:
        """Raises OSError where the folder can't be written."""
        folder.mkdir(mode=0o700, exist_ok=True)
        _sweep(folder)
        place = uuid.uuid4().hex
        self._file, self._pipe = folder / f"{place}.seat", folder / f"{place}.call"
        self._state = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.pwrite(self._state, _REVISION.pack(0) + name.encode(), 0)
        # Under its name only once it is open, else it would be taken for a dead worker's. Open for writing, too: a pipe whose last
        # writer has closed it would be readable for ever.
        unread = self._pipe.with_suffix(".new")
        os.mkfifo(unread, 0o600)
        self._calls = os.open(unread, os.O_RDWR | os.O_CLOEXEC)
        unread.rename(self._pipe)
        self._left = threading.Event()

    def called(self) -> bool:
        """Wait for somebody to call; False once this seat was left."""
        os.read(self._calls, 4096)
        return not self._left.is_set()

    def acknowledge(self, revision: int) -> None:
        """As Seat says."""
        os.pwrite(self._state, _REVISION.pack(revision), 0)

    def leave(self) -> None:
        """As Seat says. Whoever waits in `called` returns."""
        self._left.set()
        for path in (self._pipe, self._file):
            path.unlink(missing_ok=True)
        os.write(self._calls, b"\0")

    def close(self) -> None:
        """Close the files, once nobody waits in `called` any more."""
        os.close(self._calls)
        os.close(self._state)


class SqliteRoster:
    """Calls the workers that have seats in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unheard: dict[str, float] = {}
        """Since when a seat has not answered, by its id."""

    @classmethod
    def of(cls, database: str) -> SqliteRoster:
        """The roster of a database's file."""
        return cls(beside(database))

    def settle(self, revision: int, *, seconds: float = SETTLE_SECONDS) -> Served:
        """As Roster says. Who didn't answer the last time either is hardly waited for."""
        began = time.monotonic()
        names: dict[str, str] = {}
        waiting: dict[str, float] = {}
        pipes = _pipes(self._folder)
        for gone in self._unheard.keys() - {pipe.stem for pipe in pipes}:
            self._unheard.pop(gone, None)
        for pipe in pipes:
            if _call(pipe):
                place = pipe.stem
                waiting[place] = began + (min(_AGAIN_SECONDS, seconds) if place in self._unheard else seconds)
        acknowledged: list[str] = []
        missing: list[Missing] = []
        while waiting:
            for place, until in list(waiting.items()):
                state = _read(self._folder / f"{place}.seat")
                if state is None:  # it left
                    del waiting[place]
                    continue
                seen, names[place] = state
                if seen >= revision:
                    self._unheard.pop(place, None)
                    acknowledged.append(names[place])
                    del waiting[place]
                elif (now := time.monotonic()) >= until:
                    silent = now - self._unheard.setdefault(place, began)
                    missing.append(Missing(worker=names[place], silent_seconds=round(silent, 3)))
                    del waiting[place]
            if waiting:
                time.sleep(_PAUSE)
        return Served(
            acknowledged=tuple(sorted(acknowledged)),
            missing=tuple(sorted(missing, key=lambda one: one.worker)),
        )


def _pipes(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return [path for path in folder.iterdir() if path.suffix == ".call"]
    return []


def _call(pipe: Path) -> bool:
    """Wake a pipe's reader; False if there is none."""
    try:
        fd = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:
            _remove(pipe)
        elif error.errno != errno.ENOENT:
            _log.warning("a worker can't be asked what it has seen: %s", error)
        return False
    try:
        if not stat.S_ISFIFO(os.fstat(fd).st_mode):
            return False
        with contextlib.suppress(BlockingIOError):  # so many have called that it will wake in any case
            os.write(fd, b"\0")
        return True
    finally:
        os.close(fd)


def _sweep(folder: Path) -> None:
    """Remove what dead processes left, so that it doesn't pile up where nobody ever calls."""
    for pipe in _pipes(folder):
        _call(pipe)
    for path in (*folder.glob("*.seat"), *folder.glob("*.new")):
        with contextlib.suppress(OSError):
            # Without its pipe it belongs to somebody who died while he made it, or is just being made.
            if not path.with_suffix(".call").exists() and time.time() - path.stat().st_mtime > _HALF_MADE_SECONDS:
                path.unlink()


def _remove(pipe: Path) -> None:
    for path in (pipe, pipe.with_suffix(".seat")):
        with contextlib.suppress(OSError):
            path.unlink()


def _read(file: Path) -> tuple[int, str] | None:
    """What a seat says: the revision it has seen, and its name."""
    try:
        data = file.read_bytes()
        return _REVISION.unpack_from(data)[0], data[_REVISION.size :].decode(errors="replace")
    except (OSError, struct.error):
        return None
