"""Checks of words: is an answer a refusal, is it complete, how long is it, what stands in it. Pure.

A refusal is what the provider marks as one, or an answer that opens with a phrase that models refuse with; phrases are known in seven
languages. That is a heuristic: an answer that apologises and then helps may be taken for one.
"""

import re
from collections.abc import Callable
from typing import Any, Literal, Self

import jsonschema_rs
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from evaluation.scorers.subject import Scored, Subject

_OPENING = 240
_CAN_NOT = (
    r"(?:can(?:no|['’])?t|can not|won['’]?t|will not|am unable to|['’]m unable to|am not able to|['’]m not able to)"
)
_DO = r"(?:help|assist|comply|provide|do|share|fulfil+|continue|answer|create|write|generate|support|discuss|give|engage|respond)"
_PHRASES = (
    rf"\bI (?:really )?{_CAN_NOT} (?:\w+ ){{0,2}}{_DO}\b",
    rf"\bI['’]m (?:unable|not able) to (?:\w+ ){{0,2}}{_DO}\b",
    r"\bI (?:must|have to) (?:decline|refuse)\b",
    r"\bI(?:['’]m| am) sorry,? but I (?:can|won|am|['’]m)",
    r"\b(?:against|violates?) (?:my|our|the) (?:\w+ )?(?:guidelines|policy|policies)\b",
    r"\bich (?:kann|darf|werde) (?:\w+ ){0,6}(?:nicht|keine[nrs]?)\b"
    r"(?=.{0,120}\b(?:helfen|weiterhelfen|unterstützen|beantworten|geben|machen|bereitstellen|nachkommen)\b)",
    r"\bje (?:ne peux|ne suis|refuse)\b(?: pas)?(?=.{0,120}\b(?:aider|répondre|fournir|donner|vous)\b)",
    r"\bil m['’]est impossible de\b",
    r"\b(?:no puedo|no me es posible)\b(?=.{0,120}\b(?:ayudar|ayudarte|ayudarle|responder|proporcionar|dar|compartir|hacer)\w*)",
    r"\bnon posso\b(?=.{0,120}\b(?:aiutar|rispondere|fornire|dare|condividere)\w*)",
    r"\bnão posso\b(?=.{0,120}\b(?:ajudar|responder|fornecer|dar|compartilhar)\w*)",
    r"\bik (?:kan|mag) (?:\w+ ){0,6}(?:niet|geen|niets)\b(?=.{0,120}\b(?:helpen|geven|beantwoorden|delen|zeggen)\b)",
)
_REFUSAL = re.compile("|".join(f"(?:{phrase})" for phrase in _PHRASES), re.IGNORECASE | re.DOTALL)
_WORD = re.compile(r"\w+(?:['’-]\w+)*")


class LengthOptions(BaseModel):
    """Options of `length`: with a bound the score says whether it is kept, without one it is the length."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unit: Literal["words", "characters", "tokens"] = "words"
    min: float | None = Field(None, ge=0)
    max: float | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min ({self.min:g}) is more than max ({self.max:g})")
        return self

    @property
    def bounded(self) -> bool:
        return self.min is not None or self.max is not None


class RegexOptions(BaseModel):
    """Options of `regex`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pattern: str = Field(
        min_length=1, description="found anywhere in the answer; (?i) ignores case; no look-around, no back-references"
    )
    expect: bool = Field(True, description="false: the score is true where it is not found")

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            _finder(pattern)
        except (jsonschema_rs.ValidationError, ValueError) as error:
            raise ValueError(
                f"is no regular expression that can be used here (no look-around, no back-references): {pattern!r}"
            ) from error
        return pattern


class TextOptions(BaseModel):
    """Options of `contains` and `icontains`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str = Field(min_length=1)
    expect: bool = Field(True, description="false: the score is true where it is not found")


def is_refusal(_: BaseModel) -> Callable[[Subject], Scored | None]:
    """True where the answer refuses."""

    def check(subject: Subject) -> Scored | None:
        if subject.refusal or subject.filtered:
            return Scored(value=True, comment="the provider marks it as one")
        found = _REFUSAL.search(subject.text[:_OPENING])
        return Scored(value=found is not None, comment=found[0][:100] if found else "")

    return check


def is_complete(_: BaseModel) -> Callable[[Subject], Scored | None]:
    """True unless the answer is empty or was cut off."""

    def check(subject: Subject) -> Scored | None:
        said = bool(subject.text.strip() or subject.tool_calls or subject.refusal)
        if subject.cut:
            return Scored(value=False, comment="cut off at the limit of tokens")
        return Scored(value=said, comment="" if said else "empty")

    return check


def length(options: LengthOptions) -> Callable[[Subject], Scored | None]:
    """How long the answer is, or whether that is within bounds."""

    def check(subject: Subject) -> Scored | None:
        if options.unit == "tokens":
            if subject.output_tokens is None:
                return None
            count = float(subject.output_tokens)
        else:
            count = float(len(subject.text) if options.unit == "characters" else len(_WORD.findall(subject.text)))
        if not options.bounded:
            return Scored(value=count)
        fits = (options.min is None or count >= options.min) and (options.max is None or count <= options.max)
        return Scored(value=fits, comment=f"{count:g} {options.unit}")

    return check


def matches(options: RegexOptions) -> Callable[[Subject], Scored | None]:
    """Whether a pattern is found, in time linear in the answer's length."""
    finder = _finder(options.pattern)
    return lambda subject: Scored(value=finder.is_valid(subject.text) == options.expect)


def contains(options: TextOptions) -> Callable[[Subject], Scored | None]:
    """Whether a text stands in the answer."""
    return lambda subject: Scored(value=(options.text in subject.text) == options.expect)


def icontains(options: TextOptions) -> Callable[[Subject], Scored | None]:
    """The same, whatever the case."""
    wanted = options.text.casefold()
    return lambda subject: Scored(value=(wanted in subject.text.casefold()) == options.expect)


def _finder(pattern: str) -> Any:
    """JSON Schema's `pattern` on Rust's regular expressions, which can't run away (https://docs.rs/regex/latest/regex/#untrusted-input)."""
    return jsonschema_rs.validator_for(
        {"type": "string", "pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions()
    )
