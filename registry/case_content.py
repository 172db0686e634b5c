"""Cases and checks from and to JSON: what is well-formed, and which names of checks there are.

Knows the shape of a case and the vocabulary of checks, which is promptfoo's (https://www.promptfoo.dev/docs/configuration/expected-outputs/)
with few of our own. Refuses to know what a check does with an output, and files (`registry.importing.cases`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from registry.cases import Case, Check
from registry.errors import PromptInvalidError, nearest

ASSERT_SET = "assert-set"
"""The check that is several others: its value, or its option `assert`, is their list."""

CHECK_TYPES = frozenset(
    {
        *("equals", "contains", "icontains", "contains-all", "contains-any", "icontains-all", "icontains-any"),
        *("starts-with", "regex", "is-json", "contains-json", "is-refusal", "is-complete", "levenshtein", "rouge-n"),
        *("bleu", "gleu", "is-valid-openai-tools-call", "is-valid-openai-function-call", "is-valid-function-call"),
        *("tool-call-f1", "similar", "similar:cosine", "similar:dot", "similar:euclidean", "similar:words"),
        *("llm-rubric", "factuality", "model-graded-factuality", "model-graded-closedqa", "latency", "cost"),
        *("finish-reason", "length", "word-count", "language", "python", ASSERT_SET),
    }
)
"""The types of checks, each of which may have `not-` in front."""

REFUSED_TYPES: Mapping[str, str] = {
    "javascript": "runs a program in JavaScript, which Slugline doesn't; write it as 'python', or with 'contains' and 'regex'",
    "ruby": "runs a program in Ruby, which Slugline doesn't; write it as 'python'",
    "webhook": "would send outputs to another server; write it as 'python'",
    **dict.fromkeys(
        ("select-best", "max-score", "pairwise"),
        "compares outputs with each other, which an evaluation does against its baseline, not a case",
    ),
    **dict.fromkeys(
        ("perplexity", "perplexity-score"), "needs token probabilities, which aren't on record; leave it out"
    ),
    **dict.fromkeys(
        ("is-sql", "contains-sql", "is-xml", "contains-xml", "is-html", "contains-html", "meteor"),
        "isn't among the checks; write it with 'regex' or as 'python'",
    ),
    **dict.fromkeys(
        ("g-eval", "answer-relevance", "search-rubric"), "isn't among the checks; write it as 'llm-rubric'"
    ),
}
"""Types of promptfoo's that there will not be, and what to do instead."""

_NOT = "not-"
_CASE_FIELDS = (
    *("variables", "messages", "expected", "checks", "tags", "weight", "must_pass", "note", "source"),
    "case_id",
)
_CHECK_FIELDS = ("type", "value", "threshold", "weight", "metric", "options")
_LARGEST = 1_000_000
_LONGEST_TAG = 100
_LONGEST_NOTE = 10_000


def parse_case(data: Any, where: str = "case") -> Case:
    """A case from its JSON form, the one `case_as_mapping` writes; a `case_id` in it is left aside, since content alone makes it.

    Raises PromptInvalidError that names the field, from `where` on.
    """
    if not isinstance(data, Mapping):
        raise _invalid(where, f"is an object with the fields {', '.join(_CASE_FIELDS)}")
    _known(data, _CASE_FIELDS, where)
    variables, messages = data.get("variables") or {}, data.get("messages") or ()
    if not isinstance(variables, Mapping):
        raise _invalid(f"{where}.variables", "is an object: the variables' names and values")
    if not isinstance(messages, Sequence) or isinstance(messages, str):
        raise _invalid(f"{where}.messages", "is a list of messages")
    for index, message in enumerate(messages):
        if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
            raise _invalid(f"{where}.messages[{index}]", "is an object with 'role' and 'content'")
    expected = data.get("expected")
    if expected is not None and not isinstance(expected, str):
        raise _invalid(f"{where}.expected", "is text: the reference answer")
    source = data.get("source") or {}
    if not isinstance(source, Mapping):
        raise _invalid(f"{where}.source", 'is an object, such as {"call_id": "…"}')
    must_pass = data.get("must_pass", False)
    if not isinstance(must_pass, bool):
        raise _invalid(f"{where}.must_pass", "is true or false")
    return check_case(
        Case(
            variables=dict(variables),
            messages=tuple(dict(message) for message in messages),
            expected=expected,
            checks=parse_checks(data.get("checks"), f"{where}.checks"),
            tags=_tags(data.get("tags"), f"{where}.tags"),
            weight=_weight(data.get("weight", 1.0), f"{where}.weight"),
            must_pass=must_pass,
            note=_note(data.get("note"), f"{where}.note"),
            source=dict(source),
        ),
        where,
    )


def check_case(case: Case, where: str = "case") -> Case:
    """The case as it is read back after it was stored: numbers of one kind, lists for tuples. Raises PromptInvalidError."""
    variables, messages, source = (
        _plain(value, f"{where}.{name}")
        for name, value in (("variables", case.variables), ("messages", case.messages), ("source", case.source))
    )
    for name, text in (("expected", case.expected or ""), ("note", case.note)):
        _plain(text, f"{where}.{name}")
    checked = Case(
        variables=variables,
        messages=tuple(messages),
        expected=case.expected,
        checks=tuple(check_check(check, f"{where}.checks[{index}]") for index, check in enumerate(case.checks)),
        tags=_tags(case.tags, f"{where}.tags"),
        weight=_weight(case.weight, f"{where}.weight"),
        must_pass=bool(case.must_pass),
        note=_note(case.note, f"{where}.note"),
        source=source,
    )
    if not (checked.variables or checked.messages or checked.checks or checked.expected):
        raise _invalid(where, "has neither 'variables' nor 'messages', and nothing to check either")
    return checked


def case_as_mapping(case: Case) -> dict[str, Any]:
    """The JSON form, without fields that say nothing."""
    fields: dict[str, Any] = {
        "variables": dict(case.variables),
        "messages": [dict(message) for message in case.messages],
        "expected": case.expected,
        "checks": [check_as_mapping(check) for check in case.checks],
        "tags": list(case.tags),
        "weight": None if case.weight == 1.0 else case.weight,
        "must_pass": case.must_pass or None,
        "note": case.note or None,
        "source": dict(case.source),
    }
    return {name: value for name, value in fields.items() if value is not None and value not in ([], {})}


def parse_checks(data: Any, where: str = "checks") -> tuple[Check, ...]:
    """Checks from a list of their JSON forms; None stands for none. Raises PromptInvalidError."""
    if data is None:
        return ()
    if not isinstance(data, Sequence) or isinstance(data, str):
        raise _invalid(where, "is a list of checks, each an object with 'type'")
    return tuple(parse_check(each, f"{where}[{index}]") for index, each in enumerate(data))


def parse_check(data: Any, where: str = "check") -> Check:
    """A check from its JSON form. Raises PromptInvalidError that names the field."""
    if not isinstance(data, Mapping) or "type" not in data:
        raise _invalid(where, "is an object with 'type', and 'value' where the type takes one")
    _known(data, _CHECK_FIELDS, where)
    options = data.get("options") or {}
    if not isinstance(options, Mapping):
        raise _invalid(f"{where}.options", "is an object: further settings of the check's type")
    check = Check(
        type=data["type"],
        value=data.get("value"),
        threshold=data.get("threshold"),
        weight=data.get("weight", 1.0),
        metric=data.get("metric") or "",
        options=dict(options),
    )
    return check_check(check, where)


def check_check(check: Check, where: str = "check") -> Check:
    """The check as it is read back after it was stored. Raises PromptInvalidError, for an unknown type with the nearest one."""
    check_type(check.type, f"{where}.type")
    value, options = _plain(check.value, f"{where}.value"), _plain(check.options, f"{where}.options")
    if check.type.removeprefix(_NOT) == ASSERT_SET:
        parse_checks(options.get("assert") if value is None else value, f"{where}.value")
    if not isinstance(check.metric, str):
        raise _invalid(f"{where}.metric", "is text: the name that the check's scores go by")
    return Check(
        type=check.type,
        value=value,
        threshold=None if check.threshold is None else _number(check.threshold, f"{where}.threshold"),
        weight=_weight(check.weight, f"{where}.weight"),
        metric=check.metric,
        options=options,
    )


def check_as_mapping(check: Check) -> dict[str, Any]:
    """The JSON form, without fields that say nothing."""
    fields = {
        "type": check.type,
        "value": check.value,
        "threshold": check.threshold,
        "weight": None if check.weight == 1.0 else check.weight,
        "metric": check.metric or None,
        "options": dict(check.options) or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def check_type(name: Any, where: str = "type") -> str:
    """The name of a check's type itself, if there is one of this name. Raises PromptInvalidError."""
    if not isinstance(name, str):
        raise _invalid(where, "is the name of a check, such as 'contains'")
    base = name.removeprefix(_NOT)
    if base in CHECK_TYPES:
        return name
    if base in REFUSED_TYPES:
        raise _invalid(where, f"names the check '{base}': it {REFUSED_TYPES[base]}")
    guess = nearest(base, sorted(CHECK_TYPES))
    front = _NOT if name.startswith(_NOT) else ""
    hint = f"did you mean '{front}{guess}'?" if guess else f"there are {', '.join(sorted(CHECK_TYPES))}"
    raise _invalid(where, f"names the check '{name[:80]}', which there isn't; {hint}")


def _plain(value: Any, where: str) -> Any:
    """The value as JSON has it, with lists for tuples. Raises PromptInvalidError for what JSON has no word for."""
    if value is None or value in ("", {}):  # most of what a case holds
        return value
    try:
        text = json.dumps(value, allow_nan=False)  # refuses NaN and dates, which the other one would write somehow
        written = orjson.dumps(value)  # refuses keys that aren't text, and text that isn't Unicode
    except (TypeError, ValueError, RecursionError) as error:
        raise _invalid(where, f"holds what JSON doesn't have ({str(error)[:120]}); put it in quotes") from error
    if len(written) > _LARGEST:
        raise _invalid(where, f"is too large: at most {_LARGEST:,} bytes")
    return json.loads(text)


def _weight(value: Any, where: str) -> float:
    weight = _number(value, where)
    if weight < 0:
        raise _invalid(where, "is a number from 0 on; 0 counts for nothing and is only reported")
    return weight


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _invalid(where, "is a number")
    return float(value)


def _tags(value: Any, where: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise _invalid(where, "is a list of words")
    for tag in value:
        if not isinstance(tag, str) or not tag.strip() or len(tag) > _LONGEST_TAG:
            raise _invalid(where, f"is a list of words of 1 to {_LONGEST_TAG} characters")
        _plain(tag, where)
    return tuple(dict.fromkeys(tag.strip() for tag in value))


def _note(value: Any, where: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST_NOTE:
        raise _invalid(where, f"is text of at most {_LONGEST_NOTE:,} characters: why the case is there")
    return value.strip()


def _known(data: Mapping[Any, Any], names: Sequence[str], where: str) -> None:
    for name in data:
        if name not in names:
            guess = nearest(str(name), names)
            hint = f"did you mean '{guess}'?" if guess else f"there are {', '.join(names)}"
            raise _invalid(f"{where}.{str(name)[:80]}", f"is not a field that there is; {hint}")


def _invalid(where: str, rule: str) -> PromptInvalidError:
    return PromptInvalidError(f"'{where}' {rule}", param=where)
