"""Monitors on the real engine and a real registry: one alert for one change, with its cause; and nothing where nothing changed."""

import itertools
import random
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from registry.alerts import Alert
from registry.roles import owner
from registry.storage.database import migrate, open_engine
from registry.values import Content
from registry.writing.store import Store
from slugline.alerting.monitoring import look_at_monitors
from tracing.clickhouse import ClickHouse
from tracing.event import CallEvent, ScoreEvent, encode, timestamp
from tracing.loader import INSERT_SETTINGS
from tracing.rollups.scores import count_scores

ANN = owner("ann")
BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
CHANGE = BEGIN + timedelta(days=17, hours=9)
NOW = BEGIN + timedelta(days=19, hours=12, minutes=5)
_ids = itertools.count(1)

Change = Callable[[CallEvent, datetime, random.Random], CallEvent]


class Clock:
    """The registry's clock, set by hand."""

    def __init__(self) -> None:
        self.now = BEGIN - timedelta(days=1)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    engine = open_engine(f"sqlite:///{tmp_path / 'registry.db'}")
    migrate(engine)
    found = Store(engine, clock=clock)
    for slug in ("agent", "other", "third"):
        for text in ("Be kind.", "Be short."):
            found.save(slug, Content(messages=({"role": "system", "content": text},)), message="test", by=ANN)
        found.promote(slug, 1, reason="first", by=ANN)
    yield found
    engine.dispose()


async def served(
    records: ClickHouse,
    slug: str,
    *,
    change: Change = lambda call, at, draw: call,
    good: Callable[[datetime], float] | None = None,
    until: datetime = NOW,
    an_hour: int = 12,
    model: str = "m-1",
) -> None:
    """Calls since BEGIN, as `change` says; with `good`, each has a score that is true with that chance."""
    draw = random.Random(slug)
    calls, scores = [], []
    at = BEGIN
    while at < until:
        call_id = str(uuid.UUID(int=next(_ids)))
        call = CallEvent(
            call_id=call_id,
            ts=timestamp(at),
            outcome="ok",
            status=200,
            prompt=slug,
            version=1,
            channel="stable",
            model_served=model,
            finish_reason="stop",
            output_tokens=round(draw.lognormvariate(5, 0.4)),
            duration_ms=draw.lognormvariate(7, 0.5),
        )
        calls.append(change(call, at, draw))
        if good is not None:
            score = ScoreEvent(
                score_id=f"s-{call_id}",
                target_kind="call",
                target=call_id,
                ts=timestamp(at),
                received_at=timestamp(at),
                name="good",
                value=float(draw.random() < good(at)),
                kind="bool",
            )
            scores.append(score)
        at += timedelta(hours=1) / an_hour
    for table, events in (("calls", calls), ("score_events", scores)):
        if events:
            settings = {**INSERT_SETTINGS, "insert_deduplication_token": f"{table}-{next(_ids)}"}
            await records.insert_lines(table, b"".join(map(encode, events)), settings)
    await count_scores(records)


def longer(call: CallEvent, at: datetime, draw: random.Random) -> CallEvent:
    """Answers are twice as long and as slow since CHANGE."""
    if at < CHANGE:
        return call
    return _replaced(call, output_tokens=(call.output_tokens or 0) * 2, duration_ms=call.duration_ms * 2)


def another_model(call: CallEvent, at: datetime, draw: random.Random) -> CallEvent:
    return _replaced(longer(call, at, draw), model_served="m-2") if at >= CHANGE else call


def failing(call: CallEvent, at: datetime, draw: random.Random) -> CallEvent:
    chance = 0.001 if at < CHANGE else 0.08
    return _replaced(call, outcome="provider_error", status=500) if draw.random() < chance else call


def _replaced(call: CallEvent, **values: object) -> CallEvent:
    return msgspec.structs.replace(call, **values)


async def look(store: Store, records: ClickHouse, clock: Clock, now: datetime = NOW) -> list[Alert]:
    clock.now = now
    await look_at_monitors(store, records, lambda _: ["a"], now)
    return store.alerts()


async def test_what_nobody_declared_is_watched_and_one_change_is_one_alert(
    records: ClickHouse, store: Store, clock: Clock
) -> None:
    await served(records, "agent", change=longer)
    await served(records, "other")
    [alert] = await look(store, records, clock)
    assert (alert.about, alert.name, alert.state) == ("prompt", "agent", "open")
    assert {line.metric for line in alert.lines} == {"latency", "output_tokens"}
    [length] = [line for line in alert.lines if line.metric == "output_tokens"]
    assert length.earliest <= CHANGE <= length.latest
    assert length.low < 1.0 < length.high
    assert length.sentence.startswith("output length rose ")
    assert alert.cause == {}
    assert [(each.destination, each.telling, each.state) for each in alert.deliveries] == [("a", "opened", "waiting")]
    assert await look(store, records, clock, NOW + timedelta(minutes=1)) == [alert], "a second look tells nothing new"
