"""From what changed to a report: contributions with intervals, which of them are causes, on what evidence, and what can't be said.

A cause is named if its contribution is large (a point, and a fifth of the largest) and sure (3.29 normal deviates), or if it moved one kind
of input by five points and that is sure after Holm's correction, however small the average. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from scipy.special import ndtr  # type: ignore[import-untyped]

from evaluation.drift.changes import Change
from evaluation.drift.design import Model, Parts, mix_spread, model_of, parts_of
from evaluation.drift.events import time_of
from evaluation.drift.evidence import Controls, concurrent, time_agrees
from evaluation.drift.fitting import as_normal, quantile
from evaluation.drift.looking import Look
from evaluation.drift.metrics import smallest
from evaluation.drift.orders import both_orders
from evaluation.drift.refusing import next_step, refusals, too_little
from evaluation.drift.sentences import sentence_of
from evaluation.drift.sides import Sided, sides_of
from evaluation.drift.table import Numbers, sums
from evaluation.drift.values import Cause, Contribution, DriftReport, Grade, Judged, Side, StratumEffect
from evaluation.intervals import CONFIDENCE, Interval

SURE = 3.29
PART_OF_LARGEST = 0.2
STRATUM_TIMES = 5.0
STRATUM_LEAST = 30
STRATUM_ALPHA = 0.001
_COUNTED = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was asked beside the prompt's own cells. `design_effect`: by how much calls of one user that are alike make variances greater
    (1: by nothing); None where calls name no users. `controls` None: not asked."""

    design_effect: float | None = None
    controls: Controls | None = None


def report_of(look: Look, evidence: Evidence) -> DriftReport:
    """The report, without asking anybody anything more."""
    question = look.question
    before, after = sides_of(look.scored, look.before, look.after)
    model = model_of(look.scored, look.changes)
    parts = parts_of(model, before, after, mix_spread(look.scored, before, after))
    errors, freedom = _errors(model, parts, evidence)
    sides = [_side(look, sided, model, evidence) for sided in (before, after)]
    missing = too_little(question.metric, sides[0], sides[1], _deviation(look, after) or _deviation(look, before))
    if missing is not None:
        report = DriftReport(
            prompt=question.prompt, metric=question.metric, before=sides[0], after=sides[1], enough=False,
            refusals=(missing,), events=tuple(Judged(event=event, counted=False) for event in look.events),
        )  # fmt: skip
        return _said(report)
    least = smallest(question.metric, parts.means_before, _deviation(look, before))
    strata = _strata(look, model, parts, before, after, evidence, least)
    contributions = _contributions(look, model, parts, errors, freedom, evidence, strata, least)
    main = next((each for each in contributions if each.named), None)
    moment = _moment(look, main)
    half = errors * np.array([quantile(CONFIDENCE, each) for each in freedom])
    report = DriftReport(
        prompt=question.prompt,
        metric=question.metric,
        before=sides[0],
        after=sides[1],
        enough=True,
        change=float(parts.values[-1]),
        interval=_interval(parts.values[-1], half[-1]),
        contributions=tuple(contributions),
        remainder=_interval(parts.values[-2], half[-2]),
        remainder_change=float(parts.values[-2]),
        change_at=moment[0] if moment else None,
        change_between=moment[1] if moment else None,
        strata=strata,
        events=_judged(look, contributions),
        orders=both_orders(look, before, after),
        refusals=refusals(look, sides[0], sides[1], contributions, evidence.controls, evidence.design_effect),
        next_step=next_step(look, contributions),
    )
    return _said(report)


def _said(report: DriftReport) -> DriftReport:
    return replace(report, sentence=sentence_of(report))


def _errors(model: Model, parts: Parts, evidence: Evidence) -> tuple[Numbers, Numbers]:
    variance, freedom = model.found.noise.variances(parts.sums)
    return np.sqrt(variance + _users(model, parts.sums, evidence) + parts.shares_variance), freedom


def _users(model: Model, weights: Numbers, evidence: Evidence) -> Numbers:
    """What users add: calls of one user are alike, and more so than those of six hours or a day."""
    more = max((evidence.design_effect or 1.0) - 1.0, 0.0)
    return np.asarray(more * (weights**2 * model.found.noise.own).sum(axis=1), np.float64)


def _interval(value: float, half: float) -> Interval:
    return Interval(low=float(value - half), high=float(value + half))


def _side(look: Look, sided: Sided, model: Model, evidence: Evidence) -> Side:
    inside = sided.span.holds(look.table.hour)
    calls, n = float(look.table.calls[inside].sum()), float(look.table.n[inside].sum())
    unparsed = float(look.table.unparsed[inside].sum())
    mean = interval = None
    if n > 0:
        mean = float(sided.weights @ look.scored.mean)
        variance, freedom = model.found.noise.variances(sided.weights[None, :])
        error = math.sqrt(float(variance[0]) + float(_users(model, sided.weights[None, :], evidence)[0]))
        interval = _interval(mean, error * quantile(CONFIDENCE, float(freedom[0])))
        if look.question.metric.unit == "points":
            interval = Interval(low=max(0.0, interval.low), high=min(1.0, interval.high))
    hours = np.unique(look.scored.hour[sided.weights > 0]).size
    return Side(
        since=time_of(sided.span.begin), until=time_of(sided.span.end), calls=calls, n=n,
        coverage=min(n / calls, 1.0) if calls else 0.0, unparsed=unparsed / (n + unparsed) if n + unparsed else 0.0,
        mean=mean, interval=interval, hours=int(hours),
    )  # fmt: skip


def _deviation(look: Look, sided: Sided) -> float:
    inside = sided.weights > 0
    n = look.scored.n[inside].sum()
    if not n:
        return 0.0
    mean = look.scored.total[inside].sum() / n
    return math.sqrt(max(float(look.scored.squares[inside].sum() / n - mean**2), 0.0))


def _contributions(
    look: Look, model: Model, parts: Parts, errors: Numbers, freedom: Numbers, evidence: Evidence,
    strata: Sequence[StratumEffect], least: float,
) -> list[Contribution]:  # fmt: skip
    changed = [place for place in range(len(look.changes)) if np.abs(parts.moved[place]).max() >= _COUNTED]
    deviates = np.abs(as_normal(parts.values / np.where(errors > 0, errors, 1.0), freedom)) * (errors > 0)
    places = ([0] if parts.shares_variance[0] > 0 or parts.values[0] else []) + [place + 1 for place in changed]
    largest = max((abs(parts.values[place]) for place in places if deviates[place] > SURE), default=0.0)
    found = []
    for place in places:
        change = look.changes[place - 1] if place else None
        cause, grade = _cause(look, change, model, place - 1, evidence)
        value = float(parts.values[place])
        named = abs(value) >= max(least, PART_OF_LARGEST * largest) and deviates[place] > SURE
        named = named or (change is not None and any(
            each.shown and each.cause == cause and abs(each.effect) >= STRATUM_TIMES * least for each in strata
        ))  # fmt: skip
        half = float(errors[place]) * quantile(CONFIDENCE, float(freedom[place]))
        found.append(Contribution(
            cause=cause, change=value, interval=_interval(value, half), named=bool(named), grade=grade,
            event=change.events[0] if change is not None and change.events else None,
        ))  # fmt: skip
    return sorted(found, key=lambda each: (not each.named, -abs(each.change)))


def cause_of(change: Change, evidence: Evidence) -> Cause:
    """A step that nobody recorded is the model's if other prompts moved with it."""
    if change.cause == "local" and evidence.controls is not None and evidence.controls.moved:
        return "silent model"
    return change.cause


def _cause(look: Look, change: Change | None, model: Model, place: int, evidence: Evidence) -> tuple[Cause, Grade]:
    if change is None:
        return "mix", "B"
    if change.parts:
        return change.cause, "X"
    cause = cause_of(change, evidence)
    if not change.events:
        return cause, "B" if cause == "silent model" else "C"
    if concurrent(model, place):
        return cause, "A"
    return cause, "B" if time_agrees(look.scored, look.changes, place) else "C"


def _strata(
    look: Look, model: Model, parts: Parts, before: Sided, after: Sided, evidence: Evidence, least: float
) -> tuple[StratumEffect, ...]:
    names, found = look.scored.stratum.names, []
    if len(names) < 2:
        return ()
    codes = look.scored.stratum.codes
    n_before, n_after = (
        sums(codes, np.where(side.weights > 0, look.scored.n, 0.0), len(names)) for side in (before, after)
    )
    for place, change in enumerate(look.changes):
        variance, freedom = model.found.noise.variances(parts.effect_sums[place])
        errors = np.sqrt(variance + _users(model, parts.effect_sums[place], evidence))
        able = (errors > 0) & (np.abs(parts.moved[place]) >= _COUNTED)
        able &= (n_before >= STRATUM_LEAST) & (n_after >= STRATUM_LEAST)
        deviates = as_normal(parts.effects[place] / np.where(errors > 0, errors, 1.0), freedom)
        p = np.where(able, 2 * ndtr(-np.abs(deviates)), 1.0)
        shown = _holm(p, able)
        for kind in np.flatnonzero(able):
            half = float(errors[kind]) * quantile(CONFIDENCE, float(freedom[kind]))
            effect = float(parts.effects[place][kind])
            found.append(StratumEffect(
                stratum=names[kind], cause=cause_of(change, evidence), effect=effect,
                interval=_interval(effect, half), n_before=float(n_before[kind]), n_after=float(n_after[kind]),
                share_before=float(before.shares[kind]), share_after=float(after.shares[kind]), shown=bool(shown[kind]),
            ))  # fmt: skip
    return tuple(found)


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


def _moment(look: Look, main: Contribution | None) -> tuple[datetime, tuple[datetime, datetime]] | None:
    """When it happened: the time of the largest named cause, and what else would fit."""
    if main is None:
        return None
    if main.cause == "mix":
        return None if look.mix is None else (time_of(look.mix.at), (time_of(look.mix.low), time_of(look.mix.high)))
    for change in look.changes:
        same = change.events[0] is main.event if change.events else main.event is None
        if same and change.at is not None:
            low, high = change.wide or (change.at, change.at if change.until is None else change.until)
            return time_of(change.at), (time_of(low), time_of(high))
    return None


def _judged(look: Look, contributions: Sequence[Contribution]) -> tuple[Judged, ...]:
    counted = [id(each.event) for each in contributions if each.event is not None]
    told = {id(event): change for change in look.changes for event in change.events}
    gone = {id(event): dropped.why for dropped in look.dropped for event in dropped.change.events}
    found = []
    for event in look.events:
        why = ""
        if id(event) in counted:
            found.append(Judged(event=event, counted=True))
            continue
        if id(event) in gone:
            why = gone[id(event)]
        elif id(event) in told:
            why = "told with the change that it is a part of"
        elif event.kind in ("promotion", "rollback", "rollout"):
            why = "no call of both sides shows it"
        else:
            why = "it changed little between the sides, or came with another change"
        found.append(Judged(event=event, counted=False, why=why))
    return tuple(found)
