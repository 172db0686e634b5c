"""Two changes that depend on each other: what each did first and second, and each one's Shapley share.

Where prompt and model both changed and calls of all four combinations are there, how much was the prompt has no answer that doesn't depend
on the order (L. S. Shapley, A value for n-person games (1953), gives the mean over both).
Knows a look. Refuses to decide which order is the right one.
"""

from __future__ import annotations

import numpy as np

from evaluation.drift.changes import APART, Change
from evaluation.drift.design import model_of, parts_of
from evaluation.drift.fitting import as_normal, quantile
from evaluation.drift.looking import Look
from evaluation.drift.sides import Sided
from evaluation.drift.values import BothOrders
from evaluation.intervals import CONFIDENCE, Interval

SURE = 3.29


def both_orders(look: Look, before: Sided, after: Sided) -> BothOrders | None:
    """Both orders for the first prompt and model change that calls of all four combinations show to depend on each other; else None."""
    pair = [next((each for each in look.changes if each.cause == cause), None) for cause in ("prompt", "model")]
    first, second = pair
    if first is None or second is None:
        return None
    n = look.scored.n
    on = [change.on >= 0.5 for change in (first, second)]
    if min(float(n[(on[0] == a) & (on[1] == b)].sum()) for a in (False, True) for b in (False, True)) < APART:
        return None
    together = Change(cause="not separable", on=first.on * second.on, name="interaction")
    others = [each for each in look.changes if each is not first and each is not second and each.owner is None]
    changes = [*others, first, second, together]
    model = model_of(look.scored, changes)
    parts = parts_of(model, before, after, 1.0)
    one, two, more = (float(value) for value in parts.values[-5:-2])
    variance, freedom = model.found.noise.variances(parts.sums[-3][None, :])
    if variance[0] <= 0 or abs(as_normal(np.array([more]) / np.sqrt(variance), freedom)[0]) <= SURE:
        return None
    half = float(np.sqrt(variance[0])) * quantile(CONFIDENCE, float(freedom[0]))
    return BothOrders(
        first=first.cause,
        second=second.cause,
        first_then_second=(one, two + more),
        second_then_first=(one + more, two),
        shapley=(one + more / 2, two + more / 2),
        interaction=more,
        interval=Interval(low=more - half, high=more + half),
    )
