"""The quality report as a question to ClickHouse: two statements, merged by quality.py.

Knows the statements' parameters and how rows come out of a client. Refuses to know where ClickHouse is and to hide its
errors: what the client raises goes through.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from clickhouse_connect.driver.asyncclient import AsyncClient

from evaluation.quality import Quality, quality_of
from evaluation.statements import load_statements
from tracing.clickhouse import ClickHouse

Client = AsyncClient | ClickHouse
"""Either clickhouse-connect's own asynchronous client or the connection that Slugline keeps."""

_EARLIEST_MS = 0
# The last whole day that DateTime64 can hold, in milliseconds since 1970 (2299-12-31).
_LATEST_MS = 10_413_705_600_000


async def quality_report(
    client: Client,
    *,
    prompt: str,
    since: datetime | None = None,
    until: datetime | None = None,
    purpose: str | None = "production",
    score: str | None = None,
) -> Quality:
    """A prompt's quality by version over the calls in [since, until).

    `purpose` None takes calls of every purpose, `score` None every score. Times must carry a zone. A prompt without
    calls gives a report without rows: whether it exists is the registry's to say. Raises ValueError for a window that
    is empty or without a zone, and whatever the client raises.
    """
    for name, time in (("since", since), ("until", until)):
        if time is not None and time.tzinfo is None:
            raise ValueError(f"{name} must carry a time zone, such as {time.isoformat()}+00:00")
    if since is not None and until is not None and since >= until:
        raise ValueError(f"since ({since.isoformat()}) must be before until ({until.isoformat()})")
    parameters: dict[str, Any] = {
        "prompt": prompt,
        "since_ms": _EARLIEST_MS if since is None else _milliseconds(since),
        "until_ms": _LATEST_MS if until is None else _milliseconds(until),
        "purpose": purpose or "",
    }
    statements = load_statements("evaluation", "quality.sql")
    calls = await _rows(client, statements["calls"], parameters)
    scores = await _rows(client, statements["scores"], {**parameters, "score": score or ""})
    window = Quality(prompt=prompt, since=since, until=until, purpose=purpose, score=score, rows=(), totals=())
    return quality_of(window, calls, scores)


async def _rows(client: Client, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    if isinstance(client, ClickHouse):
        return (await client.query(sql, parameters)).dicts()
    result = await client.query(sql, parameters=dict(parameters))
    return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]


def _milliseconds(time: datetime) -> int:
    """Whole milliseconds since 1970, within what DateTime64 can hold."""
    exact = (time.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000
    return min(max(round(exact), _EARLIEST_MS), _LATEST_MS)
