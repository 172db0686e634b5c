"""Reports as people read them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from evaluation.drift.refusing import too_little
from evaluation.drift.sentences import amount, sentence_of, signed
from evaluation.drift.values import Contribution, DriftReport, Event, Metric, Refusal, Side
from evaluation.intervals import Interval

_AT = datetime(2026, 11, 5, 9, tzinfo=UTC)
_METRIC = Metric(name="accepted", unit="points")
_SIDE = Side(since=_AT, until=_AT, calls=100, n=100, coverage=1.0, unparsed=0.0, mean=0.8, interval=None, hours=24)
_MODEL = Event(kind="model", at=_AT, before="gpt-4o-1", after="gpt-4o-2", announced=False)
_PROMPT = Event(kind="promotion", at=_AT.replace(day=3), before="7", after="8", announced=True)
_REPORT = DriftReport(
    prompt="agent", metric=_METRIC, before=_SIDE, after=_SIDE, enough=True, change=-0.079, interval=Interval(low=-0.097, high=-0.061),
    change_at=_AT, contributions=(
        Contribution(cause="model", change=-0.08, interval=Interval(low=-0.1, high=-0.06), named=True, grade="B", event=_MODEL),
        Contribution(cause="prompt", change=0.001, interval=Interval(low=-0.009, high=0.011), named=False, grade="C", event=_PROMPT),
    ),
)  # fmt: skip


def test_the_sentence_says_what_when_why_and_what_it_was_not() -> None:
    assert sentence_of(_REPORT) == (
        "Answers scored `accepted` fell 7.9 points [6.1, 9.7] on 5 November around 09:00: the served model changed from `gpt-4o-1` to "
        "`gpt-4o-2`. The promotion of version 8 two days earlier did not contribute [-0.9, +1.1]."
    )


def test_nothing_sure_is_no_cause() -> None:
    quiet = replace(_REPORT, contributions=(), change=0.01, interval=Interval(low=-0.01, high=0.03), change_at=None)
    assert (
        sentence_of(quiet)
        == "Answers scored `accepted`: no change that can be told from chance (+1.0 points [-1.0, +3.0])."
    )


def test_too_little_is_said_with_what_it_takes() -> None:
    little = replace(
        _REPORT, enough=False, refusals=(Refusal(what="what changed", why="not enough data: you have 12"),)
    )
    assert sentence_of(little) == "Not enough data: you have 12."
    few = replace(_SIDE, n=12, mean=0.85)
    refusal = too_little(_METRIC, few, _SIDE, 0.3571, named=False)
    assert refusal is not None
    assert refusal.why == "not enough data: 1,581 scored calls per side are needed to see 5.0 points, you have 12"


def test_a_ratio_is_told_in_percent() -> None:
    latency = Metric(name="latency", unit="percent", log=True)
    assert signed(latency, 0.0953, Interval(low=0.0, high=0.1823), 1.0) == "+10.0 % [+0.0, +20.0]"
    assert amount(Metric(name="output_tokens", unit="tokens"), -31.2, 200.0) == "31 tokens"


def test_a_fingerprint_is_not_called_a_model() -> None:
    other = replace(_MODEL, kind="fingerprint", before="fp_1", after="fp_2")
    idle = Contribution(
        cause="model", change=0.001, interval=Interval(low=-0.009, high=0.011), named=False, grade="C", event=other
    )
    said = sentence_of(replace(_REPORT, contributions=(replace(idle, named=True), idle)))
    assert "the served model's fingerprint changed from `fp_1` to `fp_2`" in said
    assert "The change of the served model's fingerprint to `fp_2` at the same time did not contribute" in said


@pytest.mark.parametrize(
    ("days", "hours", "words"),
    [
        (2, 0, " two days earlier did"),
        (0, 1, " an hour earlier did"),
        (0, 26, ", 26 hours earlier, did"),
        (-14, 0, ", 14 days later, did"),
    ],
)
def test_spans_of_time_behind_a_versions_number(days: int, hours: int, words: str) -> None:
    moved = replace(_PROMPT, at=_AT - timedelta(days=days, hours=hours))
    [model, prompt] = _REPORT.contributions
    said = sentence_of(replace(_REPORT, contributions=(model, replace(prompt, event=moved))))
    assert f"The promotion of version 8{words} not contribute" in said
