"""A case goes through the form's fields and back without a loss, whatever is in it."""

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboards.case_fields import CaseFields, all_case_fields
from dashboards.forms import Form
from registry.cases import Case, Check
from registry.errors import PromptInvalidError


def sent(fields: CaseFields) -> Form:
    """The form as a browser sends it: every line end becomes CR LF on the way."""
    rows = {
        ("variable", "text"): fields.variables,
        ("role", "said"): fields.messages,
        ("check", "not", "value", "threshold"): fields.checks,
    }
    told: dict[str, Any] = {
        f"{name}_{place}": row[at]
        for names, of in rows.items()
        for place, row in enumerate(of)
        for at, name in enumerate(names)
    }
    for name in ("other_variables", "other_messages", "expected", "other_checks", "tags", "weight", "note"):
        told[name] = getattr(fields, name)
    if fields.must_pass:
        told["must_pass"] = "1"
    over = urlencode({name: re.sub("\r\n|\r|\n", "\r\n", value) for name, value in told.items()})
    return Form(fields={name: value.replace("\r\n", "\n") for name, value in parse_qsl(over, keep_blank_values=True)})


def again(case: Case) -> Case:
    return CaseFields.of_form(sent(CaseFields.of_case(case))).case(case.source)


CASES = [
    Case(variables={"question": "Where?", "plan": "paid"}, tags=("a", "b"), must_pass=True, note="why"),
    Case(variables={"days": 3, "list": ["x"], "nothing": None, "empty": "", "text": "  spaces  "}),
    Case(variables={"user": "", "line": "a\r\nb"}, expected="yes\nno", weight=0.1),
    Case(messages=({"role": "user", "content": "hi\n\nthere"}, {"role": "assistant", "content": "hello"})),
    Case(messages=({"role": "user", "content": [{"type": "text", "text": "hi"}]},), source={"call_id": "c"}),
    Case(messages=({"role": "assistant", "content": None, "tool_calls": []}, {"role": "user", "content": "x"})),
    Case(expected="x", checks=(Check(type="not-contains-any", value=["a", "b"]), Check(type="similar", threshold=0.8))),
    Case(expected="x", checks=(Check(type="contains-all", value=["a, b", " c"]),)),
    Case(expected="x", checks=(Check(type="equals", value=5), Check(type="icontains", value="y"))),
    Case(expected="x", checks=(Check(type="llm-rubric", value="Is it\nkind?", metric="kind", weight=2.0),)),
    Case(expected="x", checks=(Check(type="assert-set", value=[{"type": "contains", "value": "a"}]),)),
    Case(expected="x", checks=tuple(Check(type="icontains", value=f"word {n}") for n in range(40))),
    Case(variables={f"v{n}": "x" for n in range(40)}),
    Case(messages=tuple({"role": "user", "content": f"m{n}"} for n in range(40))),
]


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_lost(case: Case) -> None:
    found = again(case)
    assert found == case
    assert found.case_id == case.case_id


@settings(max_examples=200)
@given(
    variables=st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_characters="\r"), min_size=1),
        st.one_of(st.text(st.characters(codec="utf-8")), st.integers(-(2**53), 2**53), st.booleans(), st.none()),
        min_size=1,
        max_size=20,
    ),
    said=st.lists(st.text(st.characters(codec="utf-8")), max_size=20),
)
def test_nothing_is_lost_of_any_text(variables: dict[str, Any], said: list[str]) -> None:
    case = Case(variables=variables, messages=tuple({"role": "user", "content": each} for each in said))
    assert again(case).case_id == case.case_id


def test_the_checks_of_all_cases_go_through_the_same_fields() -> None:
    checks = (Check(type="is-json"), Check(type="latency", threshold=2000.0), Check(type="length", value=7))
    assert CaseFields.of_form(sent(all_case_fields(checks))).all_checks() == checks


def test_variables_of_other_cases_are_there_to_be_filled_in() -> None:
    assert CaseFields.of_case(Case(), ["question", "plan"]).variables == [("question", ""), ("plan", "")]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"other_variables": "{"}, "'other_variables' is no JSON"),
        ({"other_variables": "[1]"}, "'other_variables' is an object"),
        ({"other_messages": "{}"}, "'other_messages' is a list"),
        ({"weight": "heavy"}, "'weight' is a number, not 'heavy'"),
        ({"check_0": "icontain", "value_0": "x"}, "did you mean 'icontains'"),
        ({"check_0": "similar", "threshold_0": "high"}, "threshold' is a number, not 'high'"),
        ({"variable_0": "a", "text_0": "x", "other_variables": '{"a": 1}'}, "'a' is there twice"),
        ({"text_0": "x"}, "a text and no name"),
        ({}, "neither 'variables' nor 'messages'"),
    ],
)
def test_what_makes_no_sense_is_named(typed: dict[str, str], said: str) -> None:
    with pytest.raises(PromptInvalidError, match=said):
        CaseFields.of_form(Form(fields=typed)).case({})
