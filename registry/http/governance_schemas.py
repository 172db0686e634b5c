"""What the API takes and gives where channels are protected: rules, requests and their reviews.

Knows JSON shapes, as OpenAPI shows them, and how values become them. Refuses to know routes and where values come from.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from registry.http.body import Body, JsonObject
from registry.policy import write_policy
from registry.rules import Rule
from registry.values import PromotionRequest


class ProtectBody(Body):
    """What a channel asks for."""

    approvals: int = Field(default=0, description="by others than who wrote the version or asked for its promotion")
    evaluation: bool = Field(default=False, description="an evaluation of exactly this version that passed")
    holdback: float = Field(default=0.0, description="per cent of callers that stay back for a day at each promotion")
    policy: JsonObject | None = Field(
        default=None, description="what an evaluation must have shown: dataset, margin, thresholds and more"
    )
    reason: str = ""


class AskBody(Body):
    """Please promote."""

    version: Annotated[int, Field(ge=1)] | None = Field(default=None, description="without one, the newest")
    channel: str = "stable"
    reason: str = ""


class ReviewBody(Body):
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
    policy: JsonObject | None

    @classmethod
    def of(cls, rule: Rule) -> RuleOut:
        """From the value."""
        same = {name: getattr(rule, name) for name in cls.model_fields if name != "policy"}
        return cls(**same, policy=None if rule.policy is None else write_policy(rule.policy))


class RuleList(BaseModel):
    """All rules."""

    rules: list[RuleOut]


class LackingOut(BaseModel):
    """What a channel still asks for before a version may go onto it, a sentence each."""

    slug: str
    channel: str
    version: int
    missing: list[str]


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
