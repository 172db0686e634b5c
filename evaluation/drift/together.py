"""When a change that nobody recorded happened, told by all that moved with it: other prompts of the model date it better than one alone.

Knows looks and controls. Refuses to know whether controls moved at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evaluation.drift.apart import as_change, scale_of
from evaluation.drift.design import model_of
from evaluation.drift.evidence import Control, models_of, profile_of
from evaluation.drift.looking import Look, spans_of
from evaluation.drift.scan import best_step, common_step_squares, sums_of


def dated(found: Look, controls: Sequence[Control], moved: Sequence[str]) -> Look:
    """The look with its sudden step at the hour that the prompt and the controls that `moved` tell together, and the sides with it.

    Only hours that the prompt alone leaves open are looked at. What took longer stays where it is.
    """
    place = next((place for place, change in enumerate(found.changes) if change.wide is not None), None)
    with_it = [control for control in controls if control.name in moved]
    if place is None or not with_it:
        return found
    change = found.changes[place]
    if change.at is None or change.wide is None or change.until != change.at:
        return found
    others = [other for other in found.changes if other is not change]
    made = sums_of(model_of(found.scored, others).found, found.scored.stratum.codes, len(found.scored.stratum.names))
    hours = made.n.shape[1]
    square = common_step_squares(made) / scale_of(model_of(found.scored, found.changes), place)
    for control in with_it:
        square = square + profile_of(control, change.at, (made.first, made.first + hours), models_of(found.changes))
    hour = made.first + np.arange(hours)
    moment = best_step(made, np.where((hour >= change.wide[0]) & (hour <= change.wide[1]), square, -1.0), 1.0)
    if moment is None:
        return found
    better = replace(as_change(moment, found.scored), deviate=change.deviate, searched=change.searched)
    changes = (*found.changes[:place], better, *found.changes[place + 1 :])
    before, after = spans_of(found.question, found.scored, changes, found.mix)
    return replace(found, changes=changes, before=before, after=after)
