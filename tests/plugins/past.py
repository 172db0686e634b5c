"""A server with a past: a prompt that was promoted days ago, and the calls and scores of two weeks, one of which was bad.

Version 2 was promoted four days before the provider updated the model; the update did the harm.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from registry.roles import owner
from registry.storage.database import open_engine
from registry.values import Content
from registry.writing.store import Store
from slugline.locate import locate_clickhouse
from slugline.settings import load_settings
from tests.plugins.registries import new_registry
from tests.plugins.server import Server
from tracing.clickhouse import ClickHouse
from tracing.event import CallEvent, ScoreEvent, encode, timestamp
from tracing.rollups.scores import count_scores

DAYS = 21
PROMOTED, UPDATED = 9, 5
"""Days ago."""


def write_registry(data: Path, slug: str, now: datetime, reason: str = "warmer") -> None:
    """A registry with a prompt whose version 1 was promoted before the calls begin, and version 2 `PROMOTED` days ago."""
    data.mkdir(parents=True)
    engine = open_engine(new_registry(data / "registry.db"))
    ann = owner("ann")
    for version, days in ((1, DAYS + 1), (2, PROMOTED)):
        store = Store(engine, clock=lambda days=days: now - timedelta(days=days))  # type: ignore[misc]
        content = Content(messages=({"role": "system", "content": f"Be kind, {version}."},), model="simulator-large")
        store.save(slug, content, message=f"version {version}", by=ann)
        store.promote(slug, version, reason=reason, by=ann)
    engine.dispose()


def rows(
    slug: str, now: datetime, *, per_hour: int = 8, label: str = "angry"
) -> tuple[list[CallEvent], list[ScoreEvent]]:
    """Calls with the score `accepted`; after the model's update fewer answers to the angry are accepted. A tenth is held back."""
    chance = random.Random(7)
    calls, scores = [], []
    begin = (now - timedelta(days=DAYS)).replace(minute=0, second=0, microsecond=0)
    for hour in range(DAYS * 24):
        for _ in range(per_hour):
            at = begin + timedelta(hours=hour, seconds=chance.uniform(0, 3599))
            kind = label if chance.random() < 0.5 else "billing"
            promoted = at >= now - timedelta(days=PROMOTED) and chance.random() < 0.9
            updated = at >= now - timedelta(days=UPDATED)
            good = (0.8 if kind == label else 0.95) - 0.35 * (updated and kind == label)
            call = CallEvent(
                call_id=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
                ts=timestamp(at),
                outcome="ok",
                status=200,
                prompt=slug,
                version=2 if promoted else 1,
                channel="stable",
                stratum=kind,
                params_hash="p",
                duration_ms=chance.lognormvariate(6, 0.4),
                model_served="gpt-4o-2026-11" if updated else "gpt-4o-2026-08",
                finish_reason="stop",
                output_tokens=int(chance.gauss(200, 40)),
            )
            calls.append(call)
            scores.append(
                ScoreEvent(
                    score_id=f"score-{call.call_id}",
                    target_kind="call",
                    target=call.call_id,
                    ts=call.ts,
                    received_at=call.ts,
                    name="accepted",
                    value=float(chance.random() < good),
                    kind="bool",
                    scorer="judge",
                    scorer_version="1",
                )
            )
    return calls, scores


def load(server: Server, calls: Sequence[CallEvent], scores: Sequence[ScoreEvent]) -> None:
    """Puts rows into a running server's record."""

    async def put() -> None:
        settings = load_settings({"data": server.data}, None)
        async with ClickHouse(locate_clickhouse(settings, {})) as clickhouse:
            for table, events in (("calls", calls), ("score_events", scores)):
                for first in range(0, len(events), 10_000):
                    lines = b"".join(encode(event) for event in events[first : first + 10_000])
                    await clickhouse.insert_lines(table, lines, {"date_time_input_format": "best_effort"})
            await count_scores(clickhouse, everything=True)

    asyncio.run(put())


def utc_now() -> datetime:
    """The wall clock, which a server's pages go by."""
    return datetime.now(UTC)
