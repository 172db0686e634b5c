"""The watch after a promotion, on the real engine and a real registry: it tells of a loss or rolls back, once, and leaves the others alone."""

import itertools
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from registry.cases import Case
from registry.roles import owner
from registry.storage.database import open_engine
from registry.values import Content
from registry.writing.store import Store
from slugline.watching import look_at_all
from tests.plugins.registries import new_registry
from tracing.clickhouse import ClickHouse
from tracing.event import CallEvent, ScoreEvent, encode, timestamp
from tracing.loader import INSERT_SETTINGS
from tracing.rollups.scores import count_scores

ANN = owner("ann")
PROMOTED = datetime(2026, 3, 16, 9, 30, tzinfo=UTC)
_ids = itertools.count(1)


class Clock:
    """The registry's clock, set by hand."""

    def __init__(self) -> None:
        self.now = PROMOTED - timedelta(days=20)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    engine = open_engine(new_registry(tmp_path / "registry.db"))
    found = Store(engine, clock=clock)
    for slug in ("agent", "other"):
        for text in ("Be kind.", "Be short."):
            found.save(slug, Content(messages=({"role": "system", "content": text},)), message="test", by=ANN)
        found.promote(slug, 1, reason="first", by=ANN)
    found.save_dataset("golden", [Case(variables={"x": 1})], by=ANN)
    clock.now = PROMOTED
    for slug in ("agent", "other"):
        found.promote(slug, 2, reason="shorter", by=ANN)
    yield found
    engine.dispose()


def ask_for(store: Store, slug: str, then: str, *, days: float = 14) -> None:
    watch = {"scores": ["good"], "margin": 0.02, "then": then, "days": days}
    store.protect(slug, policy={"dataset": "golden", "watch": watch}, by=ANN)


async def served(
    records: ClickHouse, slug: str, version: int, begin: datetime, end: datetime, good: float, *, an_hour: int = 12
) -> None:
    """Calls of a version with a score each; `good` of them are good."""
    draw = random.Random(f"{slug} {version}")
    calls, scores = [], []
    at = begin
    while at < end:
        call_id = str(uuid.UUID(int=next(_ids)))
        calls.append(
            CallEvent(
                call_id=call_id,
                ts=timestamp(at),
                outcome="ok",
                status=200,
                prompt=slug,
                version=version,
                channel="stable",
                duration_ms=1.0,
            )
        )
        scores.append(
            ScoreEvent(
                score_id=f"s-{call_id}",
                target_kind="call",
                target=call_id,
                ts=timestamp(at),
                received_at=timestamp(at),
                name="good",
                value=float(draw.random() < good),
                kind="bool",
            )
        )
        at += timedelta(hours=1) / an_hour
    for table, events in (("calls", calls), ("score_events", scores)):
        lines = b"".join(map(encode, events))
        settings = {**INSERT_SETTINGS, "insert_deduplication_token": f"{table}-{next(_ids)}"}
        await records.insert_lines(table, lines, settings)


async def both(records: ClickHouse, slug: str, good: float, *, days: int = 4) -> datetime:
    """Two weeks of version 1, and some days of version 2; gives when that ends."""
    await served(records, slug, 1, PROMOTED - timedelta(days=14), PROMOTED, 0.9)
    await served(records, slug, 2, PROMOTED, PROMOTED + timedelta(days=days), good)
    await count_scores(records)
    return PROMOTED + timedelta(days=days)


def events(store: Store, slug: str) -> list[tuple[str, str]]:
    return [(entry.action, entry.actor) for entry in store.history(slug) if entry.action in {"watch", "rollback"}]


async def test_a_loss_is_rolled_back_once_and_the_history_says_why(
    records: ClickHouse, store: Store, clock: Clock
) -> None:
    ask_for(store, "agent", "roll back")
    clock.now = now = await both(records, "agent", 0.7)
    [seen] = await look_at_all(store, records, now)
    assert seen.alarm
    assert store.prompt("agent").channels["stable"] == 1
    assert events(store, "agent") == [("rollback", "the watch"), ("watch", "the watch")]
    [rollback] = [entry for entry in store.history("agent") if entry.action == "rollback"]
    assert rollback.reason.startswith("version 2 does worse than version 1 did: 'good' is 0.")
    assert rollback.evidence["scores"][0]["score"] == "good"
    assert await look_at_all(store, records, now) == [], "what was rolled back is not watched any more"
    assert store.prompt("other").channels["stable"] == 2


async def test_who_only_wants_to_be_told_is_told_once(records: ClickHouse, store: Store, clock: Clock) -> None:
    ask_for(store, "agent", "tell")
    clock.now = now = await both(records, "agent", 0.7)
    for hours in range(3):
        await look_at_all(store, records, now + timedelta(hours=hours))
    assert events(store, "agent") == [("watch", "the watch")]
    assert store.prompt("agent").channels["stable"] == 2
    assert store.history("agent", limit=1)[0].channel == "stable"


async def test_a_version_that_is_no_worse_stays(records: ClickHouse, store: Store, clock: Clock) -> None:
    ask_for(store, "agent", "roll back")
    clock.now = now = await both(records, "agent", 0.9)
    [seen] = await look_at_all(store, records, now)
    assert seen.usual is not None
    assert seen.n > 1000
    assert not seen.alarm
    assert events(store, "agent") == []


async def test_what_nobody_asked_for_and_what_is_long_past_is_not_watched(
    records: ClickHouse, store: Store, clock: Clock
) -> None:
    clock.now = now = await both(records, "agent", 0.5)
    assert await look_at_all(store, records, now) == []
    ask_for(store, "agent", "roll back", days=3)
    assert await look_at_all(store, records, now) == []
    assert store.prompt("agent").channels["stable"] == 2


async def test_too_little_history_is_said_and_nothing_done(records: ClickHouse, store: Store, clock: Clock) -> None:
    ask_for(store, "agent", "roll back")
    await served(records, "agent", 1, PROMOTED - timedelta(days=3), PROMOTED, 0.9)
    await served(records, "agent", 2, PROMOTED, PROMOTED + timedelta(days=2), 0.2)
    await count_scores(records)
    clock.now = PROMOTED + timedelta(days=2)
    [seen] = await look_at_all(store, records, clock.now)
    assert (seen.usual, seen.watched, seen.alarm) == (None, None, False)
    assert events(store, "agent") == []


async def test_a_version_that_somebody_moved_meanwhile_is_left_where_it_is(
    records: ClickHouse, store: Store, clock: Clock
) -> None:
    ask_for(store, "agent", "roll back")
    clock.now = now = await both(records, "agent", 0.7)
    store.rollback("agent", reason="by hand", by=ANN)
    await look_at_all(store, records, now)
    assert events(store, "agent") == [("rollback", "ann")]
