"""What each worker counts, in a file that is mapped into memory: a call pays a few additions, and no lock.

Knows who owns a file, and counts. Refuses to know what is told of the counts (`totals`, `metrics`). The rules:

1. A worker writes its own file alone, from one thread; everybody reads all files. A row is written before it is counted, and never moves.
2. What is stored is in the kernel's page cache: `kill -9` takes nothing. A worker that comes after one that died goes on with its file.
3. Counts begin at zero with the server, as Prometheus expects of a process.
4. The first row takes the calls for which there is no row left: labels that callers make up can't fill the disk.
"""

import contextlib
import fcntl
import json
import mmap
import os
import time
from bisect import bisect_left
from pathlib import Path

from tracing.event import CallEvent
from tracing.telemetry import layout as at
from tracing.telemetry.layout import FIRST_MICROSECONDS, MICROSECONDS, TOKENS, Labels

MAX_WORKERS = 256

# One look-up less for each on a call's path.
_DURATION, _INPUT, _OUTPUT, _FIRST, _COST, _UNPRICED = at.DURATION, at.INPUT, at.OUTPUT, at.FIRST, at.COST, at.UNPRICED
_RECORDED, _LOST = at.RECORDED, at.LOST


class Counters:
    """One worker's counters. Where no file can be had (a full disk), it counts for itself alone, and no call fails."""

    def __init__(self, folder: Path) -> None:
        self._fd = -1
        self._mapped = self._own(folder)
        self._words = words = memoryview(self._mapped).cast("Q")
        self._places: dict[tuple[object, ...], int] = {}
        words[at.PID] = os.getpid()
        words[at.IN_FLIGHT] = 0
        words[at.STARTED] = words[at.STARTED] or time.time_ns()
        if words[at.ROWS] == 0:
            self._add_row(Labels(overflow=True))
        words[0] = at.MARK
        for place, labels in at.rows_of(self._mapped, words):
            self._places[labels[:-1]] = place

    def call(self, event: CallEvent, *, recorded: bool) -> None:
        """Counts a call that has ended."""
        words = self._words
        words[_RECORDED if recorded else _LOST] += 1
        key = (
            event.endpoint,
            event.provider,
            event.model_requested,
            event.model_served,
            event.outcome,
            event.error_code,
            event.prompt,
            event.version,
            event.purpose,
        )
        row = self._places.get(key)
        if row is None:
            row = self._place_of(key)
        value = int(event.duration_ms * 1000)
        words[row + _DURATION] += value
        words[row + _DURATION + 1 + bisect_left(MICROSECONDS, value)] += 1
        if (tokens := event.input_tokens) is not None:
            words[row + _INPUT] += tokens
            words[row + _INPUT + 1 + bisect_left(TOKENS, tokens)] += 1
        if (tokens := event.output_tokens) is not None:
            words[row + _OUTPUT] += tokens
            words[row + _OUTPUT + 1 + bisect_left(TOKENS, tokens)] += 1
        if event.first_chunk_ms is not None:
            value = int(event.first_chunk_ms * 1000)
            words[row + _FIRST] += value
            words[row + _FIRST + 1 + bisect_left(FIRST_MICROSECONDS, value)] += 1
        if event.cost is None:
            words[row + _UNPRICED] += 1
        else:
            words[row + _COST] += int(float(event.cost) * 1e9 + 0.5)

    def began(self) -> None:
        """Counts a request to `/v1` in."""
        self._words[at.IN_FLIGHT] += 1

    def ended(self) -> None:
        """Counts it out again."""
        self._words[at.IN_FLIGHT] = max(0, self._words[at.IN_FLIGHT] - 1)

    def spans(self, accepted: int, refused: int) -> None:
        """Counts spans that an app sent."""
        self._words[at.SPANS] += accepted
        self._words[at.SPANS_REFUSED] += refused

    def close(self) -> None:
        """Lets go of the file; what is counted stays."""
        self._words[at.PID] = 0
        self._words[at.IN_FLIGHT] = 0
        self._words.release()
        self._words = memoryview(bytearray(at.FILE_BYTES)).cast("Q")  # for who comes late: counting never fails
        self._mapped.close()
        if self._fd >= 0:
            os.close(self._fd)

    def _place_of(self, key: tuple[object, ...]) -> int:
        if self._words[at.ROWS] >= at.MAX_ROWS:
            return at.HEAD_WORDS + at.LABEL_BYTES // at.WORD
        labels = Labels(*key)  # type: ignore[arg-type]  # in the order of its fields
        self._places[key] = place = self._add_row(labels)
        return place

    def _add_row(self, labels: Labels) -> int:
        words = self._words
        place = at.HEAD_WORDS + words[at.ROWS] * at.ROW_WORDS
        text = json.dumps([each[:80] if isinstance(each, str) else each for each in labels]).encode()
        if len(text) > at.LABEL_BYTES:  # many letters that JSON escapes
            text = json.dumps([ascii(each)[1:41] if isinstance(each, str) else each for each in labels]).encode()
        self._mapped[place * at.WORD : place * at.WORD + at.LABEL_BYTES] = text.ljust(at.LABEL_BYTES, b"\0")
        words[at.ROWS] += 1
        return place + at.LABEL_BYTES // at.WORD

    def _own(self, folder: Path) -> mmap.mmap:
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for number in range(MAX_WORKERS):
                fd = os.open(folder / f"worker-{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if os.fstat(fd).st_size != at.FILE_BYTES:
                        os.ftruncate(fd, 0)
                        os.posix_fallocate(fd, 0, at.FILE_BYTES)  # a full disk is an error now, not a fault in a call
                    mapped = mmap.mmap(fd, at.FILE_BYTES)
                    self._fd = fd
                    return mapped
                except OSError as error:
                    os.close(fd)
                    if not isinstance(error, BlockingIOError):
                        raise
        return mmap.mmap(-1, at.FILE_BYTES)


def begin(folder: Path) -> None:
    """Sets all counts to zero; called when a server starts, before it has workers."""
    for path in folder.glob("worker-*"):
        with contextlib.suppress(OSError):
            path.unlink()
