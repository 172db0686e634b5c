"""What a case and its failure are called where people read about them: a few words, in one line.

Knows where a case has words of its own. Refuses to know how many cases are shown, and to decide what failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evaluation.runs.values import CaseResult
from registry.cases import Case

_LONGEST_NAME = 80
_LONGEST_REASON = 300


def name_of(case: Case) -> str:
    """The case's note, else the first words of its last message, else of its variables, else its id."""
    for said in (
        case.note,
        _last_message(case),
        ", ".join(f"{name}={value}" for name, value in case.variables.items()),
    ):
        if said.strip():
            return _short(said, _LONGEST_NAME)
    return case.case_id


def reason_of(result: CaseResult) -> str:
    """Why an attempt isn't a pass: its error, else the first check that failed, else the first that couldn't decide."""
    if result.output.error:
        return _short(f"error: {result.output.error}", _LONGEST_REASON)
    for wanted in (False, None):
        for check in result.checks:
            if check.passed is wanted:
                said = check.reason or ("failed" if wanted is False else "could not decide")
                return _short(f"{check.metric or check.type}: {said}", _LONGEST_REASON)
    return "could not decide" if result.passed is None else "failed"


def _last_message(case: Case) -> str:
    users = [message for message in case.messages if message.get("role") == "user"] or list(case.messages)
    return _text_of(users[-1]) if users else ""


def _text_of(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list | tuple):
        content = " ".join(str(each.get("text") or "") for each in content if isinstance(each, Mapping))
    return content if isinstance(content, str) else ""


def _short(said: str, most: int) -> str:
    line = " ".join(said.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"
