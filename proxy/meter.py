"""How much each caller key was used: requests in the last minute, and dollars spent; exact over all workers of one machine.

Nothing here waits: each worker counts on a sheet of its own (proxy/sheet.py) and reads everybody's. Knows keys by their ids, limits and
times as arguments; refuses to know calls, prices and HTTP. The rules:

1. **Requests.** A sheet has, for each key, a running count and what it was at the beginning of each of the last 64 seconds. A request
   is let through if no more than the limit, itself included, came since the beginning of the second 60 s ago, in all workers
   together. So no window of 60 s ever has more than the limit; the price is that a request may count for up to a second longer.
2. A request is counted first and looked at then, and taken back if it was one too many. So workers that race never let more through
   than the limit; they may refuse a request, each because of the other's, where one of them could still have gone.
3. **Dollars.** A call is let through while less than the budget is spent in the period. What it costs is known at its end, so spending
   may exceed the budget by what was running at the time. A call counts in the UTC day and month in which it ends. A call whose cost is
   not known counts as zero dollars, and as one unpriced call.
4. Times are the wall clock's. A clock that is set back forgets the minute's requests, nothing else.

Counts are this machine's alone: two machines, each with the whole limit, allow twice as much.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from proxy.sheet import ID_BYTES, ROW, SLOTS, Members, Sheet

WINDOW_SECONDS = 60
NANO = 1_000_000_000

_SLACK_SECONDS = 2  # workers read the clock one after the other, so one may have seen the next second already
_HISTORY = 64  # a window, the second it begins in, and the slack

# Words of a row, behind the key's id.
_COUNT, _LAST = 2, 3
_SPENT, _UNPRICED = 4, 5
_DAY, _MONTH = 6, 8  # each followed by what was spent before it began
_AT_SECOND = ROW - _HISTORY


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a request may go. `remaining` more may follow at once; seconds until that is the whole limit again, and until one may."""

    allowed: bool
    limit: int
    remaining: int
    reset_seconds: float
    retry_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What a key has used. Dollars are billionths, of the running UTC day, the running UTC month, and altogether.

    `last` is the second of the last request, since 1970; 0 before the first.
    """

    requests: int
    day: int
    month: int
    total: int
    unpriced: int
    last: int


class Meter:
    """One worker's part in the counting. Makes the folder and takes the first sheet that no living process has.

    Raises OSError where the folder can't be written.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._members = Members(folder / "members")
        number, self._own = self._take_sheet()
        self._own_path = _path(folder, number)
        self._sheets = [self._own]
        self._members.join(number)
        self._look_around()

    def take(self, key_id: str, limit: int | None, at: datetime) -> Allowance | None:
        """Counts a request and says whether it may go; what may not go doesn't count. None for a key without a limit.

        Raises OSError where a key is new and there is no room to count it.
        """
        self._look_around()
        key, now = _id(key_id), at.timestamp()
        second, row = int(now), self._own_row(key)
        words = self._own.words
        _advance(words, row, second)
        words[row + _COUNT] += 1
        if limit is None:
            return None
        rows = _rows(self._sheets, key)
        used = _since(rows, second - WINDOW_SECONDS, second)
        allowed = used <= limit
        if not allowed:
            words[row + _COUNT] -= 1
            used -= 1
        last = max(min(words[row + _LAST], second) for words, row in rows)
        return Allowance(
            allowed=allowed,
            limit=limit,
            remaining=max(0, limit - used),
            reset_seconds=last + WINDOW_SECONDS + 1 - now,
            retry_seconds=0.0 if allowed else _free_second(rows, limit, second) - now,
        )

    def add(self, key_id: str, nano: int | None, at: datetime) -> None:
        """Adds the cost of a call that has ended, in billionths of a dollar; None where it isn't known. Raises OSError as `take`."""
        row = self._own_row(_id(key_id))
        words = self._own.words
        if nano is None:
            words[row + _UNPRICED] += 1
            return
        _begin_period(words, row, _DAY, at.toordinal())
        _begin_period(words, row, _MONTH, _month(at))
        words[row + _SPENT] += nano

    def spent(self, key_id: str, period: str, at: datetime) -> int:
        """What a key has spent in the running day or month, or altogether, in billionths of a dollar, in all workers."""
        self._look_around()
        rows = _rows(self._sheets, _id(key_id))
        if period == "total":
            return sum(words[row + _SPENT] for words, row in rows)
        return _spent_in(rows, _DAY, at.toordinal()) if period == "day" else _spent_in(rows, _MONTH, _month(at))

    def close(self) -> None:
        """Gives the sheet back; what is on it stays."""
        for sheet in self._sheets:
            sheet.close()
        self._members.close()

    def _own_row(self, key: bytes) -> int:
        row = self._own.find(key)
        return self._own.add(key) if row is None else row

    def _take_sheet(self) -> tuple[int, Sheet]:
        for number in range(SLOTS - 1):
            sheet = Sheet.own(_path(self._folder, number))
            if sheet is not None:
                return number, sheet
        raise OSError(f"{self._folder}: all {SLOTS - 1} sheets are in use by other processes")

    def _look_around(self) -> None:
        """Opens the sheets of workers that came since the last look."""
        if self._members.changed():
            for sheet in self._sheets[1:]:
                sheet.close()
            self._sheets = [self._own, *_others(self._folder, self._own_path)]


def read_used(folder: Path, key_id: str, at: datetime) -> Used:
    """What a key has used up to a moment, for whoever is no worker; nothing where nothing was ever counted."""
    sheets = _others(folder, None)
    try:
        return _used(sheets, key_id, at)
    finally:
        for sheet in sheets:
            sheet.close()


def _used(sheets: list[Sheet], key_id: str, at: datetime) -> Used:
    rows = _rows(sheets, _id(key_id))
    return Used(
        requests=sum(words[row + _COUNT] for words, row in rows),
        day=_spent_in(rows, _DAY, at.toordinal()),
        month=_spent_in(rows, _MONTH, _month(at)),
        total=sum(words[row + _SPENT] for words, row in rows),
        unpriced=sum(words[row + _UNPRICED] for words, row in rows),
        last=max((words[row + _LAST] for words, row in rows), default=0),
    )


def _others(folder: Path, own: Path | None) -> list[Sheet]:
    found = (Sheet.of_another(path) for path in sorted(folder.glob("worker-*")) if path != own)
    return [sheet for sheet in found if sheet is not None]


def _rows(sheets: list[Sheet], key: bytes) -> list[tuple[memoryview, int]]:
    return [(sheet.words, row) for sheet in sheets if (row := sheet.find(key)) is not None]


def _advance(words: memoryview, row: int, second: int) -> None:
    """Notes the count at the beginning of each second up to this one."""
    last, count = words[row + _LAST], words[row + _COUNT]
    if last == second or second < last <= second + _SLACK_SECONDS:
        return
    first = second - _HISTORY + 1 if last > second else max(last + 1, second - _HISTORY + 1)
    for each in range(first, second + 1):
        words[row + _AT_SECOND + each % _HISTORY] = count
    words[row + _LAST] = second


def _since(rows: list[tuple[memoryview, int]], begin: int, now: int) -> int:
    """How many requests came since the beginning of a second that is at most a window ago."""
    total = 0
    for words, row in rows:
        if begin <= words[row + _LAST] <= now + _SLACK_SECONDS:
            total += words[row + _COUNT] - words[row + _AT_SECOND + begin % _HISTORY]
    return total


def _free_second(rows: list[tuple[memoryview, int]], limit: int, now: int) -> int:
    """The first second in which one more request may go, if none comes until then."""
    low, high = now - WINDOW_SECONDS, now + 1  # too many since `low`, none since `high`
    while high - low > 1:
        middle = (low + high) // 2
        if _since(rows, middle, now) < limit:
            high = middle
        else:
            low = middle
    return high + WINDOW_SECONDS


def _spent_in(rows: list[tuple[memoryview, int]], period: int, number: int) -> int:
    """What was spent in a day or month; a worker a little ahead may have begun the next one already."""
    total = 0
    for words, row in rows:
        if number <= words[row + period] <= number + 1:
            total += words[row + _SPENT] - words[row + period + 1]
    return total


def _begin_period(words: memoryview, row: int, period: int, number: int) -> None:
    """Begins a day or month on the sheet, unless it runs; a clock a little behind doesn't begin an old one again."""
    if number <= words[row + period] <= number + 1:
        return
    words[row + period] = 0  # nobody reads the base while it changes
    words[row + period + 1] = words[row + _SPENT]
    words[row + period] = number


def _month(at: datetime) -> int:
    return at.year * 12 + at.month


def _path(folder: Path, number: int) -> Path:
    return folder / f"worker-{number}"


def _id(key_id: str) -> bytes:
    """A key's id in the length that a row has for it; ids are shorter (registry/keys.py)."""
    return key_id.encode()[:ID_BYTES].ljust(ID_BYTES, b"\0")
