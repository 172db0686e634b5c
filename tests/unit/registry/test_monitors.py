"""Monitors on both databases: what counts where several fit, who may declare one, and that each is an event."""

import pytest

from registry.errors import (
    AuthPromptNotAllowedError,
    AuthRoleNotAllowedError,
    MonitorNotFoundError,
    PromptInvalidError,
    PromptNotFoundError,
)
from registry.monitors import DEFAULTS, Monitor, listed, monitor_for
from registry.roles import ROLES, Principal, owner
from registry.writing.audit import verify
from registry.writing.store import Store
from tests.unit.registry.conftest import chat

ANN = owner("ann")


@pytest.fixture
def store(engine) -> Store:
    made = Store(engine)
    for slug in ("a", "b"):
        made.save(slug, chat("hi"), message="m", by=ANN)
    return made


def test_the_nearest_declaration_counts():
    declared = [
        Monitor(slug="*", metric="scores", margin=0.1),
        Monitor(slug="*", metric="helpful", margin=0.2),
        Monitor(slug="a", metric="scores", margin=0.3),
        Monitor(slug="b", metric="helpful", enabled=False),
        Monitor(slug="b", metric="latency", margin=0.4),
    ]

    def margin(slug: str, metric: str) -> float | None:
        found = monitor_for(declared, slug, metric)
        assert found is not None
        return found.margin

    assert margin("c", "other") == 0.1
    assert margin("c", "helpful") == 0.2
    assert margin("a", "helpful") == 0.3, "what is for the prompt comes before what is for the metric everywhere"
    assert monitor_for(declared, "b", "helpful") is None
    assert margin("b", "latency") == 0.4
    assert margin("a", "latency") is None, "the default"
    assert monitor_for(declared, "a", "cost") is None, "cost isn't watched unless somebody says so"


def test_sides_are_those_for_the_worse_unless_any_is_asked_for():
    assert Monitor(slug="*", metric="error_rate").sides == ("up",)
    assert Monitor(slug="*", metric="helpful").sides == ("down",)
    assert Monitor(slug="*", metric="toxic", better="lower").sides == ("up",)
    assert Monitor(slug="*", metric="helpful", direction="any").sides == ("down", "up")
    assert Monitor(slug="*", metric="output_tokens").sides == ("down", "up"), "neither way is better"


def test_a_monitor_is_declared_changed_and_taken_away_each_time_with_an_event(store):
    made = store.set_monitor(Monitor(slug="a", metric=" helpful ", margin=0.02), reason="it matters", by=ANN)
    assert (made.metric, made.updated_by) == ("helpful", "ann")
    again = store.set_monitor(Monitor(slug="a", metric="helpful", margin=0.02), by=ANN)
    assert again == made, "declaring the same again writes nothing"
    store.set_monitor(Monitor(slug="*", metric="scores", enabled=False), by=ANN)
    assert [(each.slug, each.metric, each.enabled) for each in store.monitors()] == [
        ("*", "scores", False),
        ("a", "helpful", True),
    ]
    shown = listed(store.monitors())
    assert len(shown) == len(DEFAULTS) + 1
    store.remove_monitor("a", "helpful", by=ANN)
    actions = [(each.action, each.slug) for each in store.history() if each.action.startswith("monitor")]
    assert actions == [("monitor.remove", "a"), ("monitor.set", ""), ("monitor.set", "a")]
    assert store.history("a")[1].reason == "it matters"
    assert verify(store).whole


def test_what_makes_no_sense_is_refused_in_words(store):
    for monitor, said in (
        (Monitor(slug="a", metric=""), "'metric' is error_rate, "),
        (Monitor(slug="a", metric="x", margin=-1.0), "'margin' is a number from 0"),
        (Monitor(slug="a", metric="x", margin=float("nan")), "'margin' is a number from 0"),
        (Monitor(slug="a", metric="latency", margin=5.0), "would mean 500 per cent: write 0.01 for one"),
        (Monitor(slug="a", metric="x", direction="down"), "'direction' is worse or any"),  # type: ignore[arg-type]
        (Monitor(slug="a", metric="x", better="up"), "'better' is higher or lower"),  # type: ignore[arg-type]
    ):
        with pytest.raises(PromptInvalidError, match=said):
            store.set_monitor(monitor, by=ANN)
    with pytest.raises(PromptNotFoundError):
        store.set_monitor(Monitor(slug="c", metric="x"), by=ANN)
    store.set_monitor(Monitor(slug="a", metric="helpful"), by=ANN)
    with pytest.raises(MonitorNotFoundError, match="did you mean 'helpful'"):
        store.remove_monitor("a", "helpfull", by=ANN)
    with pytest.raises(MonitorNotFoundError, match="watched by default: `slugline monitor set '\\*' latency --off`"):
        store.remove_monitor("*", "latency", by=ANN)


def test_whoever_only_reads_declares_nothing_and_whoever_has_some_prompts_nothing_for_all(store):
    for role in ROLES:
        by = Principal(name=role, identity=f"key:{role}", roles=frozenset({role}))
        if by.may("monitor"):
            store.set_monitor(Monitor(slug="a", metric=f"of-{role}"), by=by)
            continue
        with pytest.raises(AuthRoleNotAllowedError, match="say what is watched"):
            store.set_monitor(Monitor(slug="a", metric="x"), by=by)
    mine = Principal(name="m", identity="key:m", roles=frozenset({"admin"}), prompts=("a",))
    store.set_monitor(Monitor(slug="a", metric="x"), by=mine)
    for slug in ("b", "*"):
        with pytest.raises(AuthPromptNotAllowedError):
            store.set_monitor(Monitor(slug=slug, metric="x"), by=mine)


def test_a_monitor_that_was_changed_past_the_history_is_found(store, database):
    store.set_monitor(Monitor(slug="a", metric="helpful", margin=0.02), by=ANN)
    database.tamper("UPDATE monitors SET margin = 0.5")
    assert "the monitor of 'helpful' of prompt 'a' isn't what was set" in verify(store).problems
