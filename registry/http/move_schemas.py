"""What the API takes and gives where channels move: promotions, rollbacks, rollouts and schedules.

Knows JSON shapes, as OpenAPI shows them, and how values become them. Refuses to know routes and where values come from.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from registry.http.body import Body, JsonObject
from registry.split import Split
from registry.values import Move, Schedule


class PromoteBody(Body):
    """Put a version on the channel; without one, the newest."""

    version: Annotated[int, Field(ge=1)] | None = None
    reason: str
    holdback: float | None = Field(
        default=None, description="per cent of callers that stay on the version before; null takes what the rule says"
    )
    holdback_hours: Annotated[float, Field(gt=0, le=24 * 365)] = 24.0
    evidence: JsonObject = Field(default_factory=dict)


class ReasonBody(Body):
    """Why, for whoever reads the history."""

    reason: str = ""


class RollbackBody(Body):
    """Put back what was live before, or a named version that was live once."""

    to: Annotated[int, Field(ge=1)] | None = None
    reason: str
    evidence: JsonObject = Field(default_factory=dict)


class ArmOut(BaseModel):
    """A version with a share of a channel."""

    version: int
    share: float = Field(description="per cent of callers")
    kind: Literal["rollout", "holdback"]
    until: datetime | None


class SplitOut(BaseModel):
    """What a channel serves beside its own version."""

    arms: list[ArmOut]
    sticky: str = Field(description="what callers are told apart by")

    @classmethod
    def of(cls, split: Split) -> SplitOut:
        """From the value."""
        names = ("version", "share", "kind", "until")
        return cls(
            arms=[ArmOut(**{name: getattr(arm, name) for name in names}) for arm in split.arms], sticky=split.sticky
        )


class MissingOut(BaseModel):
    """A worker that couldn't be reached, because it is stopped or cut off."""

    worker: str
    silent_seconds: float


class ServedOut(BaseModel):
    """Which workers serve it by now, and which couldn't be reached: those serve nothing old as if it were fresh."""

    acknowledged: list[str]
    missing: list[MissingOut]


class MoveOut(BaseModel):
    """What a move of a channel did."""

    slug: str
    channel: str
    from_version: int | None
    to_version: int
    split: SplitOut
    revision: int
    at: datetime
    changed: bool
    served: ServedOut | None = Field(description="null where no server runs on this registry")

    @classmethod
    def of(cls, move: Move) -> MoveOut:
        """From the value."""
        same = {name: getattr(move, name) for name in cls.model_fields if name not in {"split", "served"}}
        served = None
        if move.served is not None:
            served = ServedOut(
                acknowledged=[*move.served.acknowledged],
                missing=[MissingOut(worker=m.worker, silent_seconds=m.silent_seconds) for m in move.served.missing],
            )
        return cls(**same, split=SplitOut.of(move.split), served=served)


class ArmBody(Body):
    """A version with a share."""

    version: Annotated[int, Field(ge=1)]
    share: float = Field(description="per cent of callers")


class RolloutBody(Body):
    """Shares beside the channel's own version; it keeps what they leave."""

    arms: list[ArmBody] = Field(default_factory=list)
    sticky: str = Field(default="session", description="session, user, trace, or variable:NAME")
    reason: str
    evidence: JsonObject = Field(default_factory=dict)


class ScheduleBody(Body):
    """A move to come."""

    version: Annotated[int, Field(ge=1)] | None = Field(default=None, description="without one, the newest by now")
    at: datetime
    reason: str


class ScheduleOut(BaseModel):
    """A scheduled move; `outcome` says why it failed."""

    schedule_id: str
    slug: str
    channel: str
    version: int
    due_at: datetime
    reason: str
    actor: str
    state: str
    outcome: str
    created_at: datetime
    revision: int

    @classmethod
    def of(cls, planned: Schedule) -> ScheduleOut:
        """From the value."""
        return cls(**{name: getattr(planned, name) for name in cls.model_fields})


class ScheduleList(BaseModel):
    """Scheduled moves."""

    schedules: list[ScheduleOut]
