"""Losses: how many records could not be written, kept over a worker's restarts and told to whoever reads the log.

Each worker has a small file of its own, made while there is room and overwritten in place: a full disk takes that, too. The log says
it at once, then every minute with the count, and once more when records are written again.
"""

import contextlib
import logging
import os
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tracing.loading.segments import SpoolFolders

_SIZE = 512
_SAY_SECONDS = 60.0

log = logging.getLogger("slugline.spool")


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """What one worker could not record since its file was made: how many, when first and last, and why the last."""

    worker: str
    count: int = 0
    first: str = ""
    last: str = ""
    reason: str = ""


def read_losses(folders: SpoolFolders) -> list[Lost]:
    """What all workers of a spool lost, the running ones and those before them; only those that lost something."""
    found = []
    for path in sorted(folders.lost.glob("[!.]*")):
        lost = _read(path)
        if lost is not None and lost.count:
            found.append(lost)
    return found


class Losses:
    """One worker's count. Without a `worker`, as in a command, it is kept nowhere but here."""

    def __init__(self, folders: SpoolFolders, worker: str = "", *, clock: Callable[[], float] = time.monotonic) -> None:
        name = re.sub(r"[^0-9A-Za-z]+", "-", worker).strip("-")
        self._path = folders.lost / name if name else None
        self._clock = clock
        self._fd: int | None = None
        self._said_at: float | None = None
        self._said = 0
        self.lost = Lost(worker=worker)
        self._open()

    def note(self, reason: str) -> None:
        """One more record that could not be written."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        before = self.lost
        self.lost = Lost(
            worker=before.worker, count=before.count + 1, first=before.first or now, last=now, reason=_plain(reason)
        )
        self._keep()
        if self._said_at is None:
            self._say("records can't be written, calls go on without them")

    def tend(self, *, writing: bool) -> None:
        """Called now and then: says what was lost meanwhile, and that it is over once `writing` holds again."""
        if self._fd is None:
            self._open()
        if self._said_at is None:
            return
        if writing:
            self._say("records are written again")
            self._said_at = None
        elif self._clock() - self._said_at >= _SAY_SECONDS:
            self._say("records still can't be written, calls go on without them")

    def close(self) -> None:
        """Leaves the file for the next start, unless there is nothing to tell."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
            if self._path is not None and not self.lost.count:
                with contextlib.suppress(OSError):
                    self._path.unlink()

    def _say(self, what: str) -> None:
        new, self._said = self.lost.count - self._said, self.lost.count
        self._said_at = self._clock()
        log.error("%s: %d more lost, %d in all; %s", what, new, self.lost.count, self.lost.reason)

    def _open(self) -> None:
        """Makes the file or takes up the one that is there; a disk that is full already gets another try later."""
        if self._path is None:
            return
        with contextlib.suppress(OSError):
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            before = _read(self._path)
            mine = self.lost.count
            if before is not None:
                self.lost = msgspec.structs.replace(
                    before if before.count > mine else self.lost,
                    worker=self.lost.worker,
                    count=before.count + mine,
                    first=before.first or self.lost.first,
                )
                self._said = before.count
            self._keep()

    def _keep(self) -> None:
        if self._fd is not None:
            with contextlib.suppress(OSError):
                line = msgspec.json.encode(self.lost)[: _SIZE - 1]
                os.pwrite(self._fd, line.ljust(_SIZE - 1) + b"\n", 0)


def _plain(reason: str) -> str:
    """Short enough that a line always fits its place."""
    return reason.encode("ascii", "replace").decode()[:120]


def _read(path: Path) -> Lost | None:
    try:
        return msgspec.json.decode(path.read_bytes().strip(), type=Lost)
    except (OSError, msgspec.DecodeError):
        return None
