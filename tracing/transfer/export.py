"""Calls and scores out of ClickHouse as JSON lines, however many there are, in memory that doesn't grow.

1. The lines have the names of the columns, and are what `tracing.transfer` reads.
2. Calls come in the order in which they are stored (month, prompt, version, time), so that each row is read from disk once;
   the same table always gives the same lines.
3. A long export is many short statements, each within ClickHouse's limits of time and memory; a piece is whole lines.
"""

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from starlette.responses import StreamingResponse

from tracing.clickhouse import ClickHouse
from tracing.event import ScoreEvent
from tracing.search.conditions import Condition, as_pattern, condition, milliseconds, within
from tracing.search.errors import SearchInvalidError
from tracing.search.filters import CallFilter, Sight
from tracing.search.rows import COLUMNS
from tracing.transfer.csv_text import as_csv

Format = Literal["jsonl", "csv"]

PAGE_ROWS = 20_000
_SETTINGS: Mapping[str, Any] = {
    "readonly": 2,
    "max_execution_time": 300,
    "date_time_output_format": "iso",
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_quote_decimals": 1,  # a float would not hold all digits
    "output_format_json_escape_forward_slashes": 0,
    # The answer begins when the result is whole: an error is then an error, and not half a line.
    "wait_end_of_query": 1,
}
_TARGETS = {"call": "call_id", "trace": "trace_id", "external": "external_id"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Rows of one month from one prompt's version to another's, both included, in the table's order."""

    begin: datetime
    end: datetime
    first: tuple[str, int]
    last: tuple[str, int]
    rows: int


async def export_calls(
    clickhouse: ClickHouse, asked: CallFilter, sight: Sight, *, now: datetime
) -> AsyncIterator[bytes]:
    """The calls that fit and had begun by `now`, as lines. Raises SearchError, and what ClickHouse raises."""
    if not sight.bodies:
        raise SearchInvalidError("an export has bodies, and may be made by those only who may see them")
    fits = condition(asked, sight)
    whole = within(fits, asked.since, min(asked.until, now) if asked.until is not None else now)
    for stretch in stretches(await _groups(clickhouse, whole), PAGE_ROWS):
        inside = _inside(whole, stretch)
        behind: Condition | None = inside
        while behind is not None:
            statement = f"""SELECT {", ".join(COLUMNS)}
FROM calls
WHERE {behind.sql}
ORDER BY prompt, version, ts, call_id
LIMIT {{page:UInt32}}"""  # noqa: S608 - names of our own; values are parameters
            last, rows = b"", 0
            async for piece in _lines(clickhouse, statement, {**behind.parameters, "page": PAGE_ROWS}):
                yield piece
                rows += piece.count(b"\n")
                last = piece[piece.rfind(b"\n", 0, -1) + 1 :]
            behind = _behind(inside, last, stretch) if rows == PAGE_ROWS else None


async def export_scores(
    clickhouse: ClickHouse,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    names: Iterable[str] = (),
    scope: Sequence[str] = (),
) -> AsyncIterator[bytes]:
    """The scores given in a window, as lines, each with the one id that it was posted for.

    With a `scope`, patterns with `*`, those of these prompts' calls only.
    """
    fits = within(Condition(), since, until)
    if scope:
        theirs = "SELECT score_id FROM scores WHERE prompt != '' AND match(prompt, {scope:String})"
        fits = fits.and_(f"score_id IN ({theirs})", scope=as_pattern(scope))
    if chosen := list(names):
        fits = fits.and_("name IN {names:Array(String)}", names=chosen)
    fields = [name for name in ScoreEvent.__struct_fields__ if name not in ("target_kind", "target")]
    targets = ", ".join(f"if(target_kind = '{kind}', target, '') AS {name}" for kind, name in _TARGETS.items())
    after = ""
    while True:
        statement = f"""SELECT {", ".join(fields)}, {targets}
FROM score_events FINAL
WHERE score_id > {{after:String}} AND {fits.sql}
ORDER BY score_id
LIMIT {{page:UInt32}}"""  # noqa: S608 - names of our own; values are parameters
        last, rows = b"", 0
        async for piece in _lines(clickhouse, statement, {**fits.parameters, "after": after, "page": PAGE_ROWS}):
            yield piece
            rows += piece.count(b"\n")
            last = piece[piece.rfind(b"\n", 0, -1) + 1 :]
        if rows < PAGE_ROWS:
            return
        after = json.loads(last)["score_id"]


async def streamed(lines: AsyncIterator[bytes], form: Format) -> StreamingResponse:
    """An export as an HTTP answer. The first piece is made before it begins: what is wrong is then said with a status."""
    first = await anext(lines, b"")

    async def pieces() -> AsyncIterator[bytes]:
        yield first
        async for piece in lines:
            yield piece

    if form == "csv":
        return StreamingResponse(as_csv(pieces()), media_type="text/csv")
    return StreamingResponse(pieces(), media_type="application/jsonl")


def stretches(groups: Iterable[tuple[int, str, int, int]], rows: int) -> Iterator[Stretch]:
    """Neighbours put together up to some rows; `groups` are month (202611), prompt, version and count, in order."""
    held: Stretch | None = None
    for month, prompt, version, count in groups:
        begin = datetime(month // 100, month % 100, 1, tzinfo=UTC)
        if held is not None and held.begin == begin and held.rows + count <= rows:
            held = Stretch(begin=begin, end=held.end, first=held.first, last=(prompt, version), rows=held.rows + count)
            continue
        if held is not None:
            yield held
        end = datetime(begin.year + begin.month // 12, begin.month % 12 + 1, 1, tzinfo=UTC)
        held = Stretch(begin=begin, end=end, first=(prompt, version), last=(prompt, version), rows=count)
    if held is not None:
        yield held


async def _groups(clickhouse: ClickHouse, whole: Condition) -> list[tuple[int, str, int, int]]:
    statement = f"""SELECT toYYYYMM(ts) AS month, toString(prompt) AS slug, version, count() AS n
FROM calls
WHERE {whole.sql}
GROUP BY month, prompt, version
ORDER BY month, prompt, version"""  # noqa: S608 - names of our own; values are parameters
    answer = await clickhouse.query(statement, whole.parameters, readonly=2, max_execution_time=300)
    return [(int(month), str(slug), int(version), int(n)) for month, slug, version, n in answer.rows]


def _inside(whole: Condition, stretch: Stretch) -> Condition:
    # The bounds by prompt alone say nothing new, but let the primary key pass over what lies elsewhere.
    return whole.and_(
        "ts >= fromUnixTimestamp64Milli({begin_ms:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')"
        " AND prompt >= {first_prompt:String} AND prompt <= {last_prompt:String}"
        " AND (prompt > {first_prompt:String} OR version >= {first_version:UInt32})"
        " AND (prompt < {last_prompt:String} OR version <= {last_version:UInt32})",
        begin_ms=milliseconds(stretch.begin),
        end_ms=milliseconds(stretch.end),
        first_prompt=stretch.first[0],
        first_version=stretch.first[1],
        last_prompt=stretch.last[0],
        last_version=stretch.last[1],
    )


def _behind(inside: Condition, line: bytes, stretch: Stretch) -> Condition:
    """What comes after a line. In a stretch of several versions (rows came in meanwhile) that is told apart by all of the key."""
    row = json.loads(line)
    at = milliseconds(datetime.fromisoformat(row["ts"]))
    time = "fromUnixTimestamp64Milli({after_ms:Int64}, 'UTC')"
    if stretch.first == stretch.last:
        sql = f"ts >= {time} AND (ts, call_id) > ({time}, {{after_id:UUID}})"
    else:
        sql = (
            "(prompt > {after_prompt:String} OR (prompt = {after_prompt:String} AND (version > {after_version:UInt32}"
            f" OR (version = {{after_version:UInt32}} AND (ts, call_id) > ({time}, {{after_id:UUID}})))))"
        )
    key = {"after_prompt": row["prompt"], "after_version": row["version"]}
    return inside.and_(sql, after_ms=at, after_id=row["call_id"], **key)


async def _lines(clickhouse: ClickHouse, statement: str, parameters: Mapping[str, Any]) -> AsyncIterator[bytes]:
    """A result's bytes, cut at the ends of lines."""
    rest = b""
    async for piece in clickhouse.stream(statement, parameters, fmt="JSONEachRow", **_SETTINGS):
        whole = piece.rfind(b"\n") + 1
        if whole:
            yield rest + piece[:whole]
            rest = piece[whole:]
        else:
            rest += piece
    if rest:
        yield rest
