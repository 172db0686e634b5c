"""Policies: how they are read and written, and what they make of facts as they lie in the database."""

import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import PromptInvalidError
from registry.facts import cases_needed
from registry.policy import Policy, Watch, decide, read_policy, write_policy

GOLDEN = Policy(dataset="golden")
LEVELS = (0.8, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999, 0.9995)


def bounds(low: float, high: float, step: float = 0.0) -> list[dict[str, float]]:
    """One-sided bounds, further out by a step a level."""
    return [{"confidence": each, "low": low - i * step, "high": high + i * step} for i, each in enumerate(LEVELS)]


def facts(**about: Any) -> dict[str, Any]:
    """Facts as JSON, of an evaluation where both versions are alike."""
    target = {"label": "support@2", "slug": "support", "version": 2, "model": None}
    arm = {"target": target, "cases": 100, "attempts": 100, "undecided": 0, "missing": 0, "pass_rate": 0.9}
    alike = {"estimate": 0.0, "pairs": 100, "left_out": 0, "sd": 0.2, "p_worse": 0.5, "bounds": bounds(-0.03, 0.03)}
    return {
        "format": 1,
        "dataset": "golden",
        "dataset_number": 3,
        "repeats": 1,
        "candidate": arm,
        "baseline": {**arm, "target": {**target, "label": "support@1", "version": 1}},
        "difference": alike,
        "metrics": {"similar": {"candidate": {"mean": 0.82}}},
        "must_pass": {"cases": 2, "failed": []},
        "cost": None,
        "latency": None,
        "length": {"ratio": 1.05, "candidate": 21.0, "baseline": 20.0, "bounds": bounds(1.0, 1.1)},
        **about,
    }


def difference(estimate: float, low: float, high: float, **about: Any) -> dict[str, Any]:
    return facts(difference={**facts()["difference"], "estimate": estimate, "bounds": bounds(low, high), **about})


@pytest.mark.parametrize(
    ("known", "outcome", "said"),
    [
        (
            difference(0.0, -0.03, 0.03),
            "pass",
            "it is worse by less than 5 % of cases, if at all (+0.0 points against support@1",
        ),
        (difference(-0.03, -0.049, -0.01, p_worse=0.001), "pass", "if at all (-3.0 points"),
        (difference(-0.03, -0.05, 0.01), "not_enough_cases", "it may be worse by 5 % of cases, and 5 % are allowed"),
        (
            difference(-0.1, -0.2, -0.01, p_worse=0.01),
            "fail",
            "it is worse (-10.0 points against support@1 on 100 cases",
        ),
        (difference(-0.1, -0.2, 0.0, p_worse=0.01), "not_enough_cases", "it may be worse by 20 % of cases"),
        (difference(-0.1, -0.2, -0.01, p_worse=0.03), "not_enough_cases", "it may be worse by 20 % of cases"),
        (facts(difference=None), "not_enough_cases", "nothing compares it with support@1"),
    ],
)
def test_the_difference_decides(known: dict[str, Any], outcome: str, said: str) -> None:
    found = decide(GOLDEN, known)
    assert found.outcome == outcome
    assert said in found.reasons[0]


def test_the_margin_is_the_policys() -> None:
    known = difference(0.0, -0.08, 0.08)
    assert decide(GOLDEN, known).outcome == "not_enough_cases"
    assert decide(replace(GOLDEN, margin=0.1), known).outcome == "pass"
    assert decide(replace(GOLDEN, margin=0.0), difference(0.1, 0.01, 0.2)).outcome == "pass"


def test_the_confidence_is_the_policys_and_one_between_levels_is_read_at_the_next() -> None:
    known = facts(difference={**facts()["difference"], "bounds": bounds(-0.02, 0.02, step=0.01)})
    found = {each: decide(replace(GOLDEN, confidence=each), known).outcome for each in (0.8, 0.9, 0.95, 0.96, 0.99)}
    assert found == {0.8: "pass", 0.9: "pass", 0.95: "pass", 0.96: "not_enough_cases", 0.99: "not_enough_cases"}
    few = facts(difference={**facts()["difference"], "bounds": bounds(-0.02, 0.02)[:3]})
    assert decide(GOLDEN, few).reasons == ("nothing compares it with support@1 at a confidence of 0.95",)


def test_cases_that_must_pass_fail_it_whatever_else_holds() -> None:
    failed = [{"name": f"case {i}", "reason": "equals: no"} for i in range(25)]
    known = facts(must_pass={"cases": 30, "failed": failed})
    for policy in (GOLDEN, replace(GOLDEN, uncertain="allow", margin=1.0)):
        found = decide(policy, known)
        assert found.outcome == "fail"
        assert found.reasons[0].startswith(
            "25 of 30 cases that must pass failed: case 0 (equals: no); case 1 (equals: no);"
        )
        assert found.reasons[0].endswith("case 19 (equals: no); and 5 more")


@pytest.mark.parametrize(
    ("policy", "known", "said"),
    [
        (GOLDEN, facts(candidate={**facts()["candidate"], "undecided": 1}), "could not decide on 1 of 100 answers"),
        (GOLDEN, facts(candidate={**facts()["candidate"], "missing": 4}), "4 of 100 answers are missing"),
        (GOLDEN, facts(candidate={**facts()["candidate"], "cases": 0}), "no case was judged"),
        (replace(GOLDEN, repeats=3), facts(), "each case was asked once, and the policy asks for 3 times"),
        (Policy(dataset="other"), facts(), "the evaluation is on golden@3, and the policy asks for other"),
        (Policy(dataset="golden@4"), facts(), "the evaluation is on golden@3, and the policy asks for golden@4"),
        (replace(GOLDEN, metrics={"simlar": 0.5}), facts(), "no check gave a metric 'simlar'; did you mean 'similar'?"),
        (replace(GOLDEN, max_cost_increase=0.1), facts(), "its cost can't be compared"),
    ],
)
def test_what_was_not_judged_is_never_a_pass(policy: Policy, known: dict[str, Any], said: str) -> None:
    for each in (policy, replace(policy, uncertain="allow")):
        found = decide(each, known)
        assert found.outcome == "not_enough_cases"
        assert said in found.reasons[0]


def test_allowing_what_is_uncertain_still_refuses_what_was_measured_outside() -> None:
    allow = replace(GOLDEN, uncertain="allow")
    found = decide(allow, difference(-0.04, -0.1, 0.02))
    assert found.outcome == "pass"
    assert found.reasons[0].endswith("the policy allows what is uncertain")
    assert decide(allow, difference(-0.06, -0.1, 0.02)).outcome == "not_enough_cases"
    assert decide(allow, difference(-0.1, -0.2, -0.01, p_worse=0.001)).outcome == "fail"


@pytest.mark.parametrize(
    ("asked", "outcome"),
    [
        ({"min_pass_rate": 0.9}, "pass"),
        ({"min_pass_rate": 0.91}, "fail"),
        ({"metrics": {"similar": 0.82}}, "pass"),
        ({"metrics": {"similar": 0.83}}, "fail"),
        ({"max_length_increase": 0.1}, "pass"),
        ({"max_length_increase": 0.07}, "not_enough_cases"),
    ],
)
@pytest.mark.parametrize("against", [True, False])
def test_thresholds(asked: dict[str, Any], outcome: str, against: bool) -> None:
    known = facts() if against else facts(baseline=None, difference=None, length=None)
    expected = outcome if against or "max_length_increase" not in asked else "pass"
    assert decide(replace(GOLDEN, **asked), known).outcome == expected


@pytest.mark.parametrize(
    ("low", "high", "ratio", "outcome"),
    [
        (1.0, 1.2, 1.1, "pass"),
        (1.0, 1.21, 1.1, "not_enough_cases"),
        (1.21, 1.4, 1.3, "fail"),
        (1.2, 1.4, 1.3, "not_enough_cases"),
    ],
)
@pytest.mark.parametrize("name", ["cost", "latency", "length"])
def test_increases(name: str, low: float, high: float, ratio: float, outcome: str) -> None:
    known = facts(**{name: {"ratio": ratio, "candidate": ratio, "baseline": 1.0, "bounds": bounds(low, high)}})
    found = decide(replace(GOLDEN, **{f"max_{name}_increase": 0.2}), known)
    assert found.outcome == outcome
    assert f"its {name} is {ratio:.2f} times the baseline's" in " ".join(found.reasons)


def test_without_baseline_and_thresholds_it_says_that_nothing_was_asked() -> None:
    found = decide(GOLDEN, facts(baseline=None, difference=None))
    assert (found.outcome, found.reasons) == ("pass", ("there is nothing to compare it with, and no threshold is set",))


@pytest.mark.parametrize("given", [None, 2, "1", True, 1.5])
def test_facts_of_another_format_are_refused(given: Any) -> None:
    with pytest.raises(PromptInvalidError, match="and this Slugline reads format 1"):
        decide(GOLDEN, facts(format=given))


@pytest.mark.parametrize("name", ["dataset", "repeats", "candidate", "baseline", "difference", "metrics", "must_pass"])
def test_facts_that_lack_something_are_refused_by_name(name: str) -> None:
    known = facts()
    for broken in ({key: value for key, value in known.items() if key != name}, {**known, name: [1]}):
        with pytest.raises(PromptInvalidError, match=f"no usable '{name}'"):
            decide(GOLDEN, broken)


def test_needed_grows_with_noise_and_falls_with_the_margin() -> None:
    def needed(**about: float) -> int | None:
        return cases_needed(**{"sd": 0.4, "estimate": 0.0, "cases": 50, "margin": 0.05, "confidence": 0.95, **about})

    usual = needed()
    assert usual is not None
    assert 380 <= usual <= 420  # ((1.645 + 0.842) * 0.4 / 0.05)² = 396
    assert needed(sd=0.6) > usual > needed(sd=0.2) > needed(sd=0.0)  # type: ignore[operator]
    assert needed(margin=0.1) < usual < needed(confidence=0.99)  # type: ignore[operator]
    assert needed(margin=0.0) is None
    assert needed(cases=1000, estimate=-0.02) > 1000  # type: ignore[operator]


@given(
    st.builds(
        Policy,
        dataset=st.sampled_from(["golden", "golden@3"]),
        margin=st.floats(0, 1),
        confidence=st.floats(0.8, 0.999),
        min_pass_rate=st.none() | st.floats(0, 1),
        metrics=st.dictionaries(st.text(min_size=1, max_size=9), st.floats(0, 1), max_size=3),
        max_age_hours=st.floats(1, 10_000),
        max_cost_increase=st.none() | st.floats(0, 10),
        repeats=st.integers(1, 100),
        uncertain=st.sampled_from(["refuse", "allow"]),
        watch=st.none()
        | st.builds(
            Watch,
            scores=st.lists(st.text(min_size=1, max_size=9), min_size=1, max_size=3, unique=True).map(tuple),
            margin=st.floats(0, 10),
            days=st.floats(1, 30),
            then=st.sampled_from(["tell", "roll back"]),
        ),
    )
)
def test_a_policy_survives_being_written(policy: Policy) -> None:
    written = write_policy(policy)
    assert set(written) == {each.name for each in fields(Policy)}
    assert read_policy(orjson.loads(orjson.dumps(written))) == policy


def test_a_dataset_is_all_that_a_policy_must_name() -> None:
    assert read_policy({"dataset": "golden"}) == GOLDEN
    pinned = read_policy({"dataset": "golden@3"})
    assert (pinned.dataset_name, pinned.dataset_number, GOLDEN.dataset_number) == ("golden", 3, None)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "'policy' is an object with the fields dataset, margin"),
        ({}, "'policy.dataset' names a dataset"),
        ({"dataset": "Golden set"}, "'policy.dataset' is no name of a dataset"),
        ({"dataset": "golden@stable"}, "'policy.dataset' takes a number after '@', such as 'golden@3', not 'stable'"),
        ({"dataset": "golden", "margn": 0.1}, "'margn' is not a field of a policy; did you mean 'margin'?"),
        ({"dataset": "golden", "margin": 5}, "'policy.margin' is a number from 0 to 1, not 5"),
        ({"dataset": "golden", "margin": True}, "'policy.margin' is a number from 0 to 1, not True"),
        ({"dataset": "golden", "margin": float("nan")}, "'policy.margin' is a number"),
        ({"dataset": "golden", "margin": None}, "'policy.margin' is a number"),
        ({"dataset": "golden", "confidence": 95}, "'policy.confidence' is a number from 0.8 to 0.999, not 95"),
        ({"dataset": "golden", "min_pass_rate": "90%"}, "'policy.min_pass_rate' is a number from 0 to 1, not '90%'"),
        (
            {"dataset": "golden", "metrics": ["similar"]},
            "'policy.metrics' gives at most 100 metrics their least mean score",
        ),
        ({"dataset": "golden", "metrics": {"similar": 8}}, "'policy.metrics.similar' is a number from 0 to 1, not 8"),
        ({"dataset": "golden", "max_age_hours": 0}, "'policy.max_age_hours' is a number from 0.01"),
        ({"dataset": "golden", "max_cost_increase": -0.1}, "'policy.max_cost_increase' is a number from 0"),
        ({"dataset": "golden", "repeats": 0}, "'policy.repeats' is a whole number from 1 to 100, not 0"),
        ({"dataset": "golden", "repeats": 2.0}, "'policy.repeats' is a whole number from 1 to 100, not 2.0"),
        (
            {"dataset": "golden", "watch": {"score": ["x"]}},
            "'policy.watch' is an object with the fields scores, margin",
        ),
        ({"dataset": "golden", "watch": {"scores": []}}, "'policy.watch.scores' names the scores to look at"),
        ({"dataset": "golden", "watch": {"scores": "x"}}, "'policy.watch.scores' names the scores to look at"),
        (
            {"dataset": "golden", "watch": {"scores": ["x"], "then": "shout"}},
            "'policy.watch.then' is 'tell' or 'roll back', not 'shout'",
        ),
        ({"dataset": "golden", "watch": {"scores": ["x"], "days": 0}}, "'policy.watch.days' is a number from 0.05"),
        ({"dataset": "golden", "uncertain": "maybe"}, "'policy.uncertain' is 'refuse' or 'allow', not 'maybe'"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_by_field(given: Any, said: str) -> None:
    with pytest.raises(PromptInvalidError) as refused:
        read_policy(given)
    assert said in refused.value.message
    assert refused.value.param is not None
    assert refused.value.message.startswith(f"'{refused.value.param}'")


def test_the_guide_shows_a_policy_that_can_be_read_and_every_field_with_its_default() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "gates.md").read_text()
    example, watch = re.findall(r"```json\n(.*?)```", guide, re.DOTALL)
    assert read_policy(orjson.loads(example)).metrics == {"similar": 0.8}
    watched = read_policy({"dataset": "golden", **orjson.loads(watch)}).watch
    assert watched == Watch(scores=("helpful", "json_valid"), then="roll back")
    rows = re.findall(r"^\| (`.+?) \|.*\| (.+?) \|$", guide.partition("## What comes out")[0], re.MULTILINE)
    shown = {name: default for names, default in rows for name in re.findall(r"`(\w+)`", names)}
    usual = {**write_policy(GOLDEN), "dataset": "required"}
    assert shown == {
        name: "none"
        if value in (None, {})
        else f"`{value}`"
        if name == "uncertain"
        else f"{value:g}"
        if name != "dataset"
        else value
        for name, value in usual.items()
    }
