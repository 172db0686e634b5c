"""A dataset's words as values: golden inputs for prompts, with the checks that their outputs must pass.

Knows the shape of cases and what makes two of them the same. Refuses to know how they are stored, read from files, or run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What an output must pass. `type` is promptfoo's name of it (`equals`, `icontains`, `is-json`, `llm-rubric`), with `not-` in front to
    turn it round; `value` and `threshold` are what the type takes. `metric` is the name that its scores go by, empty for the type's.
    `options` are the type's further settings.
    """

    type: str
    value: Any = None
    threshold: float | None = None
    weight: float = 1.0
    metric: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One golden input. `messages` are the caller's own, beside the prompt's. `expected` is the reference answer, for checks that take one.

    A case that `must_pass` fails the whole evaluation alone. `note` says why the case is there, in people's words; `source` where it comes
    from (`{"call_id": …}`). What `case_id` covers is the case; the rest is about it.
    """

    variables: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[Mapping[str, Any], ...] = ()
    expected: str | None = None
    checks: tuple[Check, ...] = ()
    tags: tuple[str, ...] = ()
    weight: float = 1.0
    must_pass: bool = False
    note: str = ""
    source: Mapping[str, Any] = field(default_factory=dict)

    @property
    def case_id(self) -> str:
        """Of the content alone, so that the same case is the same in every version of every dataset: 16 hexadecimal digits."""
        return self.digest[:16]

    @property
    def digest(self) -> str:
        """What `case_id` is the beginning of: SHA-256 of the content, in hexadecimal digits."""
        return _digest([self.variables, self.messages, self.expected, [_content(check) for check in self.checks]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """An immutable, numbered snapshot of a dataset. `checks` hold for every case, before its own; `revision` is the write that made it."""

    name: str
    number: int
    cases: tuple[Case, ...]
    checks: tuple[Check, ...] = ()
    content_hash: str
    message: str
    author: str
    created_at: datetime
    revision: int

    @property
    def reference(self) -> str:
        """How this version is named: `support-golden@3`."""
        return f"{self.name}@{self.number}"


def content_hash(cases: Sequence[Case], checks: Sequence[Check]) -> str:
    """What tells two versions of a dataset apart: everything but where cases come from."""
    return members_hash([(case.case_id, case) for case in cases], checks)


def members_hash(members: Sequence[tuple[str, Case]], checks: Sequence[Check]) -> str:
    """The same from the cases' ids, each with what a version says about its case: the content may have been erased."""
    about = [[case_id, case.tags, case.weight, case.must_pass, case.note] for case_id, case in members]
    return _digest([about, [_content(check) for check in checks]])


def _content(check: Check) -> list[Any]:
    return [check.type, check.value, check.threshold, check.weight, check.metric, check.options]


def _digest(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()
