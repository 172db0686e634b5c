"""What the API takes and gives of monitors and alerts.

Knows JSON shapes, as OpenAPI shows them, and how values become them. Refuses to know routes and where values come from.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, Field

from registry.alerts import Alert, AlertLine, Delivery
from registry.http.body import Body
from registry.monitors import BUILT_IN, EVERY_SCORE, Better, Direction, Monitor


class MonitorBody(Body):
    """What is to be watched."""

    prompt: str = Field(description="a prompt's slug, or * for every prompt")
    metric: str = Field(description=f"{', '.join(BUILT_IN)}, a score's name, or '{EVERY_SCORE}' for every score")
    direction: Direction = Field(default="worse", description="tell of changes for the worse, or of any")
    better: Better = Field(default="higher", description="of a score: which way is better")
    margin: float | None = Field(
        default=None,
        description="a change that nobody is told of, in the metric's unit (0.01 is one point or one per cent)",
    )
    enabled: bool = Field(default=True, description="false: not watched")
    reason: str = ""

    def monitor(self) -> Monitor:
        """As a value."""
        told = self.model_dump(exclude={"prompt", "reason"})
        return Monitor(slug=self.prompt, **told)


class MonitorOut(BaseModel):
    """What is watched."""

    prompt: str
    metric: str
    direction: str
    better: str | None = Field(description="which way is better; null where neither is")
    margin: float | None = Field(description="null: what is usual for the metric")
    enabled: bool
    default: bool = Field(description="true where nobody declared it")
    updated_at: datetime | None
    updated_by: str

    @classmethod
    def of(cls, monitor: Monitor) -> MonitorOut:
        known = BUILT_IN.get(monitor.metric)
        return cls(
            prompt=monitor.slug,
            metric=monitor.metric,
            direction=monitor.direction,
            better=monitor.better if known is None else known.better,
            margin=monitor.margin,
            enabled=monitor.enabled,
            default=monitor.updated_at is None,
            updated_at=monitor.updated_at,
            updated_by=monitor.updated_by,
        )

    def value(self) -> Monitor:
        """As the registry has it."""
        told = self.model_dump(exclude={"prompt", "default", "better"})
        return Monitor(slug=self.prompt, better="lower" if self.better == "lower" else "higher", **told)


class MonitorList(BaseModel):
    """Monitors: what was declared, and the defaults that count beside it."""

    monitors: list[MonitorOut]


class AlertLineOut(BaseModel):
    """One metric of one prompt that changed."""

    prompt: str
    metric: str
    side: str
    scale: str = Field(description="points: shares of one; percent: ratios (0.2 is a fifth more); score: its own scale")
    since: datetime
    earliest: datetime
    latest: datetime
    before: float
    after: float
    difference: float
    low: float = Field(description="the difference's interval at 95 %")
    high: float
    n_before: float
    n_after: float
    note: str
    closed_at: datetime | None = Field(description="it is back to what is usual since then")
    sentence: str

    @classmethod
    def of(cls, line: AlertLine) -> AlertLineOut:
        told = {name: getattr(line, name) for name in cls.model_fields if name not in {"prompt"}}
        return cls(prompt=line.slug, **told)

    def value(self) -> AlertLine:
        """As the registry has it."""
        told: dict[str, Any] = self.model_dump(exclude={"prompt", "sentence"})
        return AlertLine(slug=self.prompt, **told)


class DeliveryOut(BaseModel):
    """That one destination is told one thing."""

    delivery_id: str
    destination: str
    telling: str
    state: str
    attempts: int
    next_at: datetime
    created_at: datetime
    ended_at: datetime | None
    error: str

    @classmethod
    def of(cls, delivery: Delivery) -> DeliveryOut:
        return cls(**{name: getattr(delivery, name) for name in cls.model_fields})


class AlertOut(BaseModel):
    """A change that somebody is to know of."""

    alert_id: str
    title: str
    about: str = Field(description="prompt, or model: several prompts that it answers")
    name: str = Field(description="the prompt's slug, or the model's name")
    prompts: list[str]
    state: str = Field(description="open, acknowledged or closed; closed is: back to what is usual")
    muted: bool
    since: datetime
    opened_at: datetime
    lines: list[AlertLineOut]
    cause: dict[str, Any] = Field(description="what is suspected: kind, text and more; empty where nothing is")
    acknowledged_at: datetime | None
    acknowledged_by: str
    note: str
    muted_until: datetime | None
    muted_by: str
    closed_at: datetime | None
    deliveries: list[DeliveryOut]

    @classmethod
    def of(cls, alert: Alert, now: datetime) -> AlertOut:
        same = ("alert_id", "title", "about", "name", "state", "since", "opened_at", "acknowledged_at")
        more = ("acknowledged_by", "note", "muted_until", "muted_by", "closed_at")
        return cls(
            **{name: getattr(alert, name) for name in (*same, *more)},
            prompts=list(alert.prompts),
            muted=alert.muted(now),
            lines=[AlertLineOut.of(line) for line in alert.lines],
            cause=dict(alert.cause),
            deliveries=[DeliveryOut.of(each) for each in alert.deliveries],
        )

    def value(self) -> Alert:
        """As the registry has it."""
        told = self.model_dump(exclude={"title", "prompts", "muted", "lines", "deliveries"})
        deliveries = tuple(Delivery(alert_id=self.alert_id, **each.model_dump()) for each in self.deliveries)
        return Alert(**told, lines=tuple(line.value() for line in self.lines), deliveries=deliveries)


class AlertList(BaseModel):
    """Alerts, newest first."""

    alerts: list[AlertOut]


class AcknowledgeBody(Body):
    """What somebody says who has seen it."""

    note: str = ""


class MuteBody(Body):
    """Until when nobody is told."""

    until: AwareDatetime
    note: str = ""
