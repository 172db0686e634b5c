"""A score as it is posted, and the event that it becomes. Pure.

A score names its call by Slugline's call id, by the trace, or by the app's own id, and may come before the call is loaded or
days after it. Refuses to know where events go (`tracing.api`) and how they are read back (`tracing.score_reads`).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)

from tracing.event import ScoreEvent, ScoreKind, ScoreSource, TargetKind, timestamp

LONGEST_CATEGORY = 200
LONGEST_TEXT = 8192
_EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
_AHEAD = timedelta(days=1)


def _plain_value(value: Any) -> bool | float | str | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:
            number = float("inf")
        if abs(number) < float("inf"):
            return number
        raise ValueError("must be a finite number")
    if isinstance(value, str):
        if len(value) <= LONGEST_TEXT:
            return value
        raise ValueError(f"must be no longer than {LONGEST_TEXT:,} characters, not {len(value):,}")
    raise ValueError(
        f"must be true, false, a number or a string, not {'an object' if isinstance(value, dict) else 'a list'}"
    )


def _call_id(value: str) -> str:
    try:
        return str(UUID(value))
    except ValueError:
        raise ValueError(
            f"is no call's id: one is a UUID, as in the response header x-slugline-call-id, not {value[:60]!r} "
            "(an id of the app's own goes in external_id)"
        ) from None


def _zoned(value: Any) -> Any:
    """A time without a zone is UTC."""
    if isinstance(value, str):
        try:
            time = datetime.fromisoformat(value)
        except ValueError:
            return value  # pydantic says what is wrong with it
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time
    return value


class Score(BaseModel):
    """One score. Exactly one of call_id, trace_id and external_id says what it is about."""

    model_config = ConfigDict(extra="forbid", str_max_length=LONGEST_TEXT)

    call_id: Annotated[str, AfterValidator(_call_id)] | None = Field(
        None, description="Slugline's id of the call (response header x-slugline-call-id)", min_length=1
    )
    trace_id: str | None = Field(
        None, description="the W3C trace id; the score belongs to the trace's last call", min_length=1
    )
    external_id: str | None = Field(
        None, description="the id that the app sent as x-slugline-external-id", min_length=1
    )
    name: str = Field(description="what is scored, such as 'helpful'", min_length=1, max_length=200)
    value: Annotated[
        bool | float | str | None,
        PlainValidator(_plain_value),
        WithJsonSchema({"anyOf": [{"type": kind} for kind in ("boolean", "number", "string", "null")]}),
    ] = Field(description="true or false, a finite number, a category's name, or a text; null with parsed=false")
    kind: ScoreKind | None = Field(
        None, description="what the value is; needed for a text only: a string is a category's name otherwise"
    )
    ts: Annotated[AwareDatetime, BeforeValidator(_zoned)] | None = Field(
        None, description="when the score was given, where that was not now; without a zone it is UTC"
    )
    comment: str = ""
    source: ScoreSource = "code"
    scorer: str = Field("", description="who or what scored", max_length=200)
    scorer_version: str = Field("", max_length=200)
    parsed: bool = Field(True, description="false when the output could not be parsed, so that there is no value")
    id: str | None = Field(
        None,
        description="makes the post idempotent: the same id again replaces the score",
        min_length=1,
        max_length=300,
    )

    @model_validator(mode="after")
    def _sensible(self) -> "Score":
        given = [name for name in ("call_id", "trace_id", "external_id") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(f"a score names exactly one of call_id, trace_id and external_id, not {len(given)}")
        if self.value is None and self.parsed:
            raise ValueError("value is missing (null goes with parsed=false)")
        _check_kind(self.kind, self.value)
        if self.ts is not None and self.ts < _EARLIEST:
            raise ValueError(f"ts is before {_EARLIEST:%Y}: {self.ts.isoformat()}")
        return self

    @property
    def target(self) -> tuple[TargetKind, str]:
        """What it is about: by which kind of id, and the id."""
        if self.trace_id:
            return "trace", self.trace_id.lower()
        if self.external_id:
            return "external", self.external_id
        return "call", self.call_id or ""


def _check_kind(kind: ScoreKind | None, value: bool | float | str | None) -> None:
    if kind in {None, "category"} and isinstance(value, str) and len(value) > LONGEST_CATEGORY:
        raise ValueError(
            f"a category's name has {LONGEST_CATEGORY} characters at most, not {len(value):,}: say kind 'text' for free text"
        )
    fits = {
        "bool": value is None or value in (0, 1),
        "number": value is None or (isinstance(value, float) and not isinstance(value, bool)),
        "category": value is None or isinstance(value, str),
        "text": value is None or isinstance(value, str),
    }
    if kind is not None and not fits[kind]:
        raise ValueError(f"a score of kind '{kind}' can't have the value {value!r}")


def kind_of(score: Score) -> ScoreKind:
    """What a score's value is: what it says itself, else by the value's type."""
    if score.kind is not None:
        return score.kind
    if isinstance(score.value, bool):
        return "bool"
    return "category" if isinstance(score.value, str) else "number"


def score_event(
    score: Score, *, at: datetime, new_id: Callable[[], str], posted_by: str = "", received: datetime | None = None
) -> ScoreEvent:
    """The event of a posted score. `received` orders the events of one score; without it `at` does."""
    target_kind, target = score.target
    return ScoreEvent(
        score_id=score.id or new_id(),
        target_kind=target_kind,
        target=target,
        ts=timestamp(score.ts or at),
        received_at=timestamp(received or at),
        name=score.name,
        value=float(score.value) if isinstance(score.value, bool | float) else None,
        label=score.value if isinstance(score.value, str) else "",
        kind=kind_of(score),
        source=score.source,
        scorer=score.scorer,
        scorer_version=score.scorer_version,
        parsed=score.parsed,
        comment=score.comment,
        posted_by=posted_by[:200],
    )


def score_events(
    scores: Sequence[Score], *, at: datetime, new_id: Callable[[], str], posted_by: str = ""
) -> list[ScoreEvent]:
    """The events of a batch, in its order. Where an id comes twice, the later one replaces the earlier one.

    Raises ValueError for a time that has not come yet, with the index.
    """
    seen: Counter[str] = Counter()
    events = []
    for index, score in enumerate(scores):
        if score.ts is not None and score.ts > at + _AHEAD:
            raise ValueError(f"scores.{index}.ts: {score.ts.isoformat()} has not come yet")
        event = score_event(
            score,
            at=at,
            new_id=new_id,
            posted_by=posted_by,
            received=at + timedelta(microseconds=seen[score.id or ""]) if score.id else None,
        )
        seen[event.score_id] += 1
        events.append(event)
    return events


def as_posted(event: ScoreEvent) -> dict[str, Any]:
    """An event as whoever gave it would post it, an item of `POST /api/scores`; `received_at` is the server's to say."""
    value: bool | float | str | None = event.label if event.kind in {"category", "text"} else event.value
    if event.kind == "bool" and event.value is not None:
        value = bool(event.value)
    return {
        "id": event.score_id,
        {"call": "call_id", "trace": "trace_id", "external": "external_id"}[event.target_kind]: event.target,
        "name": event.name,
        "value": value if event.parsed else None,
        "kind": event.kind,
        "ts": event.ts,
        **{name: getattr(event, name) for name in ("comment", "source", "scorer", "scorer_version", "parsed")},
    }


def deletion(
    score_id: str, *, at: datetime, posted_by: str = "", target: tuple[TargetKind, str] = ("call", ""), name: str = ""
) -> ScoreEvent:
    """The event that takes a score away; `target` and `name` are the score's own where they are known."""
    now = timestamp(at)
    return ScoreEvent(
        score_id=score_id,
        target_kind=target[0],
        target=target[1],
        ts=now,
        received_at=now,
        name=name,
        value=None,
        kind="number",
        parsed=False,
        deleted=True,
        posted_by=posted_by[:200],
    )
