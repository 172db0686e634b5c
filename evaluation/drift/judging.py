"""From what changed to a report: contributions with intervals, which of them are causes, on what evidence, and what can't be said.

A cause is named if its contribution is large (a point, and a fifth of the largest) and sure (3.29 normal deviates), or if it moved one kind
of input by five points and that is sure after Holm's correction, however small the average. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr  # type: ignore[import-untyped]

from evaluation.drift.apart import BACKED_GATE, GATE
from evaluation.drift.changes import Change
from evaluation.drift.design import LEAST_MOVED, Model
from evaluation.drift.estimates import Estimate, Estimates, estimates_of
from evaluation.drift.events import hour_of, time_of
from evaluation.drift.evidence import Controls, concurrent, coverage_moved, time_agrees
from evaluation.drift.looking import Look
from evaluation.drift.metrics import smallest
from evaluation.drift.orders import both_orders
from evaluation.drift.refusing import next_step, refusals, too_little
from evaluation.drift.sentences import sentence_of
from evaluation.drift.sides import Sided, sides_of
from evaluation.drift.table import Numbers, sums
from evaluation.drift.timing import judged, moment_of
from evaluation.drift.values import BothOrders, Cause, Contribution, DriftReport, Grade, Judged, Side, StratumEffect
from evaluation.intervals import Interval
from evaluation.probes.values import ProbeChange

SURE = 3.29
PART_OF_LARGEST = 0.2
STRATUM_TIMES = 5.0
STRATUM_LEAST = 30
STRATUM_ALPHA = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was asked beside the prompt's own cells. `design_effect`: by how much calls of one user that are alike make variances greater
    (1: by nothing); None where calls name no users. `controls` None: not asked. `replays`: nights of probes of this prompt."""

    design_effect: float | None = None
    controls: Controls | None = None
    replays: tuple[ProbeChange, ...] = ()

    def replayed(self, change: Change) -> bool:
        """Whether the same inputs, asked before the change and after it, were answered otherwise: then it is the provider's."""
        return change.at is not None and any(
            each.changed and hour_of(each.before.at) < change.at < hour_of(each.now.at) for each in self.replays
        )


def report_of(look: Look, evidence: Evidence) -> DriftReport:
    """The report, without asking anybody anything more."""
    question = look.question
    before, after = sides_of(look.scored, look.before, look.after)
    found = estimates_of(look.scored, look.changes, before, after, evidence.design_effect)
    sides = [_side(look, sided, found.means, place) for place, sided in enumerate((before, after))]
    least = smallest(question.metric, found.mean_before, _deviation(look, before))
    strata = _strata(look, found, before, after, evidence)
    orders = both_orders(look, before, after)
    contributions = _contributions(look, found, evidence, strata, least, orders)
    missing = too_little(
        question.metric,
        sides[0],
        sides[1],
        _deviation(look, after) or _deviation(look, before),
        named=any(each.named for each in contributions),
    )
    if missing is not None:
        report = DriftReport(
            prompt=question.prompt, metric=question.metric, before=sides[0], after=sides[1], enough=False,
            refusals=(missing,), events=tuple(Judged(event=event, counted=False) for event in look.events),
        )  # fmt: skip
        return _said(report)
    main = next((each for each in contributions if each.named), None)
    moment = moment_of(look, main)
    values = found.parts.values
    report = DriftReport(
        prompt=question.prompt,
        metric=question.metric,
        before=sides[0],
        after=sides[1],
        enough=True,
        change=float(values[-1]),
        interval=found.parts.interval(len(values) - 1),
        contributions=tuple(contributions),
        remainder=found.parts.interval(len(values) - 2),
        remainder_change=float(values[-2]),
        change_at=moment[0] if moment else None,
        change_between=moment[1] if moment else None,
        strata=strata,
        events=judged(look, contributions),
        orders=orders,
        refusals=refusals(look, sides[0], sides[1], contributions, evidence.controls, evidence.design_effect),
        next_step=next_step(look, contributions),
    )
    return _said(report)


def _said(report: DriftReport) -> DriftReport:
    return replace(report, sentence=sentence_of(report))


def _side(look: Look, sided: Sided, means: Estimate, place: int) -> Side:
    inside = sided.span.holds(look.table.hour)
    calls, n = float(look.table.calls[inside].sum()), float(look.table.n[inside].sum())
    unparsed = float(look.table.unparsed[inside].sum())
    interval = means.interval(place) if n else None
    if interval is not None and look.question.metric.unit == "points":
        interval = Interval(low=max(0.0, interval.low), high=min(1.0, interval.high))
    return Side(
        since=time_of(sided.span.begin), until=time_of(sided.span.end), calls=calls, n=n,
        coverage=min(n / calls, 1.0) if calls else 0.0, unparsed=unparsed / (n + unparsed) if n + unparsed else 0.0,
        mean=float(means.values[place]) if n else None, interval=interval,
        hours=int(np.unique(look.scored.hour[sided.weights > 0]).size),
    )  # fmt: skip


def _deviation(look: Look, sided: Sided) -> float:
    inside = sided.weights > 0
    n = look.scored.n[inside].sum()
    if not n:
        return 0.0
    mean = look.scored.total[inside].sum() / n
    return math.sqrt(max(float(look.scored.squares[inside].sum() / n - mean**2), 0.0))


def _contributions(
    look: Look,
    found: Estimates,
    evidence: Evidence,
    strata: Sequence[StratumEffect],
    least: float,
    orders: BothOrders | None,
) -> list[Contribution]:
    parts, deviates = found.parts, np.abs(found.parts.deviates())
    changed = [place for place in range(len(look.changes)) if found.moved[place].any()]
    places = ([0] if len(look.scored.stratum.names) > 1 else []) + [place + 1 for place in changed]
    largest = max((abs(float(parts.values[place])) for place in places if deviates[place] > SURE), default=0.0)
    told = []
    for place in places:
        change = look.changes[place - 1] if place else None
        cause, grade = _cause(look, change, found.model, place - 1, evidence)
        value = float(parts.values[place])
        # A step that decisively beat a recorded change near it needn't be sure beside it once more: the two hide each other.
        won = place - 1 in look.preferred or (change is not None and not change.searched)
        sure = deviates[place] > SURE or won
        if change is not None and change.wide is not None:
            # It was found as the best of many times: what makes errors greater must not take it below the gate for that.
            gate = SURE if not change.searched else BACKED_GATE if cause == "silent model" else GATE
            sure = sure and change.deviate / found.by_users[place] > gate and not coverage_moved(look.table, change)
        # Of two that depend on each other the order decides how much each was: what it is on average over both says whether it counts.
        shapley = _shapley(orders, cause)
        size = abs(value if shapley is None else shapley)
        named = (sure or shapley is not None) and size >= max(least, PART_OF_LARGEST * largest)
        named = named or (change is not None and (change.wide is None or sure) and any(
            each.shown and each.cause == cause and abs(each.effect) >= STRATUM_TIMES * least for each in strata
        ))  # fmt: skip
        told.append(Contribution(
            cause=cause, change=value, interval=parts.interval(place), named=bool(named), grade=grade,
            event=change.events[0] if change is not None and change.events else None,
        ))  # fmt: skip
    return sorted(told, key=lambda each: (not each.named, -abs(each.change)))


def _shapley(orders: BothOrders | None, cause: Cause) -> float | None:
    if orders is None or cause not in (orders.first, orders.second):
        return None
    return orders.shapley[0 if cause == orders.first else 1]


def cause_of(change: Change, evidence: Evidence) -> Cause:
    """A step that nobody recorded is the model's if other prompts moved with it, or if the same inputs are answered otherwise since."""
    moved = evidence.controls is not None and evidence.controls.moved
    if change.cause == "local" and (moved or evidence.replayed(change)):
        return "silent model"
    return change.cause


def _cause(look: Look, change: Change | None, model: Model, place: int, evidence: Evidence) -> tuple[Cause, Grade]:
    if change is None:
        return "mix", "B"
    if change.parts:
        return change.cause, "X"
    cause = cause_of(change, evidence)
    if cause in ("model", "silent model") and evidence.replayed(change):
        return cause, "A"
    if not change.events:
        return cause, "B" if cause == "silent model" else "C"
    if concurrent(model, place):
        return cause, "A"
    return cause, "B" if time_agrees(look.scored, look.changes, place) else "C"


def _strata(look: Look, found: Estimates, before: Sided, after: Sided, evidence: Evidence) -> tuple[StratumEffect, ...]:
    names = look.scored.stratum.names
    if len(names) < 2:
        return ()
    codes = look.scored.stratum.codes
    n_before, n_after = (
        sums(codes, np.where(side.weights > 0, look.scored.n, 0.0), len(names)) for side in (before, after)
    )
    told = []
    for change, effects, moved in zip(look.changes, found.effects, found.moved, strict=True):
        able = (effects.errors > 0) & (np.abs(moved) >= LEAST_MOVED)
        able &= (n_before >= STRATUM_LEAST) & (n_after >= STRATUM_LEAST)
        shown = _holm(np.where(able, 2 * ndtr(-np.abs(effects.deviates())), 1.0), able)
        told += [
            StratumEffect(
                stratum=names[kind], cause=cause_of(change, evidence), effect=float(effects.values[kind]),
                interval=effects.interval(int(kind)), n_before=float(n_before[kind]), n_after=float(n_after[kind]),
                share_before=float(before.shares[kind]), share_after=float(after.shares[kind]), shown=bool(shown[kind]),
            )
            for kind in np.flatnonzero(able)
        ]  # fmt: skip
    return tuple(told)


def _holm(p: Numbers, able: np.ndarray) -> np.ndarray:
    """Which differ from nothing at `STRATUM_ALPHA` for all of them together (S. Holm, Scand. J. Stat. 6 (1979), 65-70)."""
    shown = np.zeros(p.size, bool)
    left = int(able.sum())
    for place in np.argsort(p, kind="stable"):
        if not able[place] or p[place] * left > STRATUM_ALPHA:
            break
        shown[place] = True
        left -= 1
    return shown
