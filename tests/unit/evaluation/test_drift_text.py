"""A drift report as a terminal of 100 columns shows it, to a reader in Berlin."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from zoneinfo import ZoneInfo

from rich.console import Console, RenderableType

from evaluation.drift.overview import DriftOverview, Moved
from evaluation.drift.overview_text import overview_text
from evaluation.drift.reports import has_cause
from evaluation.drift.sentences import sentence_of
from evaluation.drift.text import as_text, brief, event_text, sentence_in
from evaluation.drift.values import (
    BothOrders,
    Contribution,
    DriftReport,
    Event,
    Judged,
    Metric,
    NextStep,
    Refusal,
    Side,
    StratumEffect,
)
from evaluation.intervals import Interval

_BERLIN = ZoneInfo("Europe/Berlin")
_AT = datetime(2026, 11, 5, 8, tzinfo=UTC)


def _side(since: datetime, days: int, mean: float, n: float) -> Side:
    return Side(
        since=since, until=since + timedelta(days=days), calls=2 * n, n=n, coverage=0.5, unparsed=0.01, mean=mean,
        interval=Interval(low=mean - 0.01, high=mean + 0.01), hours=24 * days,
    )  # fmt: skip


_MODEL = Event(
    kind="model", at=_AT, until=_AT + timedelta(hours=2), before="gpt-4o-05", after="gpt-4o-08", announced=False
)
_PROMOTION = Event(
    kind="promotion",
    at=_AT - timedelta(days=2),
    before="7",
    after="8",
    announced=True,
    by="ann",
    reason="kinder",
    channel="stable",
)
_DECOY = replace(_PROMOTION, kind="rollback", before="8", after="7", reason="oops")
_REPORT = DriftReport(
    prompt="support-agent",
    metric=Metric(name="accepted", unit="points"),
    before=_side(_AT - timedelta(days=14), 14, 0.84, 4_000),
    after=_side(_AT, 7, 0.76, 2_000),
    enough=True,
    change=-0.08,
    interval=Interval(low=-0.1, high=-0.06),
    contributions=(
        Contribution(
            cause="model", change=-0.079, interval=Interval(low=-0.097, high=-0.061), named=True, grade="B", event=_MODEL
        ),
        Contribution(
            cause="prompt", change=0.001, interval=Interval(low=-0.009, high=0.011), named=False, grade="A", event=_PROMOTION
        ),
    ),
    remainder=Interval(low=-0.01, high=0.006),
    remainder_change=-0.002,
    change_at=_AT,
    change_between=(_AT - timedelta(hours=2), _AT + timedelta(hours=2)),
    strata=(
        StratumEffect(
            stratum="angry", cause="model", effect=-0.3, interval=Interval(low=-0.35, high=-0.25), n_before=800, n_after=420,
            share_before=0.2, share_after=0.21, shown=True,
        ),
        StratumEffect(
            stratum="", cause="model", effect=0.01, interval=Interval(low=-0.02, high=0.04), n_before=3_200, n_after=1_580,
            share_before=0.8, share_after=0.79, shown=False,
        ),
    ),
    events=(
        Judged(event=_MODEL, counted=True),
        Judged(event=_DECOY, counted=False, why="the change came two days later"),
    ),
    refusals=(Refusal(what="how much a few users make up", why="calls name no users"),),
    next_step=NextStep(what="replay the same inputs", command="slugline probe support-agent"),
)  # fmt: skip
_REPORT = replace(_REPORT, sentence=sentence_of(_REPORT))


def _print(page: RenderableType) -> str:
    out = StringIO()
    Console(file=out, width=100, color_system=None).print(page)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def test_a_whole_report() -> None:
    sentence, _, told = _print(as_text(_REPORT, _BERLIN)).partition("\n\n\n")
    assert " ".join(sentence.split()) == sentence_in(_REPORT, _BERLIN)
    assert told == (
        """\
           from              until                 accepted [95 %]           n of calls  unparsed
   ──────────────────────────────────────────────────────────────────────────────────────────────
   before  2026-10-22 10:00  2026-11-05 09:00  84.0 % [83.0, 85.0]  4,000 of 8,000, 50%      1.0%
   after   2026-11-05 09:00  2026-11-12 09:00  76.0 % [75.0, 77.0]  2,000 of 4,000, 50%      1.0%

What made up the change

   cause           change, points [95 %]  named  evidence
   ────────────────────────────────────────────────────────────────────────────────────────────────
   model               -7.9 [-9.7, -6.1]   yes   B: before and after, all else alike, at that time
   prompt              +0.1 [-0.9, +1.1]   no    A: both at the same hours, or the same inputs
                                                 replayed
   left to chance      -0.2 [-1.0, +0.6]
   total              -8.0 [-10.0, -6.0]

When: 2026-11-05 09:00, between 2026-11-05 07:00 and 2026-11-05 11:00.

By kind of input

   stratum  cause  effect, points [95 %]  n before, after     share  told from chance
   ──────────────────────────────────────────────────────────────────────────────────
   angry    model   -30.0 [-35.0, -25.0]         800, 420  20%, 21%  yes
   (none)   model      +1.0 [-2.0, +4.0]     3,200, 1,580  80%, 79%  no

What happened meanwhile
  · 2026-11-05 09:00 to 2026-11-05 11:00 served model gpt-4o-05 → gpt-4o-08, announced by nobody:
  counted above
  · 2026-11-03 09:00 rollback to version 8 → 7 on stable, ann: oops: not counted: the change came
  two days later

Not said: how much a few users make up, because calls name no users.
What would settle it: replay the same inputs.
    slugline probe support-agent
Intervals are at 95 %; times are in CET (UTC+01:00)."""
    )


def test_the_sentence_and_every_time_are_in_the_readers_zone() -> None:
    berlin, tokyo = (_print(as_text(_REPORT, ZoneInfo(name))) for name in ("Europe/Berlin", "Asia/Tokyo"))
    assert "on 5 November around 09:00" in berlin and "times are in CET (UTC+01:00)" in berlin
    assert "on 5 November around 17:00" in tokyo and "times are in JST (UTC+09:00)" in tokyo
    assert "2026-11-05 17:00 to 2026-11-05 19:00 served model" in tokyo


def test_factors_that_depend_on_each_other_are_shown_in_both_orders() -> None:
    both = BothOrders(
        first="prompt", second="model", first_then_second=(0.1, -0.2), second_then_first=(-0.05, -0.05), shapley=(0.025, -0.125),
        interaction=0.15, interval=Interval(low=0.1, high=0.2),
    )  # fmt: skip
    told = " ".join(_print(as_text(replace(_REPORT, orders=both), UTC)).split())
    assert "prompt and model depend on each other (+15.0 points [+10.0, +20.0]), so no single split is right" in told
    assert "prompt first: prompt +10.0 points, model -20.0 points; model first: prompt -5.0 points" in told


def test_latencies_are_shown_as_milliseconds_and_per_cent() -> None:
    metric = Metric(name="latency", unit="percent", higher_is_better=False, log=True)
    slow = replace(
        _REPORT, metric=metric, before=_side(_AT - timedelta(days=14), 14, 6.0, 4_000), after=_side(_AT, 7, 6.2, 2_000), strata=(),
        change=0.2, interval=Interval(low=0.1, high=0.3), contributions=(),
    )  # fmt: skip
    told = _print(as_text(slow, UTC))
    assert "403 ms [399, 407]" in told and "493 ms [488, 498]" in told


def test_too_little_data_says_what_is_missing_and_no_more() -> None:
    little = DriftReport(
        prompt="support-agent",
        metric=Metric(name="accepted", unit="points"),
        before=replace(_REPORT.before, n=12, mean=None, interval=None),
        after=_REPORT.after,
        enough=False,
        refusals=(Refusal(what="what changed", why="not enough data: 1,581 scored calls are needed, you have 12"),),
        sentence="Not enough data: 1,581 scored calls are needed, you have 12.",
    )
    told = _print(as_text(little, UTC))
    assert told.startswith("Not enough data: 1,581 scored calls are needed, you have 12.\n")
    assert "What made up the change" not in told and "By kind of input" not in told
    assert brief(little, UTC) == "accepted: Not enough data: 1,581 scored calls are needed, you have 12."
    assert (has_cause(little), has_cause(_REPORT)) == (False, True)


def test_an_event_in_words() -> None:
    assert event_text(_PROMOTION, UTC) == "2026-11-03 08:00 promotion of version 7 → 8 on stable, ann: kinder"
    assert event_text(_MODEL, UTC) == (
        "2026-11-05 08:00 to 2026-11-05 10:00 served model gpt-4o-05 → gpt-4o-08, announced by nobody"
    )


def test_what_changed_anywhere() -> None:
    moved = Moved(
        prompt="support-agent", metric=_REPORT.metric, n_before=4_000, n_after=2_000, before=0.84, after=0.76, change=-0.08,
        interval=Interval(low=-0.1, high=-0.06), changed=True, report=_REPORT,
    )  # fmt: skip
    calm = replace(moved, prompt="other", changed=False, report=None)
    overview = DriftOverview(
        since=_AT, until=_AT + timedelta(days=7), rows=(moved, calm), too_small=(("new", "accepted"),)
    )
    told = _print(overview_text(overview, _BERLIN))
    assert told.startswith("1 metric changed from 2026-11-05 09:00 to 2026-11-12 09:00.\n\nsupport-agent · accepted\n")
    assert "around 09:00" in told and "slugline drift support-agent --metric accepted" in told
    assert "2 metrics of 2 prompts were looked at; of 1 more there are too few values to tell" in " ".join(told.split())
    nothing = _print(overview_text(replace(overview, rows=(calm,)), _BERLIN))
    assert nothing.startswith("Nothing changed from 2026-11-05 09:00 to 2026-11-12 09:00 that can be told from chance.")
