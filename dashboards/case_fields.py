"""A case as the fields of a form, and back: rows for what people write as text, JSON for the rest. Pure.

Knows how to lose nothing on the way: a value that isn't plain text, a message with parts or tools, a check with options stands in the
JSON field of its kind. Refuses to know which dataset the case is for; `registry.case_content` says whether it makes sense.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboards.forms import Form
from registry.case_content import ASSERT_SET, CHECK_TYPES, case_as_mapping, check_as_mapping, parse_case, parse_checks
from registry.cases import Case, Check
from registry.errors import PromptInvalidError

MOST_ROWS = 16
"""More rows than this would be more fields than a form may have; further ones stand as JSON."""
ROLES = ("user", "assistant", "system", "developer", "tool")
SEVERAL = frozenset({"contains-all", "contains-any", "icontains-all", "icontains-any"})
"""Checks whose value is several texts: one a line."""
TYPES = tuple(sorted(CHECK_TYPES - {ASSERT_SET}))

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFields:
    """What stands in the form. Rows are (name, text) of variables, (role, text) of messages, and of checks (type, "not" or "", value,
    threshold)."""

    variables: Sequence[Row] = ()
    other_variables: str = ""
    messages: Sequence[Row] = ()
    other_messages: str = ""
    expected: str = ""
    checks: Sequence[Row] = ()
    other_checks: str = ""
    tags: str = ""
    weight: str = "1"
    must_pass: bool = False
    note: str = ""

    @classmethod
    def of_case(cls, case: Case, names: Iterable[str] = ()) -> CaseFields:
        """A case in its fields; `names` are variables that other cases have, to be filled in as well."""
        plain = {name: value for name, value in case.variables.items() if _plain(value) and name == name.strip() != ""}
        texts = dict(list(plain.items())[:MOST_ROWS])
        rest = {name: value for name, value in case.variables.items() if name not in texts}
        missing = [name for name in names if name not in case.variables][: MOST_ROWS - len(texts)]
        simple = len(case.messages) <= MOST_ROWS and all(_simple_message(each) for each in case.messages)
        rows, others = _check_rows(case.checks)
        return cls(
            variables=[*texts.items(), *((name, "") for name in missing)],
            other_variables=_json(rest),
            messages=[(str(each["role"]), str(each["content"])) for each in case.messages] if simple else (),
            other_messages="" if simple else _json(list(case.messages)),
            expected=case.expected or "",
            checks=rows,
            other_checks=_json([check_as_mapping(each) for each in others]),
            tags=", ".join(case.tags),
            weight=repr(case.weight).removesuffix(".0"),
            must_pass=case.must_pass,
            note=case.note,
        )

    @classmethod
    def of_form(cls, form: Form) -> CaseFields:
        """What was sent, as it was typed."""
        return cls(
            variables=[row for row in _rows(form, "variable", "text") if any(row)],
            other_variables=form.raw("other_variables"),
            messages=[row for row in _rows(form, "role", "said") if row[1].strip()],
            other_messages=form.raw("other_messages"),
            expected=form.raw("expected"),
            checks=[row for row in _rows(form, "check", "not", "value", "threshold") if row[0]],
            other_checks=form.raw("other_checks"),
            tags=form.raw("tags"),
            weight=form.text("weight"),
            must_pass=form.checked("must_pass"),
            note=form.raw("note"),
        )

    def case(self, source: Mapping[str, Any]) -> Case:
        """The case that the fields say. Raises PromptInvalidError that names the field."""
        variables = _of_json(self.other_variables, "other_variables", dict)
        for name, text in self.variables:
            if not name.strip() and text.strip():
                raise PromptInvalidError("a variable has a text and no name", param="variables")
            if name.strip() and text:
                if name.strip() in variables:
                    raise PromptInvalidError(f"the variable '{name.strip()}' is there twice", param="variables")
                variables[name.strip()] = text
        messages = [{"role": role, "content": said} for role, said in self.messages if said.strip()]
        given = {
            "variables": variables,
            "messages": [*messages, *_of_json(self.other_messages, "other_messages", list)],
            "expected": self.expected or None,
            "tags": [tag.strip() for tag in self.tags.split(",") if tag.strip()],
            "weight": _number(self.weight or "1", "weight"),
            "must_pass": self.must_pass,
            "note": self.note,
            "source": dict(source),
        }
        return parse_case({**given, "checks": [check_as_mapping(check) for check in self.all_checks()]})

    def all_checks(self) -> tuple[Check, ...]:
        """The checks alone. Raises PromptInvalidError."""
        found = [_check_of_row(*row) for row in self.checks if row[0]]
        return (*found, *parse_checks(_of_json(self.other_checks, "other_checks", list), "other_checks"))


def all_case_fields(checks: Sequence[Check]) -> CaseFields:
    """The checks that hold for every case, in the same fields as a case's own."""
    rows, others = _check_rows(checks)
    return CaseFields(checks=rows, other_checks=_json([check_as_mapping(each) for each in others]))


def case_as_text(case: Case) -> str:
    """A case as indented JSON, for whoever wants to see all of it."""
    return json.dumps(case_as_mapping(case), ensure_ascii=False, indent=2)


def _plain(value: Any) -> bool:
    """Whether a browser's form gives it back as it is: a text whose line ends are plain, and not empty."""
    return isinstance(value, str) and bool(value.strip()) and "\r" not in value


def _simple_message(message: Mapping[str, Any]) -> bool:
    return set(message) == {"role", "content"} and message["role"] in ROLES and _plain(message["content"])


def _check_rows(checks: Sequence[Check]) -> tuple[list[Row], list[Check]]:
    """Checks as rows, and those that are more than a row can say. Order counts in a case's id, so all from the first such one on."""
    rows: list[Row] = []
    for place, check in enumerate(checks):
        row = _row_of_check(check)
        if row is None or len(rows) == MOST_ROWS or _check_of_row(*row) != check:
            return rows, list(checks[place:])
        rows.append(row)
    return rows, []


def _row_of_check(check: Check) -> Row | None:
    base = check.type.removeprefix("not-")
    value = check.value
    if base in SEVERAL and isinstance(value, list) and all(isinstance(each, str) for each in value):
        value = "\n".join(value)
    if base not in TYPES or not (value is None or _plain(value)):
        return None
    threshold = "" if check.threshold is None else repr(check.threshold).removesuffix(".0")
    return (base, "not" if check.type != base else "", value or "", threshold)


def _check_of_row(base: str, negated: str, value: str, threshold: str) -> Check:
    given: str | list[str] | None = value if value.strip() else None
    if given is not None and base in SEVERAL:
        given = [line.strip() for line in value.split("\n") if line.strip()]
    return Check(
        type=f"not-{base}" if negated else base,
        value=given,
        threshold=_number(threshold, f"{base}: threshold") if threshold.strip() else None,
    )


def _rows(form: Form, *names: str) -> list[Row]:
    return [tuple(form.raw(f"{name}_{place}") for name in names) for place in range(MOST_ROWS)]


def _number(text: str, name: str) -> float:
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        raise PromptInvalidError(f"'{name}' is a number, not '{text[:40]}'", param=name) from None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) if value else ""


def _of_json(text: str, name: str, kind: type) -> Any:
    if not text.strip():
        return kind()
    said = "a list" if kind is list else 'an object, such as {"name": 1}'
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PromptInvalidError(f"'{name}' is no JSON: {error}", param=name) from None
    if not isinstance(found, kind):
        raise PromptInvalidError(f"'{name}' is {said}", param=name)
    return found
