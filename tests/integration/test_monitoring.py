"""Monitors on the real engine and a real registry: one alert for one change, with its cause; and nothing where nothing changed."""

import itertools
import random
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from registry.alerts import Alert, AlertLine
from registry.monitors import Monitor
from registry.roles import owner
from registry.storage.database import open_engine
from registry.values import Content
from registry.writing.store import Store
from slugline.alerting.explaining import explainer
from slugline.alerting.monitoring import look_at_monitors
from tests.plugins.registries import new_registry
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
    engine = open_engine(new_registry(tmp_path / "registry.db"))
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


async def test_an_alert_says_what_the_drift_analysis_found(records: ClickHouse, store: Store, clock: Clock) -> None:
    await served(records, "agent", change=another_model, good=lambda at: 0.9 if at < CHANGE else 0.6, an_hour=20)
    clock.now = NOW
    await look_at_monitors(store, records, lambda _: [], NOW, explainer(store, records, clock))
    [alert] = store.alerts()
    assert {"good", "output_tokens"} <= {line.metric for line in alert.lines}
    assert (alert.cause["kind"], alert.cause["grade"]) == ("model", "B")
    assert "the served model changed from `m-1` to `m-2`" in alert.suspected
    assert (
        alert.lines[0].metric in alert.suspected or "Output length" in alert.suspected or "Latency" in alert.suspected
    )


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


async def test_several_prompts_that_one_model_answers_are_one_alert_about_the_model(
    records: ClickHouse, store: Store, clock: Clock
) -> None:
    for slug in ("agent", "other"):
        await served(records, slug, change=another_model)
    await served(records, "third", model="m-9")
    [alert] = await look(store, records, clock)
    assert (alert.about, alert.name) == ("model", "m-1")
    assert alert.prompts == ("agent", "other")
    assert {line.metric for line in alert.lines} == {"latency", "output_tokens", "served_models"}
    assert alert.cause["kind"] == "model"
    assert "2 prompts that m-1 answers changed" in alert.cause["text"]
    assert "m-1 → m-2" in alert.cause["text"]


async def test_a_promotion_at_that_time_is_suspected_and_errors_that_were_rare_are_found(
    records: ClickHouse, store: Store, clock: Clock
) -> None:
    clock.now = CHANGE + timedelta(minutes=20)
    store.promote("agent", 2, reason="shorter", by=ANN)
    await served(records, "agent", change=failing)
    [alert] = await look(store, records, clock)
    [line] = alert.lines
    assert (line.metric, line.side, line.scale) == ("error_rate", "up", "points")
    assert line.low < 0.08 < line.high
    assert alert.cause["text"] == "version 2 was promoted to stable on 2026-03-19 09:20 UTC by ann"


async def test_a_score_that_fell_and_is_back_opens_one_alert_and_closes_it(
    records: ClickHouse, store: Store, clock: Clock
) -> None:
    later = NOW + timedelta(days=3)
    await served(records, "agent", good=lambda at: 0.55 if CHANGE <= at < NOW else 0.9, until=later)
    [alert] = await look(store, records, clock)
    [line] = alert.lines
    assert (line.metric, line.side) == ("good", "down")
    assert line.low < -0.35 < line.high < 0
    assert line.earliest <= CHANGE < line.latest + timedelta(hours=1)
    assert [each.state for each in await look(store, records, clock, NOW + timedelta(hours=6))] == ["open"]
    [closed] = await look(store, records, clock, later)
    assert (closed.state, closed.lines[0].closed_at) == ("closed", later)
    assert [each.telling for each in closed.deliveries] == ["opened", "recovered"]
    assert await look(store, records, clock, later + timedelta(minutes=1)) == [closed]


async def test_what_was_acknowledged_is_told_no_more_and_what_is_muted_once_more_at_its_end(
    records: ClickHouse, store: Store, clock: Clock
) -> None:
    later = NOW + timedelta(days=4)
    await served(records, "agent", change=longer, until=later)
    [alert] = await look(store, records, clock)
    store.mute(alert.alert_id, until=NOW + timedelta(hours=3), by=ANN)
    [muted] = await look(store, records, clock, NOW + timedelta(hours=2))
    assert [(each.telling, each.state) for each in muted.deliveries] == [("opened", "given up")]
    [told] = await look(store, records, clock, NOW + timedelta(hours=4))
    assert [(each.telling, each.state) for each in told.deliveries] == [
        ("opened", "given up"),
        ("still open", "waiting"),
    ]
    store.acknowledge(alert.alert_id, text="longer on purpose", by=ANN)
    assert [each.state for each in await look(store, records, clock, later)] == ["acknowledged"]


async def test_what_is_switched_off_and_what_is_archived_is_not_watched(
    records: ClickHouse, store: Store, clock: Clock
) -> None:
    await served(records, "agent", change=longer)
    store.set_monitor(Monitor(slug="agent", metric="latency", enabled=False), by=ANN)
    store.set_monitor(Monitor(slug="*", metric="output_tokens", margin=0.99), by=ANN)
    assert await look(store, records, clock) == []
    store.remove_monitor("agent", "latency", by=ANN)
    store.archive("agent", reason="over", by=ANN)
    assert await look(store, records, clock) == []
    store.restore("agent", reason="not over", by=ANN)
    [alert] = await look(store, records, clock)
    assert [line.metric for line in alert.lines] == ["latency"]


async def test_whatever_explains_a_change_stands_in_its_cause_and_can_not_keep_it_back(
    records: ClickHouse, store: Store, clock: Clock
) -> None:
    await served(records, "agent", change=longer)
    await served(records, "other", change=longer, model="m-9")

    async def explain(line: AlertLine) -> dict[str, str]:
        if line.slug == "other":
            raise ValueError("no idea")
        return {"kind": "drift", "text": f"why {line.metric}"}

    clock.now = NOW
    await look_at_monitors(store, records, lambda _: [], NOW, explain)
    assert {alert.name: dict(alert.cause) for alert in store.alerts()} == {
        "agent": {"kind": "drift", "text": f"why {store.alerts(slug='agent')[0].lines[0].metric}"},
        "other": {},
    }
