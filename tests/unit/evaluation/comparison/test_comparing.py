"""Versions compared on cells that are made by hand: what may be compared with what, and what is said of it."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from evaluation.comparison.comparing import compare
from evaluation.comparison.measures import BUILT_IN, score_measure
from evaluation.comparison.values import Cell, Measure, MetricComparison

_GOOD = score_measure("good", "bool")


def _cell(version: int, n: float, share: float, **more: object) -> Cell:
    fields: dict[str, object] = {
        "version": version, "stratum": "", "model": "m-1", "scorer": "", "block": 0, "shared": 0, "n": n, "weight_squares": n,
        "total": n * share, "squares": n * share, "calls": n, "unparsed": 0.0,
    }  # fmt: skip
    return Cell(**fields | more)  # type: ignore[arg-type]


def _compared(old: Sequence[Cell], new: Sequence[Cell], measure: Measure = _GOOD) -> MetricComparison:
    found = compare(measure, old, new, versions=(1, 2))
    assert found is not None
    return found


def test_a_clear_loss_is_worse() -> None:
    found = _compared([_cell(1, 2_000, 0.85)], [_cell(2, 2_000, 0.75)])
    assert found.verdict == "worse"
    assert found.standardised is not None and found.standardised.interval is not None
    assert found.standardised.change == pytest.approx(-0.1)
    assert found.standardised.interval.low < -0.1 < found.standardised.interval.high < 0


def test_no_difference_is_told_by_the_interval_and_never_by_a_lack_of_data() -> None:
    few = _compared([_cell(1, 212, 0.85)], [_cell(2, 212, 0.85)])
    assert few.verdict == "not_enough_data"
    assert few.why == "409 values per version are needed to see 10 points, you have 212"
    more = _compared([_cell(1, 1_000, 0.85)], [_cell(2, 1_000, 0.85)])
    assert more.why == "1,581 values per version are needed to see 5 points, you have 1,000"
    assert _compared([_cell(1, 20_000, 0.85)], [_cell(2, 20_000, 0.85)]).verdict == "no_difference"
    small = _compared([_cell(1, 200_000, 0.85)], [_cell(2, 200_000, 0.843)])
    assert small.verdict == "no_difference"  # surely there, and smaller than what counts as one


def test_the_direction_decides_what_is_worse() -> None:
    old, new = [_cell(1, 5_000, 0.01)], [_cell(2, 5_000, 0.05)]
    assert _compared(old, new, BUILT_IN["error_rate"]).verdict == "worse"
    assert _compared(old, new).verdict == "better"
    assert _compared(old, new, BUILT_IN["refusal_rate"]).verdict == "higher"


def test_another_mix_is_no_difference_and_the_strata_show_what_it_hides() -> None:
    """The share of primes goes from 80 % to 20 %, and the model from 97.6 % to 2.4 % on them, from 70.4 % to 99.8 % on composites."""
    old = [_cell(1, 8_000, 0.976, stratum="prime"), _cell(1, 2_000, 0.704, stratum="composite")]
    new = [_cell(2, 2_000, 0.024, stratum="prime"), _cell(2, 8_000, 0.998, stratum="composite")]
    found = _compared(old, new)
    assert found.raw.change == pytest.approx(-0.1184)
    assert found.standardised is not None
    assert found.standardised.change == pytest.approx(0.8 * -0.952 + 0.2 * 0.294)
    assert {each.stratum: round(each.difference.change, 3) for each in found.strata} == {
        "prime": -0.952,
        "composite": 0.294,
    }
    assert found.worst is not None and found.worst.stratum == "prime" and found.worst.shown
    same_mix = _compared(old, [_cell(2, 2_000, 0.976, stratum="prime"), _cell(2, 8_000, 0.704, stratum="composite")])
    assert same_mix.raw.change == pytest.approx(-0.1632)
    assert same_mix.standardised is not None and same_mix.standardised.change == pytest.approx(0, abs=1e-9)


def test_a_stratum_that_lost_is_named_where_the_whole_did_not() -> None:
    old = [_cell(1, 9_000, 0.8, stratum="calm"), _cell(1, 1_000, 0.8, stratum="angry")]
    new = [_cell(2, 9_000, 0.85, stratum="calm"), _cell(2, 1_000, 0.6, stratum="angry")]
    found = _compared(old, new)
    assert (found.verdict, found.but) == ("better", ("angry",))


def test_strata_that_only_the_baseline_has_are_not_passed_over() -> None:
    old = [_cell(1, 800, 0.8, stratum="calm"), _cell(1, 200, 0.2, stratum="angry")]
    found = _compared(old, [_cell(2, 1_000, 0.9, stratum="calm")])
    assert found.verdict == "not_enough_data"
    assert found.why == "'angry', 20% of version 1's values, has fewer than 30 on one side"


def test_small_strata_are_looked_at_together() -> None:
    old = [_cell(1, 2_000, 0.8, stratum="calm"), *(_cell(1, 10, 0.8, stratum=f"s{i}") for i in range(6))]
    new = [_cell(2, 2_000, 0.8, stratum="calm"), *(_cell(2, 10, 0.8, stratum=f"s{i}") for i in range(6))]
    assert [each.stratum for each in _compared(old, new).strata] == ["calm", "other"]


def test_calls_of_the_same_hours_are_preferred() -> None:
    """The model got worse at block 40, long after version 2 took over; a hold-back shows that version 2 is as good as version 1."""
    old = [_cell(1, 500, 0.9, block=block) for block in range(40)]
    old += [_cell(1, 200, 0.6, block=block, shared=2) for block in range(40, 60)]
    new = [_cell(2, 500, 0.6, block=block, shared=2) for block in range(40, 60)]
    found = _compared(old, new)
    assert (found.basis.design, found.basis.same_channel) == ("concurrent", True)
    assert found.raw.change == pytest.approx(-0.25)
    assert found.standardised is not None and found.standardised.change == pytest.approx(0)
    other = _compared(
        [replace(cell, shared=min(cell.shared, 1)) for cell in old], [replace(cell, shared=1) for cell in new]
    )
    assert (other.basis.design, other.basis.same_channel) == ("concurrent", False)
    assert "the calls came by different channels, so by different callers" in other.notes
    apart = _compared(old, [replace(cell, shared=0) for cell in new])
    assert apart.basis.design == "before/after"
    assert any("slugline drift" in note for note in apart.notes)


def test_a_share_that_grows_while_quality_changes_for_everybody_is_no_difference() -> None:
    """Version 2 gets 5 % of calls while both do well, and half of them when both do badly."""
    old = [_cell(1, 950, 0.9, block=block, shared=2) for block in range(10)]
    old += [_cell(1, 500, 0.6, block=block, shared=2) for block in range(10, 20)]
    new = [_cell(2, 50, 0.9, block=block, shared=2) for block in range(10)]
    new += [_cell(2, 500, 0.6, block=block, shared=2) for block in range(10, 20)]
    found = _compared(old, new)
    assert found.raw.change < -0.1
    assert found.standardised is not None and found.standardised.change == pytest.approx(0)
    lost = [replace(cell, total=cell.total - 0.1 * cell.n, squares=cell.squares - 0.1 * cell.n) for cell in new]
    worse = _compared(old, lost)
    assert worse.standardised is not None and worse.standardised.change == pytest.approx(-0.1)
    assert worse.verdict == "worse"


def test_only_models_that_answered_both_are_compared() -> None:
    old = [_cell(1, 1_000, 0.9, model="m-1"), _cell(1, 1_000, 0.5, model="m-2")]
    found = _compared(old, [_cell(2, 1_000, 0.5, model="m-2")])
    assert found.standardised is not None and found.standardised.change == pytest.approx(0)
    assert found.basis.same_model and found.baseline.models == ("m-2",)
    apart = _compared([_cell(1, 1_000, 0.9, model="m-1")], [_cell(2, 1_000, 0.5, model="m-2")])
    assert not apart.basis.same_model
    assert "different models answered: the difference is of prompt and model together" in apart.notes


def test_models_that_answered_both_in_other_shares_make_no_difference() -> None:
    old = [_cell(1, 1_800, 0.9, model="m-1"), _cell(1, 200, 0.5, model="m-2")]
    new = [_cell(2, 200, 0.9, model="m-1"), _cell(2, 1_800, 0.5, model="m-2")]
    found = _compared(old, new)
    assert found.raw.change == pytest.approx(-0.32)
    assert found.standardised is not None and found.standardised.change == pytest.approx(0)


def test_a_stratum_must_hold_against_chance_however_many_there_are() -> None:
    """A loss of 18 points in one of n strata of 100 values each: 0.002 by itself, twenty times that among twenty."""

    def angry(strata: int) -> bool:
        names = ["angry", *(f"calm {number}" for number in range(strata - 1))]
        old = [_cell(1, 100, 0.8, stratum=name) for name in names]
        new = [_cell(2, 100, 0.61 if name == "angry" else 0.8, stratum=name) for name in names]
        (found,) = [each for each in _compared(old, new).strata if each.stratum == "angry"]
        return found.shown

    assert (angry(2), angry(20)) == (True, False)


def test_what_is_scored_differently_is_not_compared() -> None:
    others = _compared([_cell(1, 1_000, 0.9, scorer="judge:1")], [_cell(2, 1_000, 0.5, scorer="judge:2")])
    assert (others.verdict, others.why) == (
        "not_enough_data",
        "version 1 was scored by judge:1, version 2 by judge:2",
    )
    # Calls and scores come in cells of their own. The first judge was at work for block 0, the second one since.
    both = [
        _cell(1, 1_000, 0.9, scorer="judge:1", calls=0),
        _cell(1, 0, 0, calls=1_500),
        _cell(1, 1_000, 0.5, scorer="judge:2", calls=0, block=1),
        _cell(1, 0, 0, calls=1_500, block=1),
    ]
    found = _compared(both, [_cell(2, 1_000, 0.5, scorer="judge:2", calls=1_500, block=2)])
    assert found.standardised is not None and found.standardised.change == pytest.approx(0)
    assert (found.baseline.coverage, found.candidate.coverage) == (pytest.approx(2 / 3), pytest.approx(2 / 3))


def test_who_is_scored_must_not_differ() -> None:
    found = _compared([_cell(1, 1_000, 0.9, calls=1_000)], [_cell(2, 1_000, 0.5, calls=5_000)])
    assert found.verdict == "not_enough_data"
    assert (
        found.why
        == "100% of version 1's and 20% of version 2's calls have a value: too far apart to be calls of one kind"
    )


def test_values_of_one_day_that_resemble_each_other_widen_the_interval() -> None:
    chance = random.Random(3)

    def days(version: int, first: int, spread: float) -> list[Cell]:
        return [
            _cell(version, 100, 0.8 + spread * chance.choice((-1, 1)), block=4 * day + part)
            for day in range(first, first + 14)
            for part in range(4)
        ]

    calm, rough = (_compared(days(1, 0, spread), days(2, 14, spread)) for spread in (0.01, 0.15))
    assert (calm.design_effect, rough.design_effect > 5) == (1.0, True)
    widths = [each.standardised.interval for each in (calm, rough) if each.standardised]
    assert widths[0] and widths[1]
    assert widths[1].high - widths[1].low > 2 * (widths[0].high - widths[0].low)
    assert rough.needed[0].n > 5 * calm.needed[0].n * 0.9


def test_a_few_days_say_that_what_days_differ_by_is_not_in_the_interval() -> None:
    def told(days: int, shared: int) -> str:
        old = [_cell(1, 500, 0.85, block=4 * day, shared=shared) for day in range(days)]
        late = 0 if shared else 4 * days
        return " ".join(_compared(old, [replace(cell, version=2, block=cell.block + late) for cell in old]).notes)

    assert "fewer than 8 days: what days differ by is not in the interval" in told(3, 0)
    assert "fewer than 8" not in told(4, 0)
    # Days are the same for both where both are there in all of them.
    assert "fewer than 8 six-hour blocks" in told(3, 2)
    assert "fewer than 8" not in told(8, 2)


def test_calls_of_a_sample_count_for_what_they_know() -> None:
    whole = _compared([_cell(1, 2_000, 0.85)], [_cell(2, 2_000, 0.8)])
    tenth = _compared([_cell(1, 2_000, 0.85, weight_squares=20_000)], [_cell(2, 2_000, 0.8, weight_squares=20_000)])
    assert whole.standardised and tenth.standardised and whole.standardised.interval and tenth.standardised.interval
    assert tenth.standardised.change == pytest.approx(whole.standardised.change)
    assert tenth.standardised.interval.low < whole.standardised.interval.low
    assert (whole.verdict, tenth.verdict) == ("worse", "not_enough_data")
    assert tenth.why.endswith("you have 200")
    few = _compared([_cell(1, 400, 0.85, weight_squares=4_000)], [_cell(2, 2_000, 0.1)])
    assert few.why == "version 1 has 40 values, and 100 are the least"


def test_latencies_are_ratios() -> None:
    # ln 100 ms and ln 150 ms, each with a standard deviation of 0.5.
    old = [_cell(1, 5_000, 0, total=5_000 * 4.605, squares=5_000 * (4.605**2 + 0.25))]
    new = [_cell(2, 5_000, 0, total=5_000 * 5.0106, squares=5_000 * (5.0106**2 + 0.25))]
    found = _compared(old, new, BUILT_IN["latency"])
    assert found.standardised is not None
    assert (found.verdict, found.standardised.change) == ("worse", pytest.approx(0.5, abs=0.001))
    assert (found.baseline.mean, found.candidate.mean) == (pytest.approx(100, abs=0.1), pytest.approx(150, abs=0.1))


def test_costs_are_told_from_days_alone() -> None:
    cost = BUILT_IN["cost"]
    one_day = _compared([_cell(1, 1_000, 0.01)], [_cell(2, 1_000, 0.02)], cost)
    assert (one_day.verdict, one_day.why) == ("not_enough_data", "too few days to tell an interval")
    old = [_cell(1, 100, 0.01 + 0.0001 * (block % 3), block=block) for block in range(40)]
    new = [_cell(2, 100, 0.02 + 0.0001 * (block % 3), block=block + 40) for block in range(40)]
    assert _compared(old, new, cost).verdict == "worse"


def test_nothing_is_compared_that_one_version_does_not_have() -> None:
    assert compare(_GOOD, [_cell(1, 100, 0.5)], [_cell(2, 0, 0.0, calls=50)], versions=(1, 2)) is None
