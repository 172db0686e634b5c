"""Cases as a file, which `registry.importing.cases` reads as the same cases again. Pure.

Knows three forms: YAML for people, JSON, and JSON lines for many cases. Refuses to know where the text goes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal, get_args

from registry.case_content import case_as_mapping, check_as_mapping
from registry.cases import Case, Check
from registry.files.yaml_text import dump_yaml

CaseFormat = Literal["yaml", "json", "jsonl"]
CASE_FORMATS: tuple[str, ...] = get_args(CaseFormat)


def write_cases(cases: Sequence[Case], checks: Sequence[Check] = (), *, form: CaseFormat, dataset: str = "") -> str:
    """The text of an own file, which reads as the same cases again; `dataset` names them for people."""
    every = [check_as_mapping(check) for check in checks]
    each = [case_as_mapping(case) for case in cases]
    if form == "jsonl":
        lines = [{"checks": every}] if every else []
        return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in [*lines, *each])
    fields: dict[str, Any] = {"dataset": dataset} if dataset else {}
    fields |= {"checks": every} if every else {}
    fields["cases"] = each
    return dump_yaml(fields) if form == "yaml" else f"{json.dumps(fields, indent=2, ensure_ascii=False)}\n"
