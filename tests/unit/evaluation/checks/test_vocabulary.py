"""Each check says what promptfoo's documentation says that it does; `not-` says the opposite; nothing raises, whatever the output."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.checks.kinds import CHECK_TYPES, KINDS, REFUSED
from evaluation.checks.running import run_checks
from evaluation.runs.values import Output
from registry import case_content
from registry.cases import Case, Check
from tests.unit.evaluation.checks.outputs import output, result

PLACE = {"type": "object", "required": ["lat"], "properties": {"lat": {"type": "number", "maximum": 90}}}
LONG = "x" * 200_000

PASSES: list[tuple[dict[str, Any], Any]] = [
    ({"type": "equals", "value": "Yes."}, "Yes."),
    ({"type": "equals", "value": ""}, ""),
    ({"type": "equals", "value": 42}, "42"),
    ({"type": "equals", "value": 42.0}, "42"),
    ({"type": "equals", "value": True}, "true"),
    ({"type": "equals", "value": {"b": [1, 2.0], "a": None}}, '{ "a":null, "b": [1.0, 2] }'),
    ({"type": "contains", "value": "Refund"}, "Your Refund is on its way."),
    ({"type": "contains", "value": 0}, "0 items"),
    ({"type": "icontains", "value": "REFUND"}, "Your refund."),
    ({"type": "icontains", "value": "STRASSE"}, "Hauptstraße 5"),
    ({"type": "contains-all", "value": ["1,000", "in stock"]}, "1,000 are in stock"),
    ({"type": "contains-all", "value": "red, blue"}, "blue and red"),
    ({"type": "contains-all", "value": '"1,000", in stock'}, "1,000 are in stock"),
    ({"type": "contains-any", "value": ["red", "blue"]}, "It is blue."),
    ({"type": "icontains-all", "value": ["RED", "blue"]}, "red, BLUE"),
    ({"type": "icontains-any", "value": "RED,green"}, "a red one"),
    ({"type": "starts-with", "value": "Yes"}, "Yes, it is."),
    ({"type": "regex", "value": r"\b\d{4}\b"}, "in 1984, that is"),
    ({"type": "regex", "value": "(?i)^yes"}, "YES"),
    ({"type": "is-json"}, "[1, 2]"),
    ({"type": "is-json", "value": PLACE}, '{"lat": 52}'),
    ({"type": "is-json", "value": json.dumps(PLACE)}, '{"lat": 52}'),
    ({"type": "is-json", "value": "type: object\nrequired: [lat]"}, '{"lat": 52}'),
    ({"type": "contains-json"}, 'Here: {"a": 1}. Anything else?'),
    ({"type": "contains-json", "value": PLACE}, 'First [1], then {"lat": 200}, then {"lat": 2}.'),
    ({"type": "is-valid-openai-tools-call"}, output(calls={"weather": {"city": "Paris"}})),
    ({"type": "is-valid-openai-function-call"}, output(calls={"weather": {"city": "Paris"}})),
    ({"type": "is-valid-function-call"}, output(calls={"weather": '{"city": "Paris"}'})),
    ({"type": "tool-call-f1", "value": ["weather"]}, output(calls={"weather": {}})),
    ({"type": "tool-call-f1", "value": "weather, book", "threshold": 0.6}, output(calls={"weather": {}})),
    ({"type": "is-refusal"}, "I'm sorry, but I can't help with that."),
    ({"type": "is-refusal"}, "  "),
    ({"type": "is-complete"}, "All done."),
    ({"type": "levenshtein", "value": "kitten", "threshold": 3}, "sitting"),
    ({"type": "levenshtein", "value": "kitten"}, "sit"),
    ({"type": "levenshtein", "value": LONG + "y" + LONG}, LONG + LONG),
    ({"type": "rouge-n", "value": "The Cat sat"}, "the cat SAT down there"),
    ({"type": "rouge-n", "value": "the cat sat down", "options": {"n": 2}, "threshold": 0.6}, "the cat sat up"),
    ({"type": "bleu", "value": "hello world"}, "Hello world"),
    ({"type": "bleu", "value": ["goodbye", "the cat sat on the mat"]}, "the cat sat on the mat"),
    ({"type": "gleu", "value": "hello world"}, "hello world"),
    ({"type": "similar:words", "value": "the parcel arrives on Monday"}, "On Monday the parcel arrives"),
    ({"type": "finish-reason", "value": "STOP"}, "x"),
    ({"type": "finish-reason", "value": "stop"}, output("x", finish_reason="end_turn")),
    ({"type": "finish-reason", "value": "tool_calls"}, output("x", finish_reason="tool_use")),
    ({"type": "finish-reason", "value": "length"}, output("x", finish_reason="max_output_tokens")),
    ({"type": "length", "value": {"max": 12}, "options": {"unit": "characters"}}, "twelve chars"),
    ({"type": "length", "value": {"min": 7, "max": 7}, "options": {"unit": "tokens"}}, "x"),
    ({"type": "length", "value": {"min": 2}}, "two words"),
    ({"type": "word-count", "value": 3}, "one two three"),
    ({"type": "word-count", "value": {"min": 1, "max": 3}}, "one two three"),
    ({"type": "language", "value": "de", "options": {"among": ["de", "en"]}}, "Ihr Paket kommt am Montag."),
    (
        {"type": "language", "value": "same"},
        output(
            "Ihr Paket kommt am Montag.",
            question="Guten Tag, wann wird mein Paket geliefert, und muss ich dafür zu Hause sein?",
        ),
    ),
    ({"type": "latency", "threshold": 900}, "x"),
    ({"type": "latency", "threshold": 200, "options": {"of": "first_chunk"}}, output("x", first_chunk_ms=150.0)),
    ({"type": "cost", "threshold": 0.002}, "x"),
]
FAILS: list[tuple[dict[str, Any], Any]] = [
    ({"type": "equals", "value": "Yes."}, "Yes. "),
    ({"type": "equals", "value": {"a": 1}}, '{"a": true}'),
    ({"type": "equals", "value": {"a": 1}}, "a is 1"),
    ({"type": "equals", "value": ["a"]}, '["a", "b"]'),
    ({"type": "contains", "value": "Refund"}, "Your refund is on its way."),
    ({"type": "icontains", "value": "refund"}, "Your money is on its way."),
    ({"type": "contains-all", "value": ["red", "blue"]}, "red"),
    ({"type": "contains-any", "value": ["red", "blue"]}, "Red"),
    ({"type": "icontains-all", "value": ["RED", "blue"]}, "blue"),
    ({"type": "icontains-any", "value": ["RED", "blue"]}, "green"),
    ({"type": "is-valid-openai-function-call"}, "none"),
    ({"type": "starts-with", "value": "Yes"}, "yes"),
    ({"type": "regex", "value": "^yes$"}, "oh yes"),
    ({"type": "is-json"}, 'Here: {"a": 1}'),
    ({"type": "is-json"}, output(calls={"weather": {"city": "Paris"}})),
    ({"type": "is-json", "value": PLACE}, '{"lat": 200}'),
    ({"type": "is-json", "value": PLACE}, "{lat: 2}"),
    ({"type": "contains-json"}, "{nothing} [here"),
    ({"type": "contains-json"}, "[NaN]"),
    ({"type": "contains-json", "value": PLACE}, 'Here: {"lat": 200}'),
    ({"type": "is-valid-openai-tools-call"}, "It rains."),
    ({"type": "is-valid-openai-tools-call"}, output(calls={"weather": {"town": "Paris"}})),
    ({"type": "is-valid-openai-tools-call"}, output(calls={"book": {}})),
    ({"type": "is-valid-function-call"}, output(calls={"weather": "{"})),
    ({"type": "tool-call-f1", "value": ["weather", "book"]}, output(calls={"weather": {}})),
    ({"type": "tool-call-f1", "value": ["weather"]}, "none"),
    ({"type": "is-refusal"}, "Here you are."),
    ({"type": "is-refusal"}, output(calls={"weather": {"city": "Paris"}})),
    ({"type": "is-complete"}, output("cut off he", finish_reason="length")),
    ({"type": "levenshtein", "value": "kitten", "threshold": 2}, "sitting"),
    ({"type": "levenshtein", "value": "kitten", "threshold": 0}, "kittens"),
    ({"type": "levenshtein", "value": "short"}, LONG),
    ({"type": "rouge-n", "value": "one two three four"}, "one two"),
    ({"type": "bleu", "value": "the cat sat on the mat"}, "the the the the"),
    ({"type": "gleu", "value": "the cat sat on the mat"}, ""),
    ({"type": "similar:words", "value": "a b c d"}, "e f g"),
    ({"type": "finish-reason", "value": "stop"}, output("x", finish_reason="length")),
    ({"type": "length", "value": {"max": 2}}, "three whole words"),
    ({"type": "word-count", "value": 2}, "three whole words"),
    ({"type": "language", "value": "de", "options": {"among": ["de", "en"]}}, "Your parcel arrives on Monday."),
    ({"type": "language", "value": "de"}, ""),
    ({"type": "latency", "threshold": 899}, "x"),
    ({"type": "cost", "threshold": 0.001}, "x"),
]
UNDECIDED: list[tuple[dict[str, Any], Any, str]] = [
    ({"type": "contains", "value": "x"}, Output(error="timeout"), "there is no answer: timeout"),
    ({"type": "finish-reason", "value": "stop"}, output("x", finish_reason=""), "the provider gave no finish reason"),
    ({"type": "latency", "threshold": 200, "options": {"of": "first_chunk"}}, "x", "the answer was not streamed"),
    ({"type": "cost", "threshold": 1}, output("x", cost=None), "the call has no price"),
    ({"type": "length", "value": 1, "options": {"unit": "tokens"}}, output("x", output_tokens=None), "how many tokens"),
    ({"type": "levenshtein", "value": LONG}, "y" * len(LONG), "too long for this check"),
    ({"type": "contains-json"}, "[" * 100_000, "begin no JSON"),
    ({"type": "language", "value": "de"}, "42", "too little text"),
    ({"type": "equals"}, "x", "neither a value nor an expected answer"),
    ({"type": "similar", "value": "x"}, "y", "no embedding model"),
    ({"type": "llm-rubric", "value": "is kind"}, "y", "no judge to ask"),
    ({"type": "python", "value": "file://checks.py"}, "y", "--allow-python"),
    ({"type": "contians", "value": "x"}, "y", "did you mean '"),
    ({"type": "regex", "value": "{{ pattern }}"}, "y", "variable 'pattern'"),
]


def opposite(check: dict[str, Any]) -> dict[str, Any]:
    return {**check, "type": f"not-{check['type']}"}


@pytest.mark.parametrize(("check", "said"), PASSES, ids=lambda it: it["type"] if isinstance(it, dict) else "")
async def test_it_passes_and_its_opposite_fails(check: dict[str, Any], said: Any) -> None:
    told, turned = await result(check, said), await result(opposite(check), said)
    assert (told.passed, turned.passed) == (True, False), told.reason
    assert told.reason and turned.reason == told.reason
    assert told.score > 0 and turned.score == pytest.approx(1 - told.score)


@pytest.mark.parametrize(("check", "said"), FAILS, ids=lambda it: it["type"] if isinstance(it, dict) else "")
async def test_it_fails_with_a_reason_and_its_opposite_passes(check: dict[str, Any], said: Any) -> None:
    told, turned = await result(check, said), await result(opposite(check), said)
    assert (told.passed, turned.passed) == (False, True), told.reason
    assert told.reason and turned.reason == told.reason and told.version


@pytest.mark.parametrize(("check", "said", "why"), UNDECIDED, ids=lambda it: it["type"] if isinstance(it, dict) else "")
async def test_what_it_cannot_decide_it_says_and_so_does_its_opposite(
    check: dict[str, Any], said: Any, why: str
) -> None:
    for told in (await result(check, said), await result(opposite(check), said)):
        assert (told.passed, told.score) == (None, 0.0)
        assert why in told.reason


def test_every_type_that_decides_alone_is_tried() -> None:
    pure = {name for name, kind in KINDS.items() if kind.make is not None}
    assert {check["type"] for check, _ in PASSES} == {check["type"] for check, _ in FAILS} == pure


def test_names_of_types_are_told_to_others() -> None:
    assert len(set(CHECK_TYPES)) == len(CHECK_TYPES) == len(KINDS) + 1
    assert all(kind.version and (kind.make is None) != (kind.consult is None) for kind in KINDS.values())


TRIED = [Check(**check) for check, _ in PASSES if check["type"] != "language"]
ANYTHING = st.one_of(
    st.text(max_size=60),
    st.text('{}[]",:1tae \\', max_size=60),
    st.sampled_from(["\ud800", "\x00", "null", "NaN", "1e999"]),
)
BODIES = st.one_of(st.text(max_size=30), st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["choices", "message", "content", "tool_calls", "function", "name", "arguments", "output", "type", "text", "tools", "messages"]),
        inner, max_size=4,
    ), max_leaves=12,
).map(json.dumps))  # fmt: skip


@settings(max_examples=20)
@given(text=ANYTHING, request=BODIES, response=BODIES, seed=st.randoms())
async def test_whatever_the_output_nothing_raises_and_order_makes_no_difference(
    text: str, request: str, response: str, seed: Any
) -> None:
    said = Output(text=text, request=request, response=response)
    every = [
        *TRIED,
        *(
            Check(type=f"not-{check.type}", value=check.value, threshold=check.threshold, options=check.options)
            for check in TRIED
        ),
    ]
    told = dict(enumerate(await run_checks(every)(Case(), said)))
    order = list(told)
    seed.shuffle(order)
    again = await run_checks([every[place] for place in order])(Case(), said)
    assert [told[place] for place in order] == list(again)
    for place, check in enumerate(TRIED):
        plain, turned = told[place], told[place + len(TRIED)]
        assert (plain.passed is None) == (turned.passed is None), check
        assert plain.passed is None or (
            plain.passed != turned.passed and plain.score == pytest.approx(1 - turned.score)
        )
        assert 0 <= plain.score <= 1
        assert "the check itself failed" not in plain.reason, (check, plain.reason)


def test_the_registry_takes_the_names_that_can_be_checked() -> None:
    assert set(case_content.CHECK_TYPES) == set(CHECK_TYPES)
    assert set(case_content.REFUSED_TYPES) == set(REFUSED)
