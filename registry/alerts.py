"""Alerts as values: what changed, since when, what became of it, and who was told. Pure.

Knows states and how an alert reads as one sentence. Refuses to know how a change is found, stored or sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from registry.monitors import BUILT_IN

AlertState = Literal["open", "acknowledged", "closed"]
About = Literal["prompt", "model"]
LineSide = Literal["up", "down"]
LineScale = Literal["points", "score", "percent"]
DeliveryState = Literal["waiting", "sent", "given up"]
Telling = Literal["opened", "still open", "recovered"]

ALERT_STATES: tuple[str, ...] = get_args(AlertState)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertLine:
    """One metric of one prompt that changed, `side` up or down.

    `since` is when it most likely began, between `earliest` and `latest`. `difference` is after minus before with its interval at 95 %: of
    a `points` line in shares of one, of `percent` one as a ratio (0.2 is a fifth more), else on the score's own scale.
    `closed_at`: it is back where it was.
    """

    slug: str
    metric: str
    side: LineSide
    scale: LineScale
    since: datetime
    earliest: datetime
    latest: datetime
    before: float
    after: float
    difference: float
    low: float
    high: float
    n_before: float
    n_after: float
    note: str = ""
    closed_at: datetime | None = None

    @property
    def sentence(self) -> str:
        """`'helpful' fell 7.9 points [6.1, 9.7]: 0.92 → 0.84 over 4,719 values`."""
        known = BUILT_IN.get(self.metric)
        title = f"'{self.metric}'" if known is None else known.title
        verb = "rose" if self.side == "up" else "fell"
        factor, unit = {"points": (100.0, " points"), "percent": (100.0, " %"), "score": (1.0, "")}[self.scale]
        factor = factor if self.side == "up" else -factor  # so that the interval reads in the direction of the change
        low, high = sorted((self.low * factor, self.high * factor))
        size = f"{_figure(self.difference * factor)}{unit} [{_figure(low)}, {_figure(high)}]"
        was, now = (
            f"{_figure(each * 100)} %" if self.scale == "points" else _figure(each)
            for each in (self.before, self.after)
        )
        told = f"{title} {verb} {size}: {was} → {now} over {self.n_after:,.0f} values"
        return f"{told} ({self.note})" if self.note else told


def _figure(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """That one destination is told one thing about an alert. `delivery_id` is the same however often it is sent."""

    delivery_id: str
    alert_id: str
    destination: str
    telling: Telling
    state: DeliveryState
    attempts: int
    next_at: datetime
    created_at: datetime
    ended_at: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A change that somebody is to know of: of one prompt, or of all that a model answers (`name` is the slug or the model's name).

    `cause` is what is suspected: `{"kind": "promotion" | "model" | "drift", "text": …}` and more, empty where nothing is.
    """

    alert_id: str
    about: About
    name: str
    state: AlertState
    since: datetime
    opened_at: datetime
    lines: tuple[AlertLine, ...]
    cause: Mapping[str, Any] = field(default_factory=dict)
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    note: str = ""
    muted_until: datetime | None = None
    muted_by: str = ""
    closed_at: datetime | None = None
    deliveries: tuple[Delivery, ...] = ()

    @property
    def prompts(self) -> tuple[str, ...]:
        """Which prompts changed."""
        return tuple(dict.fromkeys(line.slug for line in self.lines))

    @property
    def subject(self) -> str:
        """What it is about, in a few words: `support-agent`, `model gpt-4o-2024-08-06: 14 prompts`."""
        if self.about == "prompt":
            return self.name
        count = len(self.prompts)
        return f"model {self.name}: {count} prompt{'s' if count != 1 else ''}"

    @property
    def suspected(self) -> str:
        """The suspected cause in words, without a full stop; "" where there is none."""
        return str(self.cause.get("text", "")).rstrip(".")

    @property
    def title(self) -> str:
        """One line for a subject or a list."""
        first = self.lines[0]
        known = BUILT_IN.get(first.metric)
        metrics = list(dict.fromkeys(line.metric for line in self.lines))
        title = f"'{first.metric}'" if known is None else known.title
        more = f" and {len(metrics) - 1} more metric{'s' if len(metrics) > 2 else ''}" if len(metrics) > 1 else ""
        verb = "changed" if more else "rose" if first.side == "up" else "fell"
        return f"{self.subject}: {title}{more} {verb}"

    def muted(self, now: datetime) -> bool:
        """Whether nobody is told at a time."""
        return self.muted_until is not None and now < self.muted_until

    def standing(self, now: datetime) -> str:
        """The state in words: an open alert that is muted is "muted"."""
        return "muted" if self.state == "open" and self.muted(now) else self.state
