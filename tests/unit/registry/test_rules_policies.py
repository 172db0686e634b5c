"""What a channel with policies asks for before a version gets onto it: sentences, and what to run."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.evidence import Evidence
from registry.policy import Policy
from registry.rules import Rule, Standing, missing, strictest
from tests.unit.registry.test_policy import difference, facts

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GATE = "run `slugline gate support --candidate 2 --channel stable`"
RULE = Rule(slug="support", channel="stable", policy=Policy(dataset="golden"))


def lacking(rule: Rule = RULE, *, live: int | None = 1, now: datetime | None = NOW, **about: Any) -> list[str]:
    """What version 2 lacks, whose evidence on every policy's dataset is the same."""
    known = {"facts": {**facts(), "slug": "support"}, "at": NOW - timedelta(hours=1), "newest": 3, **about}
    evidence = {policy.dataset: Evidence(**known) for policy in rule.asked}
    standing = Standing(makers=[], approvers=[], evidence=evidence, live=live, now=now)
    return missing(strictest([rule], "support", "stable"), standing, 2)


def test_good_evidence_is_all_that_is_asked() -> None:
    assert RULE.protects
    assert lacking() == []
    assert lacking(live=None) == []
    assert lacking(live=2) == []


def test_no_evaluation_names_the_command_that_makes_one() -> None:
    for about in ({"facts": None}, {"at": None}):
        assert lacking(**about) == [
            f"version 2 has not been evaluated on golden, and the channel asks for that: {GATE}",
        ]
    standing = Standing(makers=[], approvers=[], now=NOW)
    assert "dataset 'golden', which doesn't exist" in missing(RULE, standing, 2)[0]


@pytest.mark.parametrize(
    ("about", "said"),
    [
        (
            {"newest": None},
            "an evaluation on dataset 'golden', which doesn't exist: save it with `slugline dataset save golden FILE`",
        ),
        ({"newest": 5}, f"version 2 was evaluated on golden@3, and it is golden@5 now: {GATE}"),
        ({"live": 7}, f"version 2 was compared with support@1, and version 7 is on the channel now: {GATE}"),
        (
            {"facts": facts(baseline=None, difference=None)},
            f"version 2 was compared with nothing, and version 1 is on the channel now: {GATE}",
        ),
        (
            {"at": NOW - timedelta(hours=200)},
            f"the evaluation of version 2 is 200 hours old, and at most 168 are allowed: {GATE}",
        ),
        ({"now": None}, f"it isn't known how old the evaluation of version 2 is: {GATE}"),
        ({"facts": facts(format=9)}, f"the evaluation's facts have format 9, and this Slugline reads format 1: {GATE}"),
        ({"facts": {"format": 1}}, f"the evaluation's facts have no usable 'candidate': {GATE}"),
    ],
)
def test_evidence_of_something_else_is_none(about: dict[str, Any], said: str) -> None:
    (sentence,) = lacking(**about)
    assert said in sentence


@pytest.mark.parametrize(
    ("target", "named"),
    [
        ({"slug": "support", "version": 3, "model": None}, "support@3"),
        ({"slug": "other", "version": 2, "model": None}, "other@2"),
        ({"slug": "support", "version": 2, "model": "gpt-5-mini"}, "support@2 on gpt-5-mini"),
    ],
)
def test_evidence_of_another_version_or_model_is_none(target: dict[str, Any], named: str) -> None:
    arm = {**facts()["candidate"], "target": {**target, "label": named}}
    assert lacking(facts=facts(candidate=arm)) == [f"the evaluation is about {named}, not about support@2: {GATE}"]
    if target["model"]:
        arm["target"]["version"] = 1
        (sentence,) = lacking(facts=facts(baseline=arm))
        assert "was compared with support@1 on gpt-5-mini" in sentence


def test_a_failed_evaluation_names_the_cases() -> None:
    known = facts(must_pass={"cases": 2, "failed": [{"name": "refund", "reason": "equals: no"}]})
    assert lacking(facts=known) == [
        "version 2 failed its evaluation on golden@3: 1 of 2 cases that must pass failed: refund (equals: no)"
    ]


def test_too_few_cases_say_how_many_are_needed() -> None:
    (sentence,) = lacking(facts=difference(0.0, -0.1, 0.1, pairs=20))
    assert sentence.startswith("the evaluation of version 2 on golden@3 can't tell: it may be worse by 10 % of cases")
    assert "cases would decide at this noise" in sentence


def test_a_pinned_dataset_stays_where_it_is() -> None:
    pinned = Rule(slug="support", channel="stable", policy=Policy(dataset="golden@3"))
    assert lacking(pinned, newest=9) == []
    older = Rule(slug="support", channel="stable", policy=Policy(dataset="golden@2"))
    assert lacking(older, newest=9)[0] == (
        f"version 2 was evaluated on golden@3, and the policy asks for golden@2: {GATE}"
    )


def test_every_policy_that_applies_must_hold() -> None:
    strict, lenient = Policy(dataset="golden", margin=0.01), Policy(dataset="golden", margin=0.2)
    for first, second in ((strict, lenient), (lenient, strict)):
        both = strictest(
            [
                Rule(slug="*", channel="stable", policy=first),
                Rule(slug="support", channel="stable", policy=second),
                Rule(slug="other", channel="stable", policy=Policy(dataset="elsewhere")),
                Rule(slug="support", channel="canary", policy=Policy(dataset="elsewhere")),
            ],
            "support",
            "stable",
        )
        assert both.policies == (first, second)
        known = Evidence(facts=facts(), at=NOW, newest=3)
        standing = Standing(makers=[], approvers=[], evidence={"golden": known}, live=1, now=NOW)
        (sentence,) = missing(both, standing, 2)
        assert "and 1 % are allowed" in sentence
    once = strictest(
        [Rule(slug=each, channel="stable", policy=strict) for each in ("*", "support")], "support", "stable"
    )
    assert once.policies == (strict,)


def test_a_rule_without_a_policy_keeps_its_meaning_beside_one_with() -> None:
    bare = Rule(slug="*", channel="stable", evaluation=True)
    both = strictest([bare, RULE], "support", "stable")
    known = {"golden": Evidence(facts=facts(), at=NOW, newest=3)}
    for passed, said in ((None, ["has not been evaluated"]), (False, ["failed its evaluation"]), (True, [])):
        standing = Standing(makers=[], approvers=[], passed=passed, evidence=known, live=1, now=NOW)
        found = missing(both, standing, 2)
        assert len(found) == len(said)
        assert all(words in sentence for words, sentence in zip(said, found, strict=True))
    with_policy = Rule(slug="support", channel="stable", evaluation=True, policy=Policy(dataset="golden"))
    standing = Standing(makers=[], approvers=[], evidence=known, live=1, now=NOW)
    assert missing(strictest([with_policy], "support", "stable"), standing, 2) == []
    assert missing(with_policy, standing, 2) == []
