"""The quality report as a question to ClickHouse: two statements, merged by quality.py.

Knows the statements' parameters. Refuses to know where ClickHouse is and to hide its errors: what it raises goes through.
"""

import asyncio
from datetime import UTC, datetime
from typing import Any

from evaluation.quality import Quality, quality_of
from evaluation.statements import load_statements
from tracing.clickhouse import ClickHouse

_EARLIEST_MS = 0
# The last whole day that DateTime64 can hold, in milliseconds since 1970 (2299-12-31).
_LATEST_MS = 10_413_705_600_000


async def quality_report(
    clickhouse: ClickHouse,
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
    is empty or without a zone, and whatever the connection raises.
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
    calls = (await clickhouse.query(statements["calls"], parameters)).dicts()
    scores = (await clickhouse.query(statements["scores"], {**parameters, "score": score or ""})).dicts()
    window = Quality(prompt=prompt, since=since, until=until, purpose=purpose, score=score, rows=(), totals=())
    # Off the event loop, which has calls to answer: thousands of cells take a while, and so does the first import of scipy.
    return await asyncio.to_thread(quality_of, window, calls, scores)


def _milliseconds(time: datetime) -> int:
    """Whole milliseconds since 1970, within what DateTime64 can hold."""
    exact = (time.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000
    return min(max(round(exact), _EARLIEST_MS), _LATEST_MS)
