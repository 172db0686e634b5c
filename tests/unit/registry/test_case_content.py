"""Cases and checks from and to JSON, and what is said about those that make no sense."""

from datetime import date

import pytest

from registry.case_content import (
    CHECK_TYPES,
    case_as_mapping,
    check_case,
    check_type,
    parse_case,
    parse_check,
)
from registry.cases import Case, Check
from registry.errors import PromptInvalidError

FULL = {
    "variables": {"question": "Where?", "n": 1, "list": [1.5, None]},
    "messages": [{"role": "user", "content": "hi"}],
    "expected": "here",
    "checks": [
        {"type": "icontains", "value": "here"},
        {
            "type": "not-similar",
            "value": "there",
            "threshold": 0.8,
            "weight": 2.0,
            "metric": "far",
            "options": {"a": 1},
        },
    ],
    "tags": ["geo"],
    "weight": 0.0,
    "must_pass": True,
    "note": "a complaint",
    "source": {"call_id": "c1"},
}


def test_a_case_is_the_same_after_it_was_written():
    case = parse_case(FULL)
    assert case_as_mapping(case) == FULL
    assert case.checks[1].threshold == 0.8
    assert case_as_mapping(parse_case({"variables": {"a": 1}})) == {"variables": {"a": 1}}


def test_an_id_is_left_aside():
    assert parse_case({**FULL, "case_id": "0000"}).case_id == parse_case(FULL).case_id


def test_how_numbers_are_written_makes_no_other_case():
    once, again = (
        check_case(Case(variables={"a": 1}, weight=weight, checks=(Check(type="cost", threshold=weight),)))
        for weight in (1, 1.0)
    )
    assert once == again
    assert once.case_id == again.case_id


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "'case' is an object with the fields variables"),
        ({}, "'case' has neither 'variables' nor 'messages'"),
        ({"variabels": {}}, "'case.variabels' is not a field that there is; did you mean 'variables'?"),
        ({"variables": []}, None),
        ({"variables": "x"}, "'case.variables' is an object"),
        ({"variables": {"a": float("nan")}}, "'case.variables' holds what JSON doesn't have"),
        ({"variables": {"a": date(2026, 1, 1)}}, "'case.variables' holds what JSON doesn't have"),
        ({"variables": {1: "a"}}, "'case.variables' holds what JSON doesn't have"),
        ({"variables": {"a": "\ud800"}}, "'case.variables' holds what JSON doesn't have"),
        ({"variables": {"a": "x" * 1_000_001}}, "'case.variables' is too large"),
        ({"messages": [{"content": "x"}]}, "'case.messages[0]' is an object with 'role'"),
        ({"variables": {"a": 1}, "expected": 5}, "'case.expected' is text"),
        ({"variables": {"a": 1}, "tags": "geo"}, "'case.tags' is a list of words"),
        ({"variables": {"a": 1}, "weight": -1}, "'case.weight' is a number from 0 on"),
        ({"variables": {"a": 1}, "weight": True}, "'case.weight' is a number"),
        ({"variables": {"a": 1}, "must_pass": "yes"}, "'case.must_pass' is true or false"),
        ({"variables": {"a": 1}, "checks": [{"value": 1}]}, "'case.checks[0]' is an object with 'type'"),
        (
            {"variables": {"a": 1}, "checks": [{"type": "cost", "threshold": "x"}]},
            "'case.checks[0].threshold' is a num",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(data, said):
    with pytest.raises(PromptInvalidError) as refused:
        parse_case(data)
    assert said is None or refused.value.message.startswith(said)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("icontians", "did you mean 'icontains'?"),
        ("not-equal", "did you mean 'not-equals'?"),
        ("javascript", "write it as 'python'"),
        ("not-webhook", "would send outputs to another server"),
        ("zzzzzzzzzz", "there are assert-set, bleu"),
        (5, "is the name of a check"),
    ],
)
def test_an_unknown_check_is_told_the_nearest(name, said):
    with pytest.raises(PromptInvalidError, match="type") as refused:
        parse_check({"type": name})
    assert said in refused.value.message


def test_every_name_may_be_turned_round():
    for name in CHECK_TYPES:
        assert check_type(f"not-{name}") == f"not-{name}"
