"""What a filter means, before any SQL."""

import re
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from slugline.commands.filters import MANY, ONE, read_filters
from slugline.settings import SettingsError
from tracing.search.conditions import as_pattern, condition, spellings
from tracing.search.cursor import Cursor, read_cursor
from tracing.search.errors import SearchInvalidError
from tracing.search.filters import CallFilter, ScoreCondition, Sight, read_score, read_status, read_tag


def test_every_filter_of_the_api_is_an_option_of_the_command_line() -> None:
    assert {*MANY, *ONE, "ended_since"} == set(CallFilter.model_fields)
    for name, field in CallFilter.model_fields.items():
        assert (field.default == ()) == (name in MANY), name


def test_scores_tags_and_statuses_as_people_write_them() -> None:
    assert read_score("helpful") == ScoreCondition(name="helpful")
    assert read_score(" my score >= 0.5 ") == ScoreCondition(name="my score", comparison=">=", number=0.5)
    assert read_score("ok=False") == ScoreCondition(name="ok", comparison="=", number=0.0)
    assert read_score("tone!=very angry") == ScoreCondition(name="tone", comparison="!=", label="very angry")
    for wrong in ("", "=1", "a=", "tone>angry"):
        with pytest.raises(ValueError, match=r"looked for as|compared with"):
            read_score(wrong)
    assert [read_status(text) for text in ("429", "5xx", "4XX")] == [(429, 429), (500, 599), (400, 499)]
    for wrong in ("", "5x", "999", "20", "xx"):
        with pytest.raises(ValueError, match="such as 429 or 5xx"):
            read_status(wrong)
    assert [read_tag(text) for text in ("team", "team=a=b", "team=")] == [("team", None), ("team", "a=b"), ("team", "")]
    with pytest.raises(ValueError, match="looked for as"):
        read_tag("=x")


@pytest.mark.parametrize(
    "fields",
    [
        {"status": ("abc",)},
        {"outcome": ("good",)},
        {"score": ("a>b",)},
        {"min_ms": 2, "max_ms": 1},
        {"since": "2026-02-01", "until": "2026-01-01"},
        {"no_such": 1},
        {"version": ("x",)},
    ],
)
def test_a_filter_that_means_nothing_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CallFilter.model_validate(fields)
    if "no_such" not in fields:
        with pytest.raises(SettingsError, match=r"^(--\w+|min_ms|since)"):
            read_filters(fields)


def test_times_of_the_command_line() -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    asked = read_filters({"since": "36h", "until": "2026-11-22T10:00Z"}, now)
    assert (asked.since, asked.until) == (datetime(2026, 11, 21, tzinfo=UTC), datetime(2026, 11, 22, 10, tzinfo=UTC))


PATTERN = st.text("ab-.*?[]!^\\$(|", max_size=6)


@given(st.lists(PATTERN, min_size=1, max_size=3), st.text("ab-.*?[]!^\\$(|", max_size=5))
def test_scopes_mean_in_sql_what_they_mean_elsewhere(patterns: list[str], name: str) -> None:
    """RE2 reads these expressions as Python does; the engine itself is asked in tests/integration/test_search.py."""
    if any("[" in pattern for pattern in patterns):
        patterns = [pattern.replace("[", "") for pattern in patterns]
    python = as_pattern(patterns).removesuffix("$") + r"\Z"
    assert bool(re.match(python, name)) == any(fnmatchcase(name, pattern) for pattern in patterns)


@given(st.text(max_size=30))
def test_nothing_typed_stands_in_a_statement(text: str) -> None:
    plain = condition(CallFilter(user=("x",), text="x", score=("x",), tag=("x=y",)), Sight(prompts=("x",)))
    typed = condition(CallFilter(user=(text,), text=text or "x", score=("x",), tag=("x=y",)), Sight(prompts=(text,)))
    assert typed.sql == plain.sql


def test_text_is_looked_for_as_bodies_spell_it() -> None:
    assert spellings("abc") == ["abc"]
    assert spellings('ü"') == ['ü"', 'ü\\"', '\\u00fc\\"']


@given(st.integers(-(10**13), 10**13), st.uuids().map(str))
def test_cursors_come_back(ts_ms: int, key: str) -> None:
    cursor = Cursor(ts_ms=ts_ms, key=key)
    assert read_cursor(cursor.encode()) == cursor


@pytest.mark.parametrize("text", ["x", "", "eA", "MTIz", "!!!", "MTox", "é"])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(SearchInvalidError, match="no cursor"):
        read_cursor(text)
