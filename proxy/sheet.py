"""One worker's tally sheet: a file of 64-bit counters, mapped into memory, that its owner alone writes and every worker reads.

Knows where a counter lies and how a sheet grows. Refuses to know what is counted (proxy/meter.py). The layout, in words of eight
bytes in the machine's own order:

    0        the mark of a sheet, with the layout's version
    1        how many rows there are
    16 …     rows of ROW words: a key's id (two words of text), then its counters

1. A row is written before it is counted, and it never moves: a reader who sees the count sees the row.
2. One aligned word is stored and read in one piece, so nobody sees half a number.
3. What is stored is in the kernel's page cache at once: killing the process loses nothing. (A power cut may lose the last half minute.)
4. New space is written with zeros before it is mapped: a full disk is an error then, not a fault in the middle of a call.
"""

import errno
import fcntl
import mmap
import os
from pathlib import Path

ROW = 80
ID_BYTES = 16
SLOTS = 256

_MARK = b"sluglin\x01"
_HEAD = 16
_WORD = 8
_FIRST_BYTES = 64 * 1024


class NotASheet(OSError):
    """The file is not a tally sheet of this version."""


class Sheet:
    """A mapped sheet. `words` are its counters; `find` gives the first word of a key's row."""

    def __init__(self, fd: int, *, writable: bool) -> None:
        self._fd = fd
        self._writable = writable
        self._rows: dict[bytes, int] = {}
        self._known = 0
        self._mapped = self._map()
        self.words = memoryview(self._mapped).cast("Q")

    @classmethod
    def own(cls, path: Path) -> "Sheet | None":
        """This process's sheet, kept from others by a lock; None where another process holds it. Raises OSError."""
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        try:
            if os.fstat(fd).st_size < _FIRST_BYTES or os.pread(fd, _WORD, 0) != _MARK:
                os.ftruncate(fd, 0)
                os.pwrite(fd, bytes(_FIRST_BYTES), 0)
                os.pwrite(fd, _MARK, 0)
            return cls(fd, writable=True)
        except BaseException:
            os.close(fd)
            raise

    @classmethod
    def of_another(cls, path: Path) -> "Sheet | None":
        """Another worker's sheet, to read; None where there is none that can be read."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            return cls(fd, writable=False)
        except OSError:
            os.close(fd)
            return None

    def find(self, key_id: bytes) -> int | None:
        """Where the row of a key begins, or None where it has none here. `key_id` has ID_BYTES bytes."""
        place = self._rows.get(key_id)
        if place is not None or self.words[1] == self._known:
            return place
        self._learn()
        return self._rows.get(key_id)

    def add(self, key_id: bytes) -> int:
        """A new row of zeros for a key; gives where it begins. Raises OSError where the sheet can't grow."""
        count = self.words[1]
        place = _HEAD + count * ROW
        if (place + ROW) * _WORD > len(self._mapped):
            size = len(self._mapped)
            if os.pwrite(self._fd, bytes(size), size) < size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._map_again()
        self._mapped[place * _WORD : place * _WORD + ID_BYTES] = key_id
        self.words[1] = count + 1
        self._rows[key_id] = place
        self._known = count + 1
        return place

    def close(self) -> None:
        """Lets go of the file, and of its lock."""
        self.words.release()
        self._mapped.close()
        os.close(self._fd)

    def _learn(self) -> None:
        count = self.words[1]
        if (_HEAD + count * ROW) * _WORD > len(self._mapped):
            self._map_again()
        for number in range(self._known, count):
            place = _HEAD + number * ROW
            self._rows[bytes(self._mapped[place * _WORD : place * _WORD + ID_BYTES])] = place
        self._known = count

    def _map_again(self) -> None:
        mapped = self._map()
        self.words.release()
        self._mapped.close()
        self._mapped, self.words = mapped, memoryview(mapped).cast("Q")

    def _map(self) -> mmap.mmap:
        size = os.fstat(self._fd).st_size // _FIRST_BYTES * _FIRST_BYTES  # a write that ended half-way left the rest
        if size == 0 or os.pread(self._fd, _WORD, 0) != _MARK:
            raise NotASheet
        return mmap.mmap(self._fd, size, access=mmap.ACCESS_WRITE if self._writable else mmap.ACCESS_READ)


class Members:
    """Which sheets there are: a byte each, set by the sheet's owner. So nobody has to list a folder on every call."""

    def __init__(self, path: Path) -> None:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(fd).st_size < SLOTS:
                os.ftruncate(fd, SLOTS)  # writes no byte that another worker may have set in the meantime
                os.pwrite(
                    fd, b"\0", SLOTS - 1
                )  # the last one is nobody's; with it the block is there, however full the disk gets
            self._mapped = mmap.mmap(fd, SLOTS)
        finally:
            os.close(fd)
        self._seen = b""

    def join(self, number: int) -> None:
        """Says that there is a sheet of this number; it stays, with its counts, when its owner goes."""
        self._mapped[number] = 1

    def changed(self) -> bool:
        """True when a sheet was added since this was asked last, and the first time."""
        now = self._mapped[:]
        if now == self._seen:
            return False
        self._seen = now
        return True

    def close(self) -> None:
        """Lets go of the file."""
        self._mapped.close()
