"""The settings below `[record]`: how much of a call is kept, of which calls, and without what. Data with help text."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tracing.privacy.patterns import KINDS

Mode = Literal["full", "metadata", "none"]
Share = Annotated[float, Field(gt=0, le=1)]
SecretRef = Annotated[str, Field(pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$")]

DEFAULT_KINDS = ("secrets", "card", "iban")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RuleSettings(_Strict):
    """What counts for the calls of one prompt or one caller key."""

    mode: Mode | None = None
    sample: Share | None = None


class RedactSettings(_Strict):
    """What is taken out of records before they touch a disk."""

    kinds: tuple[str, ...] = Field(DEFAULT_KINDS, description="built-in patterns: " + ", ".join(KINDS))
    patterns: dict[str, str] = Field(default_factory=dict, description="own regular expressions (RE2) by name")
    hash_key: SecretRef | None = Field(
        None,
        description="env:NAME or file:PATH; equal values then leave equal marks, so that rows can be joined by them",
    )
    identities: Literal["keep", "hash"] = Field("keep", description="`hash` keeps users and sessions as keyed hashes")
    function: str = Field("", description="module:function, an own function from a text to the text that may be kept")

    @field_validator("kinds")
    @classmethod
    def _known(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [kind for kind in kinds if kind not in KINDS]
        if unknown:
            raise ValueError(f"there is no built-in kind {unknown[0]!r}; there are {', '.join(KINDS)}")
        return kinds

    @field_validator("patterns")
    @classmethod
    def _usable(cls, patterns: dict[str, str]) -> dict[str, str]:
        if not patterns:
            return patterns
        from tracing.privacy.redactor import BadPattern, Redactor  # RE2 is loaded by those who need it

        try:
            Redactor((), patterns)
        except BadPattern as error:
            raise ValueError(str(error)) from error
        return patterns


class RecordSettings(_Strict):
    """What of a call is kept."""

    mode: Mode = Field("full", description="full, metadata (no bodies) or none (no row)")
    sample: Share = Field(1.0, description="the share of calls that is kept; errors always are")
    prompts: dict[str, RuleSettings] = Field(default_factory=dict, description="by prompt, a pattern with *")
    callers: dict[str, RuleSettings] = Field(default_factory=dict, description="by caller key's name, a pattern with *")
    redact: RedactSettings = Field(default_factory=RedactSettings)


def secrets_only(kinds: Iterable[str]) -> tuple[str, ...]:
    """The kinds that are looked for in identifiers, too."""
    return tuple(kind for kind in kinds if kind == "secrets")
