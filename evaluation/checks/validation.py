"""Is a check well-formed, and if not, what is wrong with it? Said when a dataset is saved, and again with variables in place. Pure.

Knows the vocabulary (`kinds.py`) and turns what goes wrong into sentences that name the type, the field and what would be right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, Field, ValidationError

from evaluation.checks.kinds import ASSERT_SET, CHECK_TYPES, KINDS, REFUSED, Kind
from evaluation.checks.rendering import has_template, template_problem
from evaluation.checks.values import Share, Takes, named
from registry.cases import Check
from registry.errors import nearest

DEEPEST = 5
"""How many assert-sets may stand in each other."""

_NOT = "not-"
_FIELDS = ("type", "value", "threshold", "weight", "metric", "options")


class Group(Takes):
    """What an `assert-set` takes: checks, as its value or under promptfoo's name `assert`."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    value: tuple[Any, ...] = ()
    also: tuple[Any, ...] = Field((), alias="assert")
    threshold: Share | None = None


def problem_of(check: Check, *, depth: int = 1) -> str | None:
    """What is wrong with a check, as a sentence, or None. What depends on a case's variables is looked at when they are known."""
    try:
        _, base = split_type(check.type)
        if not isinstance(check.weight, int | float) or not math.isfinite(check.weight) or check.weight < 0:
            raise ValueError(f"{base}: weight is a number from 0 on, not {check.weight!r}")
        if wrong := template_problem(check.value):
            raise ValueError(f"{base}: {wrong}")
        if base != ASSERT_SET:
            takes_of(check, KINDS[base], base, later=check.value is None or has_template(check.value))
            return None
        if depth > DEEPEST:
            raise ValueError(f"{ASSERT_SET}: {DEEPEST} can stand in each other at most")
        _, members = group_of(check)
        for place, member in enumerate(members, start=1):
            if wrong := problem_of(member, depth=depth + 1):
                raise ValueError(f"{ASSERT_SET}: check {place}: {wrong}")
    except ValueError as error:
        return str(error)
    return None


def split_type(name: Any) -> tuple[bool, str]:
    """Whether a type is turned round, and the type itself. Raises ValueError for a name that isn't known, with the nearest one."""
    if not isinstance(name, str) or not name:
        raise ValueError(
            f"type is the name of a check, such as 'contains', not {named(name) if name != '' else 'empty'}"
        )
    base = name.removeprefix(_NOT)
    if base in KINDS or base == ASSERT_SET:
        return base != name, base
    if base in REFUSED:
        raise ValueError(f"{base}: {REFUSED[base]}")
    guess = nearest(base, CHECK_TYPES)
    meant = (
        f"; did you mean '{name[: len(name) - len(base)]}{guess}'?"
        if guess
        else f" (there are {', '.join(CHECK_TYPES)})"
    )
    raise ValueError(f"no check is called {base[:80]!r}{meant}")


def takes_of(check: Check, kind: Kind, base: str, *, later: bool = False) -> Takes:
    """What the check's kind takes, from its value, threshold and options; `later`: its value is not known yet.

    Raises ValueError with everything that is wrong.
    """
    given = {**check.options}
    if check.value is not None:
        given["value"] = check.value
    if check.threshold is not None:
        given["threshold"] = check.threshold
    try:
        return kind.takes.model_validate(given)
    except ValidationError as error:
        if later and check.value is None and not kind.expected:
            later = False
        wrong = [_sentence(each, kind, base) for each in error.errors() if not (later and _is_value(each))]
        if wrong:
            raise ValueError("; ".join(wrong)) from error
        return kind.takes.model_construct()


def group_of(check: Check) -> tuple[Group, tuple[Check, ...]]:
    """An assert-set and its checks. Raises ValueError."""
    given = {**check.options, **({"value": check.value} if check.value is not None else {})}
    try:
        group = Group.model_validate(
            {**given, **({"threshold": check.threshold} if check.threshold is not None else {})}
        )
    except ValidationError as error:
        raise ValueError("; ".join(_sentence(each, None, ASSERT_SET) for each in error.errors())) from error
    members = tuple(check_of(each) for each in (*group.value, *group.also))
    if not members:
        raise ValueError(f"{ASSERT_SET}: it has no checks: write them as its value, a list")
    return group, members


def check_of(given: Any) -> Check:
    """A check from its JSON form; fields that no check has are its options, as promptfoo's files have them. Raises ValueError."""
    if not isinstance(given, Mapping):
        raise ValueError(f"a check is an object with 'type', not {named(given)}")
    options = dict(given.get("options") or {})
    options |= {name: value for name, value in given.items() if name not in _FIELDS}
    return Check(
        type=given.get("type", ""),
        value=given.get("value"),
        threshold=given.get("threshold"),
        weight=given.get("weight", 1.0),
        metric=given.get("metric") or "",
        options=options,
    )


def _is_value(problem: Any) -> bool:
    """Whether a problem is about the value; checks of several fields together are."""
    return not problem["loc"] or problem["loc"][0] == "value"


def _sentence(problem: Any, kind: Kind | None, base: str) -> str:
    where = ".".join(str(part) for part in problem["loc"]) or "value"
    if problem["type"] == "missing":
        return f"{base}: {where} is missing"
    if problem["type"] == "extra_forbidden":
        fields = list(kind.takes.model_fields) if kind else ["value", "assert", "threshold"]
        guess = nearest(where, fields)
        meant = f"; did you mean '{guess}'?" if guess else f" (it takes {', '.join(fields) or 'nothing'})"
        return f"{base}: it takes no '{where}'{meant}"
    said = str(problem["msg"])
    if problem["type"] == "value_error":
        return f"{base}: {where} {said.removeprefix('Value error, ')}"
    return f"{base}: {where}: {said[:1].lower()}{said[1:]}"
