"""Policies in a form and in words."""

import pytest

from dashboards.forms import Form
from dashboards.policies import fields_of, in_words, policy_of
from registry.errors import PromptInvalidError
from registry.policy import Policy, Watch, read_policy

FULL = Policy(
    dataset="golden@3",
    margin=0.035,
    confidence=0.99,
    min_pass_rate=0.9,
    metrics={"similar": 0.8, "llm-rubric: kind": 0.5},
    max_age_hours=36,
    max_cost_increase=0.1,
    max_latency_increase=0.0,
    max_length_increase=2.5,
    repeats=3,
    uncertain="allow",
    watch=Watch(scores=("helpful", "kind"), margin=0.5, days=7, then="roll back"),
)


@pytest.mark.parametrize("policy", [FULL, Policy(dataset="golden"), Policy(dataset="golden", margin=0.0)])
def test_a_policy_comes_back_from_the_form_as_it_was(policy: Policy) -> None:
    told = policy_of(Form(fields=fields_of(policy)))
    assert told is not None
    assert read_policy(told) == policy


def test_no_dataset_is_no_policy() -> None:
    assert policy_of(Form(fields=fields_of(None))) is None


def test_in_words() -> None:
    assert in_words(FULL) == [
        "not worse than what is live by 3.5 % of cases or more, shown at 99 % confidence",
        "at least 90 % of cases pass",
        "mean similar of at least 0.8",
        "mean llm-rubric: kind of at least 0.5",
        "cost up by no more than 10 %",
        "latency up by no more than 0 %",
        "length of answers up by no more than 250 %",
        "each case asked 3 times",
        "no older than 36 hours",
        "what too few cases leave open is allowed",
        "afterwards helpful, kind is watched for 7 days, and rolls back by itself",
    ]


@pytest.mark.parametrize(
    ("typed", "said"),
    [({"margin": "few"}, "'margin' is a number, not 'few'"), ({"metrics": "x"}, "write 'similar: 0.8'")],
)
def test_what_is_no_number_is_named(typed: dict[str, str], said: str) -> None:
    with pytest.raises(PromptInvalidError, match=said):
        policy_of(Form(fields={"dataset": "golden", **typed}))
