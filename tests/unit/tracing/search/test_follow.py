"""Following: each call once, in the order of their ends, late ones too."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tracing.search.follow import LATE, SLACK, Follower
from tracing.search.rows import moment

T = datetime(2026, 11, 22, tzinfo=UTC)


def row(name: str, began: float, ms: float = 0.0) -> dict[str, Any]:
    return {"call_id": name, "ts": moment(T + timedelta(seconds=began)), "duration_ms": ms}


def shown(follower: Follower, *rows: dict[str, Any]) -> list[str]:
    return [each["call_id"] for each in follower.take(rows)]


def test_each_call_is_shown_once_by_when_it_ended() -> None:
    follower = Follower()
    assert follower.since is None
    assert shown(follower) == []
    assert shown(follower, row("a", 0), row("long", -50, 50_500), row("b", 0.2)) == ["a", "b", "long"]
    assert shown(follower, row("a", 0), row("c", 1)) == ["c"]
    assert follower.since == T + timedelta(seconds=1) - SLACK


def test_after_a_failure_it_looks_back_for_what_was_loaded_late() -> None:
    follower = Follower()
    shown(follower, row("a", 0))
    follower.failed()
    assert follower.since == T - LATE
    assert shown(follower, row("new", 600), row("late", 300)) == ["late", "new"]
    assert follower.since == T + timedelta(seconds=600) - LATE
    assert shown(follower, row("later still", 200), row("late", 300)) == ["later still"]


def test_what_is_forgotten_is_never_looked_for_again() -> None:
    follower = Follower()
    shown(follower, row("a", 0))
    shown(follower, row("later", LATE.total_seconds()))
    assert shown(follower, row("a", 0)) == []
    shown(follower, row("b", 4 * LATE.total_seconds()))
    assert set(follower._seen) == {"b"}
    follower.failed()
    since = follower.since
    assert since is not None
    assert since > T + LATE
