"""The sieve: which lines of a refused segment are bad, and why, so that one bad line never costs the good ones around it.

First each line is read here; then ClickHouse is asked to read the rest into a table that keeps nothing, and halves of it, until the lines
that it refuses stand alone. Nothing is inserted on the way, so a kill at any moment does no harm.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from tracing.clickhouse import ClickHouse, ClickHouseRefused
from tracing.loading.insert import CONTENT_ERRORS, INSERT_SETTINGS

_AT_ROW = re.compile(r"\(at row (\d+)\)")

MAX_BAD_LINES = 100
"""So many are searched for one by one; what is then still unknown is set aside in one piece."""

Probe = Callable[[bytes], Awaitable[str]]
"""Reads lines without keeping them; gives why they can't be read, or an empty string."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """A line, or several in one piece, with its number from 1 and the reason."""

    number: int
    lines: tuple[bytes, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sieved:
    """What a segment fell into."""

    good: bytes
    bad: tuple[Bad, ...]


async def sieve(lines: bytes, probe: Probe) -> Sieved:
    """Parts the good lines from the bad ones. Raises what `probe` raises."""
    numbered = list(enumerate(lines.split(b"\n")[:-1], start=1))
    bad = [Bad(number=number, lines=(line,), reason=why) for number, line in numbered if (why := unreadable(line))]
    told = {found.number for found in bad}
    good: list[tuple[int, bytes]] = []
    pieces = [[(number, line) for number, line in numbered if number not in told]]
    while pieces:
        piece = pieces.pop()
        reason = await probe(b"".join(line + b"\n" for _, line in piece)) if piece else ""
        if not reason:
            good += piece
        elif len(piece) == 1 or len(bad) >= MAX_BAD_LINES:
            bad.append(Bad(number=piece[0][0], lines=tuple(line for _, line in piece), reason=reason))
        else:
            half = len(piece) // 2
            pieces += [piece[half:], piece[:half]]
    good.sort()
    return Sieved(
        good=b"".join(line + b"\n" for _, line in good), bad=tuple(sorted(bad, key=lambda found: found.number))
    )


async def probe_of(clickhouse: ClickHouse, table: str) -> Probe:
    """Reads lines as rows of a table. The probe raises ClickHouseRefused for what is no fault of the lines."""
    columns = await clickhouse.query(
        "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String}"
        " AND default_kind NOT IN ('ALIAS', 'MATERIALIZED') ORDER BY position",
        {"table": table},
    )
    structure = ", ".join(f"`{column}` {kind}" for column, kind in columns.rows)
    nowhere = "FUNCTION null('" + structure.replace("\\", "\\\\").replace("'", "\\'") + "')"

    async def probe(lines: bytes) -> str:
        try:
            await clickhouse.insert_lines(nowhere, lines, INSERT_SETTINGS)
        except ClickHouseRefused as error:
            if not CONTENT_ERRORS.fullmatch(error.name):
                raise
            return str(error)
        return ""

    return probe


def suspects(segments: Mapping[str, bytes], reason: str) -> Sequence[str]:
    """Which of several segments were refused together: those that are no text, or the one with the row that `reason` names, or all."""
    if found := [name for name, lines in segments.items() if not is_text(lines)]:
        return found
    row = int(told[1]) if (told := _AT_ROW.search(reason)) else 0
    for name, lines in segments.items():
        count = lines.count(b"\n")
        if 0 < row <= count:
            return (name,)
        row -= count
    return tuple(segments)


def unreadable(line: bytes) -> str:
    """Why a line is no JSON object in UTF-8; empty when it is one."""
    try:
        line.decode()
        read = msgspec.json.decode(line)
    except UnicodeDecodeError as error:
        return f"not UTF-8 (byte {error.start + 1})"
    except (msgspec.DecodeError, RecursionError) as error:
        return f"not JSON ({error})"
    return "" if isinstance(read, dict) else "not a JSON object"


def in_words(bad: Sequence[Bad]) -> str:
    """The reasons, a line each, in the order of the lines set aside."""
    told = []
    for found in bad:
        last = found.number + len(found.lines) - 1
        where = (
            f"line {found.number}"
            if len(found.lines) == 1
            else f"{len(found.lines)} lines from {found.number} to {last}"
        )
        told.append(f"{where}: {' '.join(found.reason.split())}\n")
    return "".join(told)


def is_text(lines: bytes) -> bool:
    """Whether lines are UTF-8."""
    try:
        lines.decode()
    except UnicodeDecodeError:
        return False
    return True
