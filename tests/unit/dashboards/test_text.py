"""Values as people read them, and every event as a sentence."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboards import text
from dashboards.text import asks_for, count, percent, since, tagged, told
from registry.cases import Check
from registry.values import ACTIONS, HistoryEntry

NOW = datetime(2026, 5, 4, 15, 0, tzinfo=UTC)


def entry(action: str, **changes: Any) -> HistoryEntry:
    given: dict[str, Any] = {
        "revision": 1,
        "at": NOW,
        "actor": "ann",
        "action": action,
        "slug": "a",
        "channel": "stable",
        "from_version": 7,
        "to_version": 8,
        "reason": "",
        "evidence": {},
        "request_id": "",
    }
    return HistoryEntry(**{**given, **changes})


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        *((-5, "just now"), (59, "just now"), (60, "1 min ago"), (3600, "1 h ago"), (47 * 3600, "47 h ago")),
        *((48 * 3600, "2 days ago"), (29 * 86400, "29 days ago"), (30 * 86400, "2026-04-04")),
    ],
)
def test_how_long_ago(seconds, said):
    assert since(NOW - timedelta(seconds=seconds), NOW) == said


def test_shares_and_counts():
    assert [percent(share) for share in (5.0, 0.5, 33.333, 99.99)] == ["5 %", "0.5 %", "33.33 %", "99.99 %"]
    assert (count(1, "approval"), count(1200, "approval")) == ("1 approval", "1,200 approvals")


def test_what_a_rule_asks_for():
    assert asks_for(0, False, 0.0) == "nothing"
    assert asks_for(2, True, 0.0) == "2 approvals and an evaluation that passed"
    assert asks_for(1, False, 5.0) == "1 approval; 5 % of callers stay back for a day"


def test_tags_are_marked_and_everything_is_escaped():
    marked = tagged("<b>{{ a < b }}</b>{% if x %}")
    assert marked == ('&lt;b&gt;<span class="tag">{{ a &lt; b }}</span>&lt;/b&gt;<span class="tag">{% if x %}</span>')


def test_every_event_has_a_sentence():
    for action in ACTIONS:
        assert told(entry(action)) != action, action


def test_moves_in_words():
    assert told(entry("promote")) == "put version 8 on stable in place of version 7"
    assert told(entry("rollback", from_version=8, to_version=7)) == "rolled stable back from version 8 to 7"
    arms = [{"version": 9, "share": 5, "kind": "rollout"}]
    assert (
        told(entry("rollout", evidence={"split": arms})) == "split stable: version 8, beside it 5 % version 9 (rollout)"
    )
    assert told(entry("rollout", evidence={"split": []})) == "gave all of stable to version 8"
    at = {"version": 8, "channel": "eu", "at": "2027-01-31T09:00:00+00:00"}
    assert told(entry("schedule", evidence=at)) == "scheduled version 8 for eu at 2027-01-31 09:00 UTC"
    rule = {"to": {"channel": "eu", "approvals": 1, "evaluation": False, "holdback": 0}}
    assert told(entry("protect", slug="", evidence=rule)) == "set what eu of every prompt asks for: 1 approval"


def test_code_in_a_sentence_and_nothing_else_is_markup() -> None:
    assert text.coded("answers of `a<b>` fell <b>") == "Answers of <code>a&lt;b&gt;</code> fell &lt;b&gt;"


def test_checks_as_people_read_them() -> None:
    assert text.check_words(Check(type="contains-any", value=["a", "b"])) == "contains-any: a, b"
    assert text.check_words(Check(type="similar", threshold=0.8)) == "similar (0.8)"
    assert text.check_words(Check(type="is-json", value={"type": "object"})) == 'is-json: {"type": "object"}'
    assert len(text.check_words(Check(type="equals", value="x" * 500))) == 120
