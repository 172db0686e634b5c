"""The table as a terminal of 100 columns shows it."""

from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO

from rich.console import Console

from evaluation.intervals import Interval
from evaluation.quality import Quality, QualityRow, Score
from evaluation.text import as_table, score_text

_SEEN = datetime(2026, 1, 1, tzinfo=UTC)
_GOOD = Score(name="helpful", kind="bool", n=120, mean=0.8333, interval=Interval(low=0.756, high=0.883), unparsed=0)
_TOPIC = Score(
    name="topic", kind="category", n=12, mean=None, interval=None, unparsed=2, labels=(("billing", 7), ("delivery", 5))
)
_ROW = QualityRow(
    version=1, model_served=None, calls=1250, errors=25, error_rate=0.02, client_left=3, scored_calls=120, coverage=0.096,
    scores=(_GOOD,), latency_p50_ms=412.4, latency_p95_ms=1890.0, first_chunk_p50_ms=80.0, input_tokens=52500,
    input_tokens_mean=42.0, output_tokens=11000, output_tokens_mean=8.84, cost=0.01234567, cost_mean=0.00001,
    unpriced_calls=2, first_seen=_SEEN, last_seen=_SEEN, channels=("stable",), recorded_calls=1250,
)  # fmt: skip
_UNKNOWN = replace(
    _ROW, version=2, calls=1, errors=0, error_rate=0.0, client_left=0, coverage=0.0, scores=(), latency_p50_ms=None,
    latency_p95_ms=None, input_tokens_mean=None, output_tokens_mean=None, cost=None, unpriced_calls=1, recorded_calls=1,
)  # fmt: skip
_QUALITY = Quality(
    prompt="support-agent", since=None, until=None, purpose="production", score=None,
    rows=(
        replace(_ROW, model_served="gpt-4o-mini-2024-07-18", calls=1000), replace(_ROW, model_served="gpt-5-nano", calls=250),
        replace(_UNKNOWN, model_served="simulator-large-2026-01"),
    ),
    totals=(replace(_ROW, scores=(_GOOD, _TOPIC)), _UNKNOWN),
)  # fmt: skip


def _print(quality: Quality) -> str:
    out = StringIO()
    Console(file=out, width=100, color_system=None).print(as_table(quality))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def test_the_table_at_a_hundred_columns() -> None:
    assert _print(_QUALITY) == (
        """\
Quality of support-agent by version

                                               score                            ms  tokens     cost
 v  model               calls  errors  scored  mean [95 %]                 p50/p95  in/out        $
 ──────────────────────────────────────────────────────────────────────────────────────────────────
 1  all 2 models         1250   25 2%     10%  helpful                    412/1890  42/8.8  0.0123*
                                                 0.83 [0.76, 0.88] n=120
                                               topic
                                                 billing 7, delivery 5
                                                 n=12 (2 unparsed)
    gpt-4o-mini-2024-0   1000   25 2%     10%  helpful                    412/1890  42/8.8  0.0123*
    7-18                                         0.83 [0.76, 0.88] n=120
    gpt-5-nano            250   25 2%     10%  helpful                    412/1890  42/8.8  0.0123*
                                                 0.83 [0.76, 0.88] n=120
 2  simulator-large-20      1       0      0%  –                               –/–     –/–        –
    26-01

3 calls ended because the client left; not counted as errors.
* without 2 calls of unknown price.\
"""
    )


def test_one_score_heads_its_column() -> None:
    first, _, last = _QUALITY.rows
    totals = (replace(_QUALITY.totals[0], scores=(_GOOD,)), _UNKNOWN)
    assert _print(replace(_QUALITY, rows=(first, last), totals=totals)) == (
        """\
Quality of support-agent by version

                                                 helpful                        ms  tokens     cost
 v  model                 calls  errors  scored  mean [95 %]               p50/p95  in/out        $
 ──────────────────────────────────────────────────────────────────────────────────────────────────
 1  gpt-4o-mini-2024-07-   1250   25 2%     10%  0.83 [0.76, 0.88] n=120  412/1890  42/8.8  0.0123*
    18
 2  simulator-large-2026      1       0      0%  –                             –/–     –/–        –
    -01

3 calls ended because the client left; not counted as errors.
* without 2 calls of unknown price.\
"""
    )


def test_a_report_without_calls_says_so() -> None:
    assert "No calls in this window." in _print(replace(_QUALITY, rows=(), totals=()))


def test_what_people_named_is_text_and_never_markup() -> None:
    odd = replace(_ROW, model_served="[bold]m[/bold]", scores=(replace(_GOOD, name="[red]"),))
    printed = _print(replace(_QUALITY, rows=(odd,), totals=(replace(odd, model_served=None),)))
    assert "[red]" in printed and "[bold]m" in printed


def test_a_share_that_is_only_near_nothing_or_all_is_not_called_so() -> None:
    near = replace(_ROW, error_rate=0.001, coverage=0.999)
    printed = _print(replace(_QUALITY, rows=(), totals=(near,)))
    assert "25 <1%" in printed and ">99%" in printed


def test_a_score_in_words() -> None:
    assert score_text(_GOOD) == "helpful 0.83 [0.76, 0.88] n=120"
    assert score_text(_TOPIC) == "topic billing 7, delivery 5 n=12 (2 unparsed)"
    assert score_text(replace(_GOOD, n=1, interval=None)) == "helpful 0.83 [–] n=1"
    assert score_text(replace(_GOOD, n=0, mean=None, interval=None, unparsed=4)) == "helpful – n=0 (4 unparsed)"


def test_what_is_estimated_is_called_so() -> None:
    assert "stimate" not in _print(_QUALITY)
    sampled = replace(_ROW, recorded_calls=145, calls=1250)
    shown = _print(replace(_QUALITY, rows=(sampled,), totals=(sampled,), exact=False))
    assert "Estimated from a sample: 145 of 1250 calls are on record" in shown
    assert "Latencies are estimates" in shown
