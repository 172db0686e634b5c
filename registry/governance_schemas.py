"""What the API of channels takes and gives, as OpenAPI shows it: rollouts, rules, schedules, requests and the audit.

Knows JSON shapes and how values become them. Refuses to know routes and where values come from, as `registry.schemas`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from registry.audit import Verified
from registry.rows import split_of
from registry.rules import Rule
from registry.schemas import SplitOut
from registry.values import HistoryEntry, PromotionRequest, Schedule

JsonObject = dict[str, Any]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ArmBody(_Body):
    """A version with a share."""

    version: Annotated[int, Field(ge=1)]
    share: float = Field(description="per cent of callers")


class RolloutBody(_Body):
    """Shares beside the channel's own version; it keeps what they leave."""

    arms: list[ArmBody] = []
    sticky: str = Field(default="session", description="session, user, trace, or variable:NAME")
    reason: str
    evidence: JsonObject = Field(default_factory=dict)


class ProtectBody(_Body):
    """What a channel asks for."""

    approvals: int = Field(default=0, description="by others than who wrote the version or asked for its promotion")
    evaluation: bool = Field(default=False, description="an evaluation of exactly this version that passed")
    holdback: float = Field(default=0.0, description="per cent of callers that stay back for a day at each promotion")
    reason: str = ""


class ScheduleBody(_Body):
    """A move to come."""

    version: Annotated[int, Field(ge=1)] | None = Field(default=None, description="without one, the newest by now")
    at: datetime
    reason: str


class AskBody(_Body):
    """Please promote."""

    version: Annotated[int, Field(ge=1)] | None = Field(default=None, description="without one, the newest")
    channel: str = "stable"
    reason: str = ""


class ReviewBody(_Body):
    """What somebody says of a request; a rejection and a comment need words."""

    kind: Literal["approve", "reject", "comment"]
    text: str = ""


class RuleOut(BaseModel):
    """What a channel asks for; `slug` is `*` for every prompt."""

    slug: str
    channel: str
    approvals: int
    evaluation: bool
    holdback: float

    @classmethod
    def of(cls, rule: Rule) -> RuleOut:
        """From the value."""
        return cls(**{name: getattr(rule, name) for name in cls.model_fields})


class RuleList(BaseModel):
    """All rules."""

    rules: list[RuleOut]


class LackingOut(BaseModel):
    """What a channel still asks for before a version may go onto it, a sentence each."""

    slug: str
    channel: str
    version: int
    missing: list[str]


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


class ReviewOut(BaseModel):
    """What somebody said."""

    kind: str
    actor: str
    text: str
    at: datetime


class RequestOut(BaseModel):
    """A request for a promotion; `missing` says what the channel still asks for."""

    request_id: str
    slug: str
    channel: str
    version: int
    requested_by: str
    reason: str
    state: str
    created_at: datetime
    closed_at: datetime | None
    revision: int
    reviews: list[ReviewOut]
    missing: list[str]

    @classmethod
    def of(cls, asked: PromotionRequest) -> RequestOut:
        """From the value."""
        same = {name: getattr(asked, name) for name in cls.model_fields if name not in {"reviews", "missing"}}
        reviews = [ReviewOut(kind=r.kind, actor=r.actor, text=r.text, at=r.at) for r in asked.reviews]
        return cls(**same, reviews=reviews, missing=[*asked.missing])


class RequestList(BaseModel):
    """Requests."""

    requests: list[RequestOut]


class LiveOut(BaseModel):
    """What a channel serves, and the move that put it there."""

    slug: str
    channel: str
    version: int
    split: SplitOut
    since: datetime
    by: str
    action: str
    from_version: int | None
    reason: str
    revision: int


class LiveList(BaseModel):
    """What was live at a time."""

    time: datetime
    live: list[LiveOut]

    @classmethod
    def of(cls, time: datetime, entries: Sequence[HistoryEntry]) -> LiveList:
        """From the last move of each channel."""
        return cls(time=time, live=[_live(entry, time) for entry in entries])


class AuditOut(BaseModel):
    """Whether the history is whole. `head` is worth noting elsewhere: it shows when the end was cut off."""

    whole: bool
    events: int
    head: str
    problems: list[str]

    @classmethod
    def of(cls, found: Verified) -> AuditOut:
        """From the value."""
        return cls(whole=found.whole, events=found.events, head=found.head, problems=[*found.problems])


def _live(entry: HistoryEntry, time: datetime) -> LiveOut:
    split = split_of(entry.evidence.get("split", ()), entry.evidence.get("sticky", "session"))
    return LiveOut(
        slug=entry.slug,
        channel=entry.channel or "",
        version=entry.to_version or 0,
        split=SplitOut(
            arms=[arm for arm in SplitOut.of(split).arms if arm.until is None or time < arm.until], sticky=split.sticky
        ),
        since=entry.at,
        by=entry.actor,
        action=entry.action,
        from_version=entry.from_version,
        reason=entry.reason,
        revision=entry.revision,
    )
