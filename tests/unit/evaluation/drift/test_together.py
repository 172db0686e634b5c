"""When a silent change happened: what other prompts of the model tell beside the prompt itself."""

from collections.abc import Callable

import numpy as np

from evaluation.drift.evidence import Control
from evaluation.drift.looking import Look, Question, look
from evaluation.drift.together import dated
from evaluation.drift.values import Cell
from tests.unit.evaluation.drift.world import DAYS, FIRST, METRIC, cells_of

AT = 15 * 24 + 9


def _look(seed: int, since: int = AT) -> Look:
    """What a loss of 6 points, of which 40 calls an hour tell, is taken for."""
    cells = cells_of(lambda hour, _, __: {"good": -0.06 * (hour >= since)}, seed=seed)
    found = look(Question(
        prompt="agent", metric=METRIC, cells=cells, announced=(), since=FIRST + 13 * 24, until=FIRST + DAYS * 24,
    ))  # fmt: skip
    assert found is not None
    return found


def _control(step: Callable[[int], bool]) -> Control:
    """Output lengths of another prompt: a quarter longer where `step` says so."""
    chance = np.random.default_rng(5)
    cells = []
    for hour in range(DAYS * 24):
        tokens = 150 * (1 + 0.25 * step(hour)) * np.exp(chance.normal(0, 0.3, 30))
        cells.append(Cell(
            hour=FIRST + hour, stratum="", version=1, channel="", variant="", model="", fingerprint="", params="", scorer="", n=30.0,
            total=float(tokens.sum()), squares=float((tokens**2).sum()), calls=30.0, unparsed=0.0,
        ))  # fmt: skip
    return Control(prompt="other", metric="output_tokens", cells=cells)


def test_a_step_is_dated_by_what_moved_with_it() -> None:
    control, alone, together = _control(lambda hour: hour >= AT), [], []
    for seed in range(1, 9):
        found = _look(seed)
        for errors, each in ((alone, found), (together, dated(found, [control], [control.name]))):
            [change] = each.changes
            assert change.at is not None
            errors.append(abs(change.at - FIRST - AT))
            assert each.before.end <= change.at <= each.after.begin
    assert max(together) <= 1
    assert sum(alone) > 4 * sum(together)


def test_what_did_not_move_dates_nothing() -> None:
    control, found = _control(lambda hour: hour >= AT), _look(1)
    assert dated(found, [control], []) == found


def test_a_control_dates_a_step_only_within_what_the_prompt_leaves_open() -> None:
    control, found = _control(lambda hour: hour >= AT - 60), _look(1)
    [change] = dated(found, [control], [control.name]).changes
    [before] = found.changes
    assert change.at is not None
    assert before.wide is not None
    assert before.wide[0] <= change.at <= before.wide[1]
