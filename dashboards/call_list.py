"""A list of calls with what stands around it: the counts to narrow it down by, the calls over time, each call's scores.

Knows what is gathered, and that a list doesn't hang on its counts. Refuses to know addresses of pages, and SQL (`tracing.search`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from dashboards.call_address import CallsAsked
from dashboards.call_bars import Column, columns_of
from tracing.clickhouse import ClickHouse
from tracing.search.counting import Counts, count_calls
from tracing.search.errors import SearchTooBroadError
from tracing.search.filters import Sight
from tracing.search.find import Page, find_calls
from tracing.search.scored import Said, scores_among, scores_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRow:
    """A call in a list: its row, when it began, and its scores."""

    call: Mapping[str, Any]
    ts: datetime
    scores: Sequence[Mapping[str, Any]] = ()

    @property
    def ended(self) -> int:
        """When it ended, in milliseconds since 1970."""
        return round(self.ts.timestamp() * 1000 + float(self.call["duration_ms"]))

    @property
    def who(self) -> list[tuple[str, str]]:
        """Whom it was for and by: filter and value, of those that are known."""
        return [(name, str(self.call[name])) for name in ("user", "session", "caller") if self.call[name]]

    @property
    def href(self) -> str:
        """Its own page."""
        return f"/calls/{self.call['call_id']}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallList:
    """A page of calls. `counts` is None where counting took too long, `scores` are by name."""

    rows: Sequence[CallRow] = ()
    next_cursor: str = ""
    counts: Counts | None = None
    columns: Sequence[Column] = ()
    scores: Mapping[str, Sequence[Said]] = field(default_factory=dict)


async def list_calls(
    clickhouse: ClickHouse, asked: CallsAsked, sight: Sight, *, limit: int, cursor: str, now: datetime
) -> CallList:
    """What is found, and what else could be. Raises SearchError, and what ClickHouse raises."""
    times = {"since": asked.window.since, "until": asked.window.until}
    page, counts, scores = await asyncio.gather(
        find_calls(clickhouse, asked.filter, sight, limit=limit, cursor=cursor, now=now),
        _unless_slow(count_calls(clickhouse, asked.filter, sight, **times)),
        _unless_slow(scores_among(clickhouse, asked.filter, sight, **times)),
    )
    by_name: dict[str, list[Said]] = {}
    for each in scores or ():
        by_name.setdefault(each.name, []).append(each)
    return CallList(
        rows=await with_scores(clickhouse, page),
        next_cursor=page.next_cursor,
        counts=counts,
        columns=columns_of(counts, asked.address, asked.window.zone) if counts else (),
        scores=by_name,
    )


async def with_scores(clickhouse: ClickHouse, page: Page) -> list[CallRow]:
    """The calls of a page, each with its scores. Raises as `scores_of`."""
    scores = await scores_of(clickhouse, page.rows)
    return [CallRow(call=row, ts=datetime.fromisoformat(row["ts"]), scores=scores[row["call_id"]]) for row in page.rows]


def shown_value(score: Mapping[str, Any]) -> str:
    """A score's value as people read it."""
    if not score["parsed"]:
        return "unparsed"
    if score["kind"] == "bool":
        return "yes" if score["value"] else "no"
    return f"{score['value']:g}" if score["kind"] == "number" else str(score["label"])


async def _unless_slow(counting: Awaitable[T]) -> T | None:
    """What was counted; None where that took too long."""
    try:
        return await counting
    except SearchTooBroadError:
        return None
