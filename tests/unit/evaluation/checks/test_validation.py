"""What is wrong with a check is said when it is saved: the type, the field, and what would be right."""

from typing import Any

import pytest

from evaluation.checks.kinds import CHECK_TYPES, REFUSED
from evaluation.checks.validation import DEEPEST, check_of, problem_of
from registry.cases import Check

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"type": "contians", "value": "x"}, "no check is called 'contians'; did you mean 'contains'?"),
    ({"type": "not-eqals", "value": "x"}, "did you mean 'not-equals'?"),
    ({"type": "zzzzzz"}, "(there are assert-set, bleu"),
    ({"type": ""}, "type is the name of a check"),
    ({"type": 5}, "type is the name of a check, such as 'contains', not a number"),
    ({"type": "javascript", "value": "output.length"}, "javascript: no JavaScript is run: write the function in Python"),
    ({"type": "not-webhook", "value": "https://example.com"}, "webhook: outputs are sent nowhere"),
    ({"type": "select-best", "value": "kind"}, "compares outputs with each other"),
    ({"type": "contains"}, None),
    ({"type": "contains-all"}, "contains-all: value is missing"),
    ({"type": "contains", "value": ""}, "contains: value is empty, and every output contains that"),
    ({"type": "contains", "value": ["a"]}, "contains: value is a text or a number, not an array"),
    ({"type": "contains", "value": "file://x.txt"}, "contains: value names a file"),
    ({"type": "contains", "value": "x", "threshold": 0.5}, "contains: it takes no 'threshold' (it takes value)"),
    ({"type": "contains", "value": "x", "weight": -1.0}, "contains: weight is a number from 0 on, not -1.0"),
    ({"type": "contains-any", "value": []}, "contains-any: value is a list of texts"),
    ({"type": "contains-any", "value": {"a": 1}}, "contains-any: value is a list of texts, or texts with commas between, not an object"),
    ({"type": "regex", "value": "a(b"}, "regex: value is no regular expression: missing ), unterminated subpattern at position 1"),
    ({"type": "regex", "value": "a[b"}, "unterminated character set at position 1"),
    ({"type": "regex", "value": "a(?=b)"}, "no look-around, no back-references"),
    ({"type": "is-json", "value": {"type": "objekt"}}, "is-json: value is not a JSON Schema"),
    ({"type": "is-json", "value": "a: [b"}, "is-json: value is a JSON Schema, and this text is neither JSON nor YAML"),
    ({"type": "rouge-n", "value": "x", "threshold": 1.5}, "rouge-n: threshold goes from 0 to 1, not 1.5"),
    ({"type": "rouge-n", "value": "x", "options": {"N": 2}}, "rouge-n: it takes no 'N'"),
    ({"type": "llm-rubric", "value": "kind", "options": {"rubrik": "x"}}, "llm-rubric: it takes no 'rubrik'; did you mean 'rubric'?"),
    ({"type": "llm-rubric"}, "llm-rubric: value is missing"),
    ({"type": "latency"}, "latency: threshold is missing"),
    ({"type": "latency", "threshold": 0}, "latency: threshold is a number above 0, not 0"),
    ({"type": "latency", "threshold": 5, "options": {"of": "all"}}, "latency: of: input should be 'answer' or 'first_chunk'"),
    ({"type": "levenshtein", "value": "x", "threshold": -1}, "levenshtein: threshold is a number from 0 on, not -1"),
    ({"type": "length", "value": {"most": 3}}, "length: value is a number, or an object with min, max or both"),
    ({"type": "length", "value": {"min": 5, "max": 3}}, "length: value "),
    ({"type": "language", "value": "german"}, "no language is called 'german'"),
    ({"type": "is-refusal", "value": True}, "is-refusal: it takes no 'value' (it takes nothing)"),
    ({"type": "python", "value": "len(output) > 3"}, "file://checks.py:function or package:name, not 'len(output) > 3'; code itself is not run"),
    ({"type": "contains", "value": "{{ name"}, "contains: value: text"),
    ({"type": "contains", "value": "{{ name | shout }}"}, "contains: value: text"),
    ({"type": "rouge-n", "value": "{{ name }}", "threshold": 3}, "rouge-n: threshold goes from 0 to 1, not 3"),
    ({"type": "assert-set"}, "assert-set: it has no checks"),
    ({"type": "assert-set", "value": ["contains"]}, "a check is an object with 'type', not a text"),
    ({"type": "assert-set", "value": [{"type": "is-json"}, {"type": "is-jsn"}]}, "assert-set: check 2: no check is called 'is-jsn'; did you mean 'is-json'?"),
    ({"type": "assert-set", "threshold": 2, "value": [{"type": "is-json"}]}, "assert-set: threshold goes from 0 to 1, not 2"),
]  # fmt: skip
RIGHT: list[dict[str, Any]] = [
    {"type": "equals"},
    {"type": "not-contains", "value": "{{ name }}"},
    {"type": "regex", "value": "{{ pattern }}"},
    {"type": "is-json", "value": {"type": "object", "required": ["{{ field }}"]}},
    {"type": "word-count", "value": "{{ most }}"},
    {"type": "contains-all", "value": "{{ items }}"},
    {
        "type": "llm-rubric",
        "value": {"criterion": "kind"},
        "threshold": 0.5,
        "options": {"rubric": "mine@3", "model": "m"},
    },
    {"type": "python", "value": "file://checks/tone.py:kind", "options": {"config": {"most": 3}}},
    {"type": "python", "value": "package:tone"},
    {
        "type": "assert-set",
        "threshold": 0.5,
        "options": {"assert": [{"type": "is-json"}, {"type": "not-equals", "value": 1}]},
    },
]


@pytest.mark.parametrize(("check", "why"), WRONG)
def test_it_says_what_is_wrong(check: dict[str, Any], why: str | None) -> None:
    said = problem_of(Check(**check))
    assert said is None if why is None else why in str(said), said


@pytest.mark.parametrize("check", RIGHT, ids=lambda check: check["type"])
def test_what_is_right_or_not_known_yet_is_no_problem(check: dict[str, Any]) -> None:
    assert problem_of(Check(**check)) is None


def test_sets_stand_in_each_other_only_so_deep() -> None:
    def nested(times: int) -> dict[str, Any]:
        return {"type": "assert-set", "value": [nested(times - 1)]} if times else {"type": "is-json"}

    assert problem_of(check_of(nested(DEEPEST))) is None
    assert "can stand in each other at most" in str(problem_of(check_of(nested(DEEPEST + 1))))


def test_refused_types_are_no_types() -> None:
    assert not set(REFUSED) & set(CHECK_TYPES)


def test_fields_of_promptfoos_files_become_options() -> None:
    given = {"type": "python", "value": "file://a.py", "threshold": 0.5, "weight": 2, "metric": "m", "config": {"a": 1}}
    assert check_of(given) == Check(
        type="python", value="file://a.py", threshold=0.5, weight=2, metric="m", options={"config": {"a": 1}}
    )
