"""Alerts on both databases: one for a change, whoever brings it; what people do to one is an event; deliveries are claimed and told once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from registry.alerts import Alert, AlertLine
from registry.errors import (
    AlertClosedError,
    AlertNotFoundError,
    AuthPromptNotAllowedError,
    AuthRoleNotAllowedError,
    PromptInvalidError,
)
from registry.roles import Principal, owner
from registry.writing.audit import verify
from registry.writing.store import Store
from tests.unit.registry.conftest import chat

ANN = owner("ann")
T0 = datetime(2026, 11, 5, 9, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = T0 + timedelta(hours=12)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(engine, clock) -> Store:
    made = Store(engine, clock=clock)
    for slug in ("a", "b"):
        made.save(slug, chat("hi"), message="m", by=ANN)
    return made


def line(slug: str = "a", metric: str = "helpful", **values) -> AlertLine:
    given = {"side": "down", "scale": "points", "since": T0, "earliest": T0, "latest": T0 + timedelta(hours=1)}
    numbers = {
        "before": 0.92,
        "after": 0.84,
        "difference": -0.08,
        "low": -0.1,
        "high": -0.06,
        "n_before": 9e3,
        "n_after": 5e2,
    }
    return AlertLine(slug=slug, metric=metric, **{**given, **numbers, **values})


def opened(store: Store, *lines: AlertLine, to: tuple[str, ...] = ("hook",)) -> Alert | None:
    return store.raise_alert(lines or (line(),), about="prompt", name="a", cause={"kind": "x"}, destinations=to)


def test_a_change_is_one_alert_however_often_and_by_whomever_it_is_brought(engine, store):
    others = [Store(engine) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        made = [each for each in pool.map(opened, others) if each is not None]
    assert len(made) == 1
    assert store.alerts() == made
    assert [each.destination for each in made[0].deliveries] == ["hook"]
    both = opened(store, line(), line(metric="latency"))
    assert both is not None
    assert [each.metric for each in both.lines] == ["latency"], "what has an alert already is left out"


def test_the_database_itself_refuses_a_second_one(store, database):
    found = opened(store)
    with pytest.raises(Exception, match=r"(?i)unique"):
        database.run(
            "INSERT INTO alert_lines SELECT alert_id || 'x', slug, metric, standing, line, since, closed_at FROM alert_lines"
            if database.path is None
            else "INSERT INTO alert_lines SELECT 'x', slug, metric, standing, line, since, closed_at FROM alert_lines"
        )
    assert found is not None


def test_series_join_an_open_alert_and_with_the_last_that_is_back_it_is_closed_and_told(store, clock):
    found = opened(store)
    assert found is not None
    store.extend_alert(found.alert_id, [line(metric="latency", since=T0 + timedelta(hours=1)), line()])
    assert [each.metric for each in store.alert(found.alert_id).lines] == ["helpful", "latency"]
    clock.now += timedelta(hours=5)
    half = store.recover(found.alert_id, [("a", "helpful")])
    assert half.state == "open"
    assert [each.closed_at for each in half.lines] == [clock.now, None]
    over = store.recover(found.alert_id, [("a", "latency")])
    assert (over.state, over.closed_at) == ("closed", clock.now)
    assert [(each.destination, each.telling) for each in over.deliveries] == [("hook", "opened"), ("hook", "recovered")]
    assert opened(store) is not None, "a new change is a new alert"


def test_acknowledging_is_an_event_and_sets_the_series_free(store, clock):
    found = opened(store)
    assert found is not None
    done = store.acknowledge(found.alert_id, text=" known ", by=ANN)
    assert (done.state, done.acknowledged_by, done.note) == ("acknowledged", "ann", "known")
    [event] = [each for each in store.history("a") if each.action == "alert.acknowledge"]
    assert (event.actor, event.reason) == ("ann", "known")
    assert event.evidence == {"alert": found.alert_id, "title": "a: 'helpful' fell"}
    with pytest.raises(AlertClosedError, match="acknowledged by ann already: a: 'helpful' fell"):
        store.acknowledge(found.alert_id, by=ANN)
    assert store.recover(found.alert_id, [("a", "helpful")]).state == "acknowledged"
    assert opened(store) is not None
    assert verify(store).whole


def test_a_muted_alert_is_told_to_nobody_until_its_time_and_once_more_then(store, clock):
    found = opened(store)
    assert found is not None
    until = clock.now + timedelta(hours=4)
    muted = store.mute(found.alert_id, until=until, text="on it", by=ANN)
    assert muted.standing(clock.now) == "muted"
    assert [(each.state, each.error) for each in muted.deliveries] == [("given up", "muted by ann")]
    assert store.claim_deliveries() == []
    assert store.unmute({found.alert_id: ["hook"]}) == []
    clock.now = until
    assert store.unmute({found.alert_id: ["hook"]}) == [found.alert_id]
    assert store.unmute({found.alert_id: ["hook"]}) == []
    assert [each.telling for each in store.claim_deliveries()] == ["still open"]
    assert store.alert(found.alert_id).standing(clock.now) == "open"
    with pytest.raises(PromptInvalidError, match="'until' lies in the past"):
        store.mute(found.alert_id, until=clock.now, by=ANN)
    [event] = [each for each in store.history("a") if each.action == "alert.mute"]
    assert event.evidence["until"] == until.isoformat()


def test_a_recovery_while_it_is_muted_is_told_to_nobody(store, clock):
    found = opened(store)
    assert found is not None
    store.mute(found.alert_id, until=clock.now + timedelta(days=1), by=ANN)
    assert [each.telling for each in store.recover(found.alert_id, [("a", "helpful")]).deliveries] == ["opened"]


def test_a_delivery_is_claimed_by_one_and_comes_free_when_that_one_is_not_heard_of(engine, store, clock):
    opened(store, to=("x", "y"))
    with ThreadPoolExecutor(4) as pool:
        some = list(pool.map(lambda each: each.claim_deliveries(), [Store(engine, clock=clock) for _ in range(4)]))
    first = sorted((each for claimed in some for each in claimed), key=lambda each: each.destination)
    assert [(each.destination, each.attempts) for each in first] == [("x", 1), ("y", 1)]
    store.end_delivery(first[0])
    clock.now += timedelta(seconds=119)
    assert store.claim_deliveries() == []
    clock.now += timedelta(seconds=2)
    [again] = store.claim_deliveries()
    assert (again.delivery_id, again.attempts) == (first[1].delivery_id, 2)
    store.end_delivery(again, error="no", again_in=5)
    store.end_delivery(first[0], error="too late")
    assert [(each.destination, each.state, each.error) for each in store.alerts()[0].deliveries] == [
        ("x", "sent", ""),
        ("y", "waiting", "no"),
    ]


def test_who_may_and_what_is_not_there(store):
    found = opened(store, line(), line(slug="b"))
    assert found is not None
    reader = Principal(name="r", identity="key:r", roles=frozenset({"viewer"}))
    with pytest.raises(AuthRoleNotAllowedError):
        store.acknowledge(found.alert_id, by=reader)
    half = Principal(name="h", identity="key:h", roles=frozenset({"admin"}), prompts=("a",))
    with pytest.raises(AuthPromptNotAllowedError):
        store.mute(found.alert_id, until=T0 + timedelta(days=9), by=half)
    with pytest.raises(AlertNotFoundError, match="no alert has the id 'x'"):
        store.alert("x")
    with pytest.raises(PromptInvalidError, match="'state' is one of"):
        store.alerts(state="new")
    assert [each.alert_id for each in store.alerts(state="open", slug="b")] == [found.alert_id]
    assert store.alerts(slug="c") == []


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "'helpful' fell 8 points [6, 10]: 92 % → 84 % over 500 values"),
        ({"low": -0.1, "high": 0.01}, "'helpful' fell 8 points [-1, 10]: 92 % → 84 % over 500 values"),
        (
            {"metric": "latency", "side": "up", "scale": "percent", "before": 800, "after": 1200, "difference": 0.5, "low": 0.4, "high": 0.6},
            "latency rose 50 % [40, 60]: 800 → 1,200 over 500 values",
        ),
        (
            {"metric": "grade", "scale": "score", "before": 4.2, "after": 3.9, "difference": -0.3, "low": -0.4, "high": -0.2, "note": "n"},
            "'grade' fell 0.3 [0.2, 0.4]: 4.2 → 3.9 over 500 values (n)",
        ),
    ],
)  # fmt: skip
def test_a_line_reads_as_a_sentence(values, said):
    assert line(**values).sentence == said


def test_a_title_says_what_and_how_many():
    base = Alert(alert_id="1", about="prompt", name="a", state="open", since=T0, opened_at=T0, lines=(line(),))
    assert base.title == "a: 'helpful' fell"
    two = replace(base, lines=(line(metric="error_rate", side="up"), line(metric="latency", side="up")))
    assert two.title == "a: calls that failed and 1 more metric changed"
    many = replace(
        base, about="model", name="gpt-4o", lines=tuple(line(slug=f"p{n}", metric="served_models") for n in range(14))
    )
    assert many.title == "model gpt-4o: 14 prompts: share of the usual model fell"
