"""What calls are looked for: one frozen value that the API takes as query parameters and the command line as options. Pure.

Knows the names and forms of filters. Refuses to know SQL (`tracing.search.conditions`) and who may see what.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from tracing.event import Outcome

Comparison = Literal["=", "!=", "<", "<=", ">", ">="]

_SCORE = re.compile(r"\s*([^<>=!]+?)\s*(?:(>=|<=|!=|=|<|>)\s*(.*?)\s*)?", re.DOTALL)
_STATUS = re.compile(r"([1-5])xx|([1-5]\d\d)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreCondition:
    """A score that a call must have: by name alone, or compared. `number` is set for numbers and bools (1 and 0), `label` else."""

    name: str
    comparison: Comparison | None = None
    number: float | None = None
    label: str = ""


def read_score(text: str) -> ScoreCondition:
    """The meaning of `helpful`, `helpful>=0.5`, `helpful=true`, `tone=angry`. Raises ValueError."""
    found = _SCORE.fullmatch(text)
    if found is None or (found[2] and not found[3]):
        raise ValueError(
            f"a score is looked for as helpful, helpful>=0.5, helpful=true or tone=angry, not {text[:80]!r}"
        )
    name, value = found[1], found[3]
    comparison = cast(Comparison | None, found[2])
    if comparison is None:
        return ScoreCondition(name=name)
    number = {"true": 1.0, "false": 0.0}.get(value.lower())
    if number is None:
        try:
            number = float(value)
        except ValueError:
            if comparison not in ("=", "!="):
                raise ValueError(f"{value[:80]!r} is no number: a category is compared with = or !=") from None
            return ScoreCondition(name=name, comparison=comparison, label=value)
    return ScoreCondition(name=name, comparison=comparison, number=number)


def read_status(text: str) -> tuple[int, int]:
    """The first and last status that `429` or `5xx` means. Raises ValueError."""
    found = _STATUS.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"a status is such as 429 or 5xx, not {text[:40]!r}")
    if found[1]:
        return int(found[1]) * 100, int(found[1]) * 100 + 99
    return int(found[2]), int(found[2])


def read_tag(text: str) -> tuple[str, str | None]:
    """Name and value of `team=search`; of `team`, any value. Raises ValueError."""
    name, equals, value = text.partition("=")
    if not name.strip():
        raise ValueError(f"a tag is looked for as team or team=search, not {text[:80]!r}")
    return name.strip(), value.strip() if equals else None


def _in_utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _checked(read: Any) -> AfterValidator:
    def check(values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            read(value)
        return values

    return AfterValidator(check)


def _outcome(value: str) -> None:
    if value not in get_args(Outcome):
        raise ValueError(f"an outcome is one of {', '.join(get_args(Outcome))}, not {value[:40]!r}")


Time = Annotated[datetime, AfterValidator(_in_utc)]
Names = Annotated[tuple[str, ...], Field(max_length=100)]


class CallFilter(BaseModel):
    """Which calls: all conditions hold together; of a condition that is given several times, one of the values must fit."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=10_000)

    since: Time | None = Field(None, description="first moment; without a zone it is UTC")
    until: Time | None = Field(None, description="first moment after the window")
    ended_since: Time | None = Field(None, description="calls that ended then or later: what `slugline tail` asks for")
    prompt: Names = Field((), description="the prompt's slug; '-' for calls that name no prompt")
    version: Annotated[tuple[int, ...], Field(max_length=100)] = Field((), description="the version's number")
    channel: Names = Field((), description="the channel that the call came by")
    variant: Names = Field((), description="main, rollout or holdback")
    model: Names = Field((), description="the model that was asked for or that answered")
    provider: Names = ()
    endpoint: Names = Field((), description="such as /v1/chat/completions")
    status: Annotated[tuple[str, ...], Field(max_length=100), _checked(read_status)] = Field(
        (), description="an HTTP status such as 429, or 5xx"
    )
    outcome: Annotated[tuple[str, ...], _checked(_outcome)] = Field(
        (), description="ok, refused, provider_error, timeout or client_left"
    )
    error_code: Names = ()
    caller: Names = Field((), description="the name of the caller's key")
    user: Names = Field((), description="the app's user")
    session: Names = ()
    stratum: Names = ()
    external_id: Names = Field((), description="the app's own id of the call")
    trace_id: Names = ()
    purpose: Names = Field((), description="production, evaluation, probe, playground, judge …; every one without this")
    origin: Names = Field((), description="import, langfuse or litellm; '-' for calls through this proxy")
    tag: Annotated[tuple[str, ...], Field(max_length=20), _checked(read_tag)] = Field(
        (), description="team=search, or team for any value; all of them must fit"
    )
    score: Annotated[tuple[str, ...], Field(max_length=10), _checked(read_score)] = Field(
        (), description="helpful, helpful>=0.5, helpful=true, tone=angry; all of them must fit"
    )
    text: str = Field("", description="text in the input or the output, in any case")
    input_text: str = Field("", description="text in the input")
    output_text: str = Field("", description="text in the output")
    min_cost: float | None = Field(None, description="US dollars")
    max_cost: float | None = None
    min_ms: float | None = Field(None, description="duration in milliseconds")
    max_ms: float | None = None
    min_tokens: int | None = Field(None, description="input and output together")
    max_tokens: int | None = None

    @model_validator(mode="after")
    def _sensible(self) -> "CallFilter":
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError(f"since ({self.since.isoformat()}) must be before until ({self.until.isoformat()})")
        for name in ("cost", "ms", "tokens"):
            least, most = getattr(self, f"min_{name}"), getattr(self, f"max_{name}")
            if least is not None and most is not None and least > most:
                raise ValueError(f"min_{name} ({least}) is more than max_{name} ({most})")
        return self

    @property
    def reads_bodies(self) -> bool:
        """Whether bodies have to be read to answer: slow, and not for everybody."""
        return bool(self.text or self.input_text or self.output_text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What somebody may see: calls of these prompts (patterns with *; empty means all calls), and whether their bodies."""

    prompts: tuple[str, ...] = ()
    bodies: bool = True
