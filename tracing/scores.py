"""A score as it is posted, and the event that it becomes. Pure.

A score names its call by Slugline's call id, by the trace, or by the app's own id, and may come before the call is loaded or
days after it.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from tracing.event import ScoreEvent, timestamp


class Score(BaseModel):
    """One score. Exactly one of call_id, trace_id and external_id says what it is about."""

    model_config = ConfigDict(extra="forbid", str_max_length=8192)

    call_id: str | None = Field(
        None, description="Slugline's id of the call (response header x-slugline-call-id)", min_length=1
    )
    trace_id: str | None = Field(
        None, description="the W3C trace id; the score belongs to the trace's last call", min_length=1
    )
    external_id: str | None = Field(
        None, description="the id that the app sent as x-slugline-external-id", min_length=1
    )
    name: str = Field(description="what is scored, such as 'helpful'", min_length=1, max_length=200)
    value: StrictBool | StrictInt | StrictFloat | StrictStr | None = Field(
        description="true or false, a finite number, or a category's name; null with parsed=false"
    )
    comment: str = ""
    source: Literal["human", "code", "judge", "user"] = "code"
    scorer: str = Field("", description="who or what scored")
    scorer_version: str = ""
    parsed: bool = Field(True, description="false when the output could not be parsed, so that there is no value")
    id: str | None = Field(
        None, description="makes the post idempotent: the same id again replaces the score", min_length=1
    )

    @model_validator(mode="after")
    def _sensible(self) -> "Score":
        given = [name for name in ("call_id", "trace_id", "external_id") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(f"a score names exactly one of call_id, trace_id and external_id, not {len(given)}")
        if self.value is None and self.parsed:
            raise ValueError("value is missing (null goes with parsed=false)")
        if isinstance(self.value, float) and not (abs(self.value) < float("inf")):
            raise ValueError("value must be a finite number")
        return self


def score_event(score: Score, *, at: datetime, new_id: Callable[[], str]) -> ScoreEvent:
    """The event of a posted score."""
    target_kind: Literal["call", "trace", "external"] = "call"
    target = score.call_id
    if score.trace_id:
        target_kind, target = "trace", score.trace_id.lower()
    elif score.external_id:
        target_kind, target = "external", score.external_id
    else:
        target = (target or "").lower()
    kind: Literal["bool", "number", "category"] = "number"
    if isinstance(score.value, bool):
        kind = "bool"
    elif isinstance(score.value, str):
        kind = "category"
    now = timestamp(at)
    return ScoreEvent(
        score_id=score.id or new_id(),
        target_kind=target_kind,
        target=target or "",
        ts=now,
        received_at=now,
        name=score.name,
        value=float(score.value) if isinstance(score.value, bool | int | float) else None,
        label=score.value if isinstance(score.value, str) else "",
        kind=kind,
        source=score.source,
        scorer=score.scorer,
        scorer_version=score.scorer_version,
        parsed=score.parsed,
        comment=score.comment,
    )
