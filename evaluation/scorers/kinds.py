"""The list of checks: name, version, options, and the function that makes a check of its options. A table and nothing else.

A check is a pure function of one call. To add one, write its maker and put it here; raise its `version` when the same answer would get
another score. Names follow promptfoo's assertions where there is one (https://www.promptfoo.dev/docs/configuration/expected-outputs/).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from evaluation.scorers.budgets import CostOptions, LatencyOptions, cost, latency
from evaluation.scorers.json_checks import JsonOptions, NoOptions, SchemaOptions, fits_schema, is_json, tool_arguments
from evaluation.scorers.language import LanguageOptions, language
from evaluation.scorers.subject import Scored, Subject
from evaluation.scorers.text_checks import (
    LengthOptions,
    RegexOptions,
    TextOptions,
    contains,
    icontains,
    is_complete,
    is_refusal,
    length,
    matches,
)
from tracing.event import ScoreKind

Check = Callable[[Subject], Scored | None]
"""What a scorer says of a call; None where it has nothing to say of it. Pure; it may raise, which counts as unparsed."""


def _bool(_: Any) -> ScoreKind:
    return "bool"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One way to score. `needs_answer`: calls whose bodies are not on record are left out. `gives` says what its values are."""

    version: str
    options: type[BaseModel]
    make: Callable[[Any], Check]
    needs_answer: bool = True
    gives: Callable[[Any], ScoreKind] = _bool


def _of_length(options: LengthOptions) -> ScoreKind:
    return "bool" if options.bounded else "number"


def _of_language(options: LanguageOptions) -> ScoreKind:
    return "category" if options.expect is None else "bool"


KINDS: Mapping[str, Kind] = {
    "is-json": Kind(version="1", options=JsonOptions, make=is_json),
    "json-schema": Kind(version="1", options=SchemaOptions, make=fits_schema),
    "tool-arguments": Kind(version="1", options=NoOptions, make=tool_arguments),
    "is-refusal": Kind(version="1", options=NoOptions, make=is_refusal),
    "is-complete": Kind(version="1", options=NoOptions, make=is_complete),
    "language": Kind(version="1", options=LanguageOptions, make=language, gives=_of_language),
    "length": Kind(version="1", options=LengthOptions, make=length, gives=_of_length),
    "regex": Kind(version="1", options=RegexOptions, make=matches),
    "contains": Kind(version="1", options=TextOptions, make=contains),
    "icontains": Kind(version="1", options=TextOptions, make=icontains),
    "latency": Kind(version="1", options=LatencyOptions, make=latency, needs_answer=False),
    "cost": Kind(version="1", options=CostOptions, make=cost, needs_answer=False),
}
