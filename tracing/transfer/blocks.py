"""Lines put together into blocks of one month each. Pure.

A table that is partitioned by month makes a part for each month in an insert: history in any order, one block after another as it
comes, would make a part of a few rows for every month each time. So lines wait by month until one has a block full; when all that
wait are too many, the month with the most goes.
"""

from dataclasses import dataclass, field

MOST_ROWS = 10_000
MOST_BYTES = 32 * 1024 * 1024
MOST_WAITING = 128 * 1024 * 1024


@dataclass(slots=True)
class Block:
    """Lines for one insert, by the id of their event; a later line with an id that is there already is left out."""

    lines: dict[str, bytes] = field(default_factory=dict)
    size: int = 0

    def add(self, key: str, line: bytes) -> bool:
        if key in self.lines:
            return False
        self.lines[key] = line
        self.size += len(line)
        return True


class Blocks:
    """Blocks that are being filled."""

    def __init__(self, *, rows: int = MOST_ROWS, size: int = MOST_BYTES, waiting: int = MOST_WAITING) -> None:
        self._rows, self._size, self._most = rows, size, waiting
        self._months: dict[str, Block] = {}
        self._waiting = 0
        self.repeated = 0

    def add(self, month: str, key: str, line: bytes) -> Block | None:
        """Puts a line in; a block that is full with it."""
        block = self._months.setdefault(month, Block())
        if not block.add(key, line):
            self.repeated += 1
            return None
        self._waiting += len(line)
        if len(block.lines) >= self._rows or block.size >= self._size:
            return self._take(month)
        if self._waiting >= self._most:
            return self._take(max(self._months, key=lambda each: self._months[each].size))
        return None

    def rest(self) -> Block | None:
        """One of the blocks that are left, None when none is."""
        return self._take(min(self._months)) if self._months else None

    def _take(self, month: str) -> Block:
        block = self._months.pop(month)
        self._waiting -= block.size
        return block
