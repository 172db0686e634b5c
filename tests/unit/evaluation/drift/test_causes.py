"""Which cause a report names, on small worlds where it is known."""

from typing import Any

import numpy as np
import pytest

from evaluation.drift.events import time_of
from evaluation.drift.evidence import Controls
from evaluation.drift.judging import Evidence
from evaluation.probes.values import Night, ProbeChange
from tests.unit.evaluation.drift.world import FIRST, cells_of, named, promotion, report

_AT = 14 * 24 + 9


def _calm(hour: int, kind: str, chance: np.random.Generator) -> dict[str, Any]:
    return {"version": 8 if hour >= _AT else 7}


def test_a_promotion_that_did_nothing_is_not_named_and_its_interval_holds_nothing() -> None:
    said = report(cells_of(_calm), promotion(_AT))
    assert said.enough and named(said) == set()
    [prompt] = [each for each in said.contributions if each.cause == "prompt"]
    assert prompt.interval.low < 0 < prompt.interval.high
    assert "did not contribute [" in said.sentence


def test_contributions_and_remainder_add_up_to_the_change() -> None:
    def answer(hour: int, kind: str, chance: np.random.Generator) -> dict[str, Any]:
        return {
            "version": 8 if hour >= 12 * 24 else 7,
            "model": "m-2" if hour >= _AT else "m-1",
            "good": -0.1 * (hour >= _AT),
        }

    said = report(
        cells_of(answer, shares=lambda hour: (0.2, 0.3, 0.5) if hour >= _AT else (0.5, 0.3, 0.2)), promotion(12 * 24)
    )
    assert named(said) == {"model", "mix"}
    assert said.change is not None and said.remainder_change is not None
    assert sum(each.change for each in said.contributions) + said.remainder_change == pytest.approx(said.change)


def test_another_mix_does_not_hide_what_happened_to_one_kind() -> None:
    def answer(hour: int, kind: str, chance: np.random.Generator) -> dict[str, Any]:
        return {
            "model": "m-2" if hour >= _AT else "m-1",
            "good": {"billing": 0.07, "angry": -0.6}.get(kind, 0.0) * (hour >= _AT),
        }

    said = report(cells_of(answer, shares=lambda hour: (0.5, 0.4, 0.1) if hour >= _AT else (0.2, 0.4, 0.4)))
    assert "model" in named(said)
    [angry] = [each for each in said.strata if each.stratum == "angry" and each.cause == "model"]
    assert angry.shown and angry.interval.low < -0.6 < angry.interval.high
    assert "angry -" in said.sentence


def _night(hour: int, before: int, *, changed: bool) -> ProbeChange:
    """What a probe said at an hour of the world against a night before."""
    nights = [Night(evaluation_id=str(at), at=time_of(FIRST + at)) for at in (before, hour)]
    return ProbeChange(
        slug="agent", version=7, target="agent@7", source="golden@1", before=nights[0], now=nights[1], cases=100, left_out=0, worse=20,
        better=1, measures=(), served_before=("m-1",), served_now=("m-1",), enough=True, changed=changed, sentence="",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("night", "cause", "grade"),
    [
        (_night(_AT + 20, _AT - 28, changed=True), "silent model", "A"),
        (_night(_AT + 20, _AT - 28, changed=False), "local", "C"),
        (_night(_AT - 4, _AT - 28, changed=True), "local", "C"),
    ],
)
def test_the_same_inputs_answered_otherwise_across_a_step_say_that_it_is_the_providers(night, cause, grade) -> None:
    def answer(hour: int, kind: str, chance: np.random.Generator) -> dict[str, Any]:
        return {"good": -0.12 * (hour >= _AT)}

    said = report(cells_of(answer), evidence=Evidence(design_effect=1.0, replays=(night,)))
    [step] = [each for each in said.contributions if each.named]
    assert (step.cause, step.grade) == (cause, grade)
    assert (said.next_step is None) == (grade == "A")


def test_a_step_that_nobody_recorded_is_found_and_the_promotion_before_it_is_not_blamed() -> None:
    def answer(hour: int, kind: str, chance: np.random.Generator) -> dict[str, Any]:
        return {"version": 8 if hour >= 13 * 24 else 7, "good": -0.1 * (hour >= _AT)}

    said = report(cells_of(answer), promotion(13 * 24))
    assert named(said) == {"local"}
    assert said.change_at is not None and abs((said.change_at - time_of(FIRST + _AT)).total_seconds()) <= 3 * 3600
    moved = Evidence(controls=Controls(moved=("output_tokens of other",), asked=("output_tokens of other",)))
    assert named(report(cells_of(answer), promotion(13 * 24), evidence=moved)) == {"silent model"}


def test_users_who_are_alike_make_a_step_less_sure() -> None:
    def answer(hour: int, kind: str, chance: np.random.Generator) -> dict[str, Any]:
        return {"good": -0.07 * (hour >= _AT)}

    cells = cells_of(answer)
    assert named(report(cells)) == {"local"}
    assert named(report(cells, evidence=Evidence(design_effect=20.0))) == set()


def test_a_promotion_in_the_hour_of_a_model_change_is_not_told_from_it() -> None:
    def answer(hour: int, kind: str, chance: np.random.Generator) -> dict[str, Any]:
        new = hour >= _AT
        return {"version": 8 if new else 7, "model": "m-2" if new else "m-1", "good": -0.1 * new}

    said = report(cells_of(answer), promotion(_AT))
    assert named(said) == {"prompt or model"}
    assert {each.grade for each in said.contributions if each.named} == {"X"}
    assert any("changed together" in refusal.why for refusal in said.refusals)


def test_versions_that_answer_side_by_side_are_the_best_evidence() -> None:
    def answer(hour: int, kind: str, chance: np.random.Generator) -> dict[str, Any]:
        new = hour >= _AT and not (hour < _AT + 48 and chance.random() < 0.3)
        return {"version": 8 if new else 7, "good": -0.1 * new}

    [prompt] = [each for each in report(cells_of(answer), promotion(_AT)).contributions if each.cause == "prompt"]
    assert prompt.named and prompt.grade == "A"


def test_prompt_and_model_that_depend_on_each_other_are_told_in_both_orders() -> None:
    def answer(hour: int, kind: str, chance: np.random.Generator) -> dict[str, Any]:
        version = 8 if hour >= 10 * 24 and chance.random() < 0.6 else 7
        model = "m-2" if hour >= _AT else "m-1"
        good = {(8, "m-1"): -0.15, (7, "m-2"): -0.05, (8, "m-2"): -0.45}.get((version, model), 0.0)
        return {"version": version, "model": model, "good": good}

    said = report(cells_of(answer, per_hour=60), promotion(10 * 24), since=10 * 24)
    assert named(said) == {"prompt", "model"}
    assert said.orders is not None and said.orders.interaction == pytest.approx(0.6 * -0.25, abs=0.04)


def test_another_scorer_is_not_another_quality() -> None:
    def answer(hour: int, kind: str, chance: np.random.Generator) -> dict[str, Any]:
        new = hour >= _AT
        return {"scorer": "judge:2" if new else "judge:1", "good": -0.1 * new}

    said = report(cells_of(answer))
    assert named(said) == {"scorer"}
    assert "not the answers" in said.sentence


def test_parameters_that_come_with_a_version_are_the_versions() -> None:
    def answer(hour: int, kind: str, chance: np.random.Generator) -> dict[str, Any]:
        new = hour >= _AT
        return {"version": 8 if new else 7, "params": "q" if new else "p", "good": -0.1 * new}

    assert named(report(cells_of(answer), promotion(_AT))) == {"prompt"}


def test_a_step_in_what_is_scored_is_no_step_in_the_answers() -> None:
    from dataclasses import replace

    def answer(hour: int, kind: str, chance: np.random.Generator) -> dict[str, Any]:
        return {"good": -0.15 * (hour >= _AT)}

    cells = [replace(cell, calls=cell.n * (2 if cell.hour >= FIRST + _AT else 1)) for cell in cells_of(answer)]
    said = report(cells)
    assert named(said) == set()
    assert any("50% after" in refusal.why for refusal in said.refusals)
