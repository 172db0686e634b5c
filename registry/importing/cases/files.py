"""A file of cases, whichever it is: Slugline's own YAML, JSON or JSON lines, a CSV table, or promptfoo's tests.

Knows how to tell them apart. Own files hold `cases` and, for all of them, `checks`; JSON lines hold a case each, and checks for all in a
line of their own. Refuses to touch the disk: it is handed texts, and a way to find those that a text names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from registry.case_content import parse_case, parse_checks
from registry.cases import Check
from registry.errors import nearest
from registry.importing.cases.promptfoo import is_config, read_tests
from registry.importing.cases.reading import CaseReading, Find, invalid, nothing_found
from registry.importing.cases.table import read_table
from registry.importing.documents import read_json, read_yaml

_FIELDS = ("dataset", "checks", "cases")


def read_cases(text: str, name: str, find: Find = nothing_found) -> CaseReading:
    """The cases of a file; its name's ending says what it is: .csv, .tsv, .jsonl, .json, or YAML for all others.

    Raises PromptInvalidError that names the place.
    """
    text = text.removeprefix("\ufeff")
    ending = name.lower().rpartition(".")[2]
    if ending in ("csv", "tsv"):
        reading = read_table(text)
    elif ending in ("jsonl", "ndjson"):
        reading = _from_lines(text, find)
    else:
        reading = _from_value(read_json(text) if ending == "json" else read_yaml(text), find)
    if not reading.cases:
        raise invalid("", "it holds no case")
    return reading


def _from_value(data: Any, find: Find) -> CaseReading:
    if isinstance(data, Mapping) and "cases" in data:
        return _own(data)
    if is_config(data):
        return read_tests(data, find)
    if isinstance(data, list):
        return CaseReading(cases=tuple(parse_case(each, f"[{index}]") for index, each in enumerate(data)))
    raise invalid("", "it is no dataset: it holds 'cases', or 'tests' as promptfoo's files do, or a list of either")


def _own(data: Mapping[Any, Any]) -> CaseReading:
    for name in data:
        if name not in _FIELDS:
            guess = nearest(str(name), _FIELDS)
            hint = f"did you mean '{guess}'?" if guess else f"there are {', '.join(_FIELDS)}"
            raise invalid(str(name)[:80], f"is not a field of a dataset's file; {hint}")
    cases = data["cases"]
    if not isinstance(cases, list):
        raise invalid("cases", "is a list")
    return CaseReading(
        cases=tuple(parse_case(each, f"cases[{index}]") for index, each in enumerate(cases)),
        checks=parse_checks(data.get("checks")),
    )


def _from_lines(text: str, find: Find) -> CaseReading:
    values: list[tuple[int, Any]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                values.append((number, json.loads(line)))
            except (ValueError, RecursionError) as error:
                raise invalid(f"line {number}", f"is no JSON: {error}") from error
    if is_config([value for _, value in values]):
        return read_tests([value for _, value in values], find)
    checks: tuple[Check, ...] = ()
    cases = []
    for number, value in values:
        if isinstance(value, Mapping) and set(value) == {"checks"}:
            checks = (*checks, *parse_checks(value["checks"], f"line {number}: checks"))
        else:
            cases.append(parse_case(value, f"line {number}"))
    return CaseReading(cases=tuple(cases), checks=checks)
