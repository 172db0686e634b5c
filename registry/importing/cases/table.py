"""A table of cases: a column for each variable, and columns that begin with `__` for what is checked.

Knows promptfoo's columns (https://www.promptfoo.dev/docs/configuration/test-cases/#special-csv-columns) and ours beside them:
`__reference`, `__tags`, `__weight`, `__must_pass`, `__note`. Refuses to know where the text comes from.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from registry.case_content import ASSERT_SET, check_as_mapping, check_case, check_check
from registry.cases import Case, Check
from registry.errors import nearest
from registry.importing.cases.expected import check_of
from registry.importing.cases.reading import CaseReading, invalid

_EXPECTED = re.compile(r"__expected(\d*)")
_CONFIG = re.compile(r"__config:__expected(\d*):(\w+)")
_METADATA = re.compile(r"__metadata:(.+?)(\[\])?")
_UNESCAPED_COMMA = re.compile(r"(?<!\\),")
_OURS = ("__reference", "__tags", "__weight", "__must_pass", "__note")
_THEIRS = ("__description", "__metric", "__threshold")
_CHANGES_THE_PROMPT = ("__prefix", "__suffix")
_YES, _NO = frozenset({"true", "yes", "1", "x"}), frozenset({"", "false", "no", "0"})


def read_table(text: str, where: str = "") -> CaseReading:
    """The cases of a CSV text, whose first line names the columns; a semicolon or tab may stand between them.

    Raises PromptInvalidError that names the line.
    """
    rows = rows_of(text, where)
    notes = []
    if rows and "__metadata" in rows[0][1]:
        notes.append("the column __metadata has no key and is left out: write it as __metadata:KEY")
    return CaseReading(cases=tuple(_case(row, f"{where}line {line}") for line, row in rows), notes=tuple(notes))


def rows_of(text: str, where: str = "") -> list[tuple[int, dict[str, str]]]:
    """Each row by its columns' names, with the line that it ends on. Raises PromptInvalidError."""
    text = text.removeprefix("\ufeff")
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count) if any(mark in head for mark in ",;\t") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    found: list[tuple[int, dict[str, str]]] = []
    try:
        names = [name.strip() for name in next(reader, [])]
        if not any(names) or len(set(names)) != len(names) or "" in names:
            raise invalid(
                f"{where}line 1", "names the columns, each once, with variables' names and such as __expected"
            )
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) > len(names):
                raise invalid(
                    f"{where}line {reader.line_num}",
                    f"has {len(row)} cells and there are {len(names)} columns: put what holds a '{delimiter}' in quotes",
                )
            cells = row + [""] * (len(names) - len(row))
            found.append((reader.line_num, dict(zip(names, cells, strict=True))))
    except csv.Error as error:
        raise invalid(f"{where}line {reader.line_num}", f"is no CSV: {error}") from error
    return found


def _case(row: Mapping[str, str], where: str) -> Case:
    variables: dict[str, Any] = {}
    checks: dict[int, Check] = {}
    settings: list[tuple[str, str, str]] = []
    tags: list[str] = []
    about = {name: row.get(name, "").strip() for name in (*_OURS, *_THEIRS)}
    for name, cell in row.items():
        if not name.startswith("__"):
            variables[name] = cell
        elif match := _EXPECTED.fullmatch(name):
            if cell.strip():
                checks[int(match[1] or 0)] = check_of(cell, f"{where}, {name}")
        elif match := _CONFIG.fullmatch(name):
            if cell.strip():
                settings.append((match[1], match[2], cell.strip()))
        elif match := _METADATA.fullmatch(name):
            tags += _metadata(match[1], cell, several=match[2] is not None)
        else:
            _check_column(name, cell, f"{where}, {name}")
    for number, key, value in settings:
        for place in [int(number)] if number else list(checks):
            if place not in checks:
                raise invalid(f"{where}, __config:__expected{number}:{key}", f"there is no __expected{number}")
            checks[place] = _with(checks[place], key, value, f"{where}, __config:__expected{number}:{key}")
    found = [replace(check, metric=about["__metric"]) for _, check in sorted(checks.items())]
    tags += [tag.strip() for tag in about["__tags"].split(",") if tag.strip()]
    return check_case(
        Case(
            variables=variables,
            expected=about["__reference"] or None,
            checks=_bounded(found, about["__threshold"], f"{where}, __threshold"),
            tags=tuple(tags),
            weight=_number(about["__weight"], f"{where}, __weight") if about["__weight"] else 1.0,
            must_pass=_yes(about["__must_pass"], f"{where}, __must_pass"),
            note=about["__note"] or about["__description"],
        ),
        where,
    )


def _check_column(name: str, cell: str, where: str) -> None:
    known = ("__expected", *_OURS, *_THEIRS)
    if name in _CHANGES_THE_PROMPT and cell:
        raise invalid(where, "changes the prompt; make it a variable that the prompt takes")
    if name not in (*known, *_CHANGES_THE_PROMPT, "__metadata"):
        guess = nearest(name, known)
        hint = f"did you mean '{guess}'?" if guess else f"there are {', '.join(known)}"
        raise invalid(where, f"is no column that there is; {hint}")


def at_least(checks: list[Check], threshold: float) -> tuple[Check, ...]:
    """Checks of which enough must pass for a share of their weights to be reached: what promptfoo's `threshold` of a test asks for."""
    return (Check(type=ASSERT_SET, value=[check_as_mapping(check) for check in checks], threshold=threshold),)


def _bounded(checks: list[Check], threshold: str, where: str) -> tuple[Check, ...]:
    if not threshold or not checks:
        return tuple(checks)
    return at_least(checks, _number(threshold, where))


def _with(check: Check, key: str, value: str, where: str) -> Check:
    if key == "threshold":
        return replace(check, threshold=_number(value, where))
    if key == "weight":
        return replace(check, weight=_number(value, where))
    return check_check(replace(check, options={**check.options, key: value}), where)


def _metadata(key: str, cell: str, *, several: bool) -> list[str]:
    values = [each.replace("\\,", ",").strip() for each in _UNESCAPED_COMMA.split(cell)] if several else [cell.strip()]
    return [value if key == "tags" else f"{key}={value}" for value in values if value]


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise invalid(where, f"is a number, not {text[:40]!r}") from None


def _yes(text: str, where: str) -> bool:
    if text.lower() in _YES | _NO:
        return text.lower() in _YES
    raise invalid(where, f"is true or false, not {text[:40]!r}")
