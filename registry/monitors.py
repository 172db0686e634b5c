"""Monitors: which metrics of which prompts are looked at every hour, and from what change on somebody is told. Pure.

Knows the built-in metrics, what is watched where nobody declared anything, and which declaration counts where several fit. Refuses to know
how a change is told from chance (`evaluation.monitors`) and who is told (`slugline.alerting`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from registry.errors import PromptInvalidError
from registry.reference import check_slug
from registry.rules import ANY

Direction = Literal["worse", "any"]
Better = Literal["higher", "lower"]
Scale = Literal["share", "ratio"]

DIRECTIONS: tuple[str, ...] = get_args(Direction)
EVERY_SCORE = "scores"
"""Stands for every score in a monitor's metric."""

_LONGEST_METRIC = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltIn:
    """A metric that every call has. A margin is in the metric's unit: 0.01 is one point of a `share`; of a `ratio` it is a change by one
    per cent. `better` is None where neither is."""

    name: str
    title: str
    scale: Scale
    better: Better | None
    margin: float


BUILT_IN: Mapping[str, BuiltIn] = {
    each.name: each
    for each in (
        BuiltIn(name="error_rate", title="calls that failed", scale="share", better="lower", margin=0.005),
        BuiltIn(name="refusal_rate", title="refused answers", scale="share", better="lower", margin=0.01),
        BuiltIn(name="truncation_rate", title="truncated answers", scale="share", better="lower", margin=0.01),
        BuiltIn(name="output_tokens", title="output length", scale="ratio", better=None, margin=0.05),
        BuiltIn(name="latency", title="latency", scale="ratio", better="lower", margin=0.1),
        BuiltIn(name="cost", title="cost a call", scale="ratio", better="lower", margin=0.05),
        BuiltIn(name="served_models", title="share of the usual model", scale="share", better=None, margin=0.05),
    )
}
"""The metrics that are no scores, by name. `served_models` is the share of calls that the model answers which answered most before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """What is watched of a prompt, or of all (`slug` "*"). `metric` is a built-in metric's name, a score's, or "scores" for every score.

    `margin` is a change that nobody is told of, in the metric's unit; None takes what is usual for the metric. `better` says of a score
    which way is better. `updated_at` is None for what nobody declared.
    """

    slug: str
    metric: str
    direction: Direction = "worse"
    better: Better = "higher"
    margin: float | None = None
    enabled: bool = True
    updated_at: datetime | None = None
    updated_by: str = ""

    @property
    def sides(self) -> tuple[Literal["up", "down"], ...]:
        """To which sides a change counts."""
        known = BUILT_IN.get(self.metric)
        better = self.better if known is None else known.better
        if self.direction == "any" or better is None:
            return ("down", "up")
        return ("down",) if better == "higher" else ("up",)


DEFAULTS: tuple[Monitor, ...] = (
    Monitor(slug=ANY, metric="error_rate"),
    Monitor(slug=ANY, metric="refusal_rate"),
    Monitor(slug=ANY, metric="truncation_rate"),
    Monitor(slug=ANY, metric="output_tokens", direction="any"),
    Monitor(slug=ANY, metric="latency"),
    Monitor(slug=ANY, metric="served_models", direction="any"),
    Monitor(slug=ANY, metric=EVERY_SCORE, direction="any"),  # nobody said of a score which way is better
)
"""What is watched where nobody declared anything, of every prompt with enough traffic. Cost is left out: it follows the output's length."""


def monitor_for(monitors: Iterable[Monitor], slug: str, metric: str) -> Monitor | None:
    """What counts for one metric of one prompt: what was declared for the prompt before what was for all, for the metric before what was
    for every score, and both before the defaults. None where it isn't watched."""
    names = (metric,) if metric in BUILT_IN else (metric, EVERY_SCORE)
    declared = {(each.slug, each.metric): each for each in (*DEFAULTS, *monitors)}
    found = next((declared[each] for each in ((s, n) for s in (slug, ANY) for n in names) if each in declared), None)
    return found if found is not None and found.enabled else None


def listed(declared: Iterable[Monitor]) -> list[Monitor]:
    """What was declared, behind the defaults that nothing was declared in place of."""
    told = list(declared)
    taken = {(each.slug, each.metric) for each in told}
    return [each for each in DEFAULTS if (each.slug, each.metric) not in taken] + told


def checked(monitor: Monitor) -> Monitor:
    """The monitor, if it makes sense. Raises PromptInvalidError and PromptReferenceInvalidError."""
    if monitor.slug != ANY:
        check_slug(monitor.slug)
    metric = monitor.metric.strip()
    if not metric or len(metric) > _LONGEST_METRIC or "\0" in metric:
        raise PromptInvalidError(
            f"'metric' is {', '.join(BUILT_IN)}, a score's name, or '{EVERY_SCORE}' for every score", param="metric"
        )
    if monitor.direction not in DIRECTIONS:
        raise PromptInvalidError(f"'direction' is worse or any, not '{monitor.direction}'", param="direction")
    if monitor.better not in get_args(Better):
        raise PromptInvalidError(f"'better' is higher or lower, not '{monitor.better}'", param="better")
    if monitor.margin is not None and not (math.isfinite(monitor.margin) and monitor.margin >= 0):
        raise PromptInvalidError("'margin' is a number from 0, in the metric's unit: 0.01 is one point", param="margin")
    if metric in BUILT_IN and monitor.margin is not None and monitor.margin >= 1:
        raise PromptInvalidError(
            f"a margin of {monitor.margin:g} for {metric} would mean {monitor.margin * 100:g} per cent: write 0.01 for one",
            param="margin",
        )
    return monitor


def terms(monitor: Monitor) -> dict[str, Any]:
    """What the history tells of a monitor."""
    return {name: getattr(monitor, name) for name in ("slug", "metric", "direction", "better", "margin", "enabled")}
