"""A comparison as a terminal of 100 columns shows it, and numbers in each metric's unit."""

from io import StringIO

import pytest
from rich.console import Console

from evaluation.comparison.comparing import compare
from evaluation.comparison.measures import BUILT_IN, score_measure
from evaluation.comparison.text import as_text, sentence
from evaluation.comparison.values import Cell, Comparison, Difference, VersionComparison
from evaluation.comparison.wording import difference_text, mean_text, size_text
from evaluation.drift.values import Metric
from evaluation.intervals import Interval

_DIFFERENCE = Difference(change=0.0513, interval=Interval(low=-0.0012, high=0.1049))


def _cell(version: int, stratum: str, n: float, share: float) -> Cell:
    return Cell(
        version=version, stratum=stratum, model="m-1", scorer="", block=80_000 + version, shared=0, n=n, weight_squares=n,
        total=n * share, squares=n * share, calls=2 * n, unparsed=n / 100,
    )  # fmt: skip


def _comparison() -> Comparison:
    old = [_cell(7, "calm", 4_000, 0.9), _cell(7, "angry", 1_000, 0.8)]
    new = [_cell(8, "calm", 2_000, 0.93), _cell(8, "angry", 2_000, 0.5)]
    found = [
        compare(measure, old, new, versions=(7, 8))
        for measure in (score_measure("accepted", "bool"), BUILT_IN["refusal_rate"])
    ]
    metrics = tuple(each for each in found if each is not None)
    return Comparison(
        prompt="support-agent",
        baseline=7,
        channel="stable",
        versions=(VersionComparison(version=8, metrics=metrics),),
        not_compared=(1, 2),
    )


def test_the_page_at_a_hundred_columns() -> None:
    out = StringIO()
    Console(file=out, width=100, color_system=None).print(as_text(_comparison()))
    told = "\n".join(line.rstrip() for line in out.getvalue().splitlines())
    assert told == (
        """\
Version 8 against version 7 (stable): worse in accepted; lower refusal_rate.

                   version 7      version 8               like with like
 metric          n, coverage    n, coverage  as it is             [99 %]  verdict
 ────────────────────────────────────────────────────────────────────────────────
 accepted             88.0 %         71.5 %     -16.5  -3.6 [-5.4, -1.9]  worse
                  5,000, 50%     4,000, 50%
               1.0% unparsed  1.0% unparsed
 refusal_rate         88.0 %         71.5 %     -16.5  -3.6 [-5.4, -1.9]  lower
                  5,000, 50%     4,000, 50%
               1.0% unparsed  1.0% unparsed

· before/after, the same models, 2024-10-05 to 2024-10-06 (UTC)
· whatever else changed in between is in the difference; `slugline drift` takes that apart
· the calls lie within fewer than 8 days: what days differ by is not in the interval, so verdicts
err more often
· accepted: the stratum that did worst is 'angry': -30.0 [-34.2, -25.5] points, n 1,000 and 2,000
· refusal_rate: the stratum that moved most is 'angry': -30.0 [-34.2, -25.5] points, n 1,000 and
2,000

Older versions were not compared: 1, 2. --against compares with another one."""
    )


def test_nothing_to_compare_is_said() -> None:
    out = StringIO()
    alone = Comparison(prompt="p", baseline=7, channel="", versions=())
    Console(file=out, width=100, color_system=None).print(as_text(alone))
    assert out.getvalue().startswith("Nothing to compare: version 7 alone answered calls in this window.")
    none = VersionComparison(version=8, metrics=())
    assert sentence(alone, none) == "Version 8 against version 7: no values in common."


@pytest.mark.parametrize(
    ("metric", "margin", "mean", "difference", "size"),
    [
        (Metric(name="a", unit="points"), 0.02, "5.1 %", "+5.1 [-0.1, +10.5] points", "5.13 points"),
        (Metric(name="a", unit="percent", log=True), 0.05, "0.051 ms", "+5.1 [-0.1, +10.5] %", "5.13 %"),
        (Metric(name="a", unit="score"), 0.05, "0.0513", "+0.05 [-0.00, +0.10]", "0.051"),
        (Metric(name="a", unit="tokens"), 5.0, "0.1", "+0 [-0, +0] tokens", "0.051 tokens"),
        (Metric(name="a", unit="dollars"), 5e-5, "$0.0513", "+0.05130 [-0.00120, +0.10490] dollars", "$0.0513"),
    ],
)
def test_each_unit(metric: Metric, margin: float, mean: str, difference: str, size: str) -> None:
    assert mean_text(metric, 0.0513) == mean
    assert difference_text(metric, _DIFFERENCE, margin) == difference
    assert size_text(metric, 0.0513) == size


def test_small_costs_are_never_powers_of_ten() -> None:
    assert size_text(Metric(name="cost", unit="dollars"), 0.0000499999) == "$0.00005"
    assert size_text(Metric(name="a", unit="points"), 0.01) == "1 point"
