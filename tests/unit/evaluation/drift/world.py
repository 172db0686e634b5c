"""Small worlds in cells: what answers are like hour by hour, with known causes of change."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from evaluation.drift.events import time_of
from evaluation.drift.judging import Evidence, report_of
from evaluation.drift.looking import Question, look
from evaluation.drift.values import Cell, DriftReport, Event, Metric

FIRST = 20_600 * 24
"""The first hour of every world: a Saturday, 2026-05-27 plus two months or so; only that it is a day's first hour matters."""
DAYS = 20
RATES = {"billing": 0.92, "delivery": 0.85, "angry": 0.70}
SHARES = (0.5, 0.3, 0.2)
METRIC = Metric(name="accepted", unit="points")

Answer = Callable[[int, str, np.random.Generator], Mapping[str, Any]]
"""What answers a call at an hour of a world, of a kind of input: fields of Cell, and `good` to add to the share of good answers."""


def cells_of(
    answer: Answer,
    *,
    per_hour: int = 40,
    seed: int = 1,
    days: int = DAYS,
    shares: Callable[[int], tuple[float, ...]] | None = None,
) -> list[Cell]:
    """A world's cells."""
    chance = np.random.default_rng(seed)
    found = []
    for hour in range(days * 24):
        counts: dict[tuple[Any, ...], list[float]] = {}
        kinds = chance.choice(len(RATES), per_hour, p=shares(hour) if shares else SHARES)
        for kind in (list(RATES)[number] for number in kinds):
            fields = {"version": 7, "model": "m-1", "fingerprint": "", "params": "p", "scorer": "judge:1", "good": 0.0}
            fields |= answer(hour, kind, chance)
            good = chance.random() < RATES[kind] + float(fields.pop("good"))  # type: ignore[arg-type]
            count = counts.setdefault((kind, *fields.items()), [0.0, 0.0])
            count[0] += 1
            count[1] += good
        for (kind, *rest), (n, total) in counts.items():
            found.append(Cell(
                hour=FIRST + hour, stratum=kind, channel="stable", variant="", n=n, total=total, squares=total, calls=n,
                unparsed=0.0, **dict(rest),
            ))  # fmt: skip
    return found


def promotion(hour: float) -> Event:
    """Of version 8, at an hour of the world."""
    return Event(kind="promotion", at=time_of(FIRST + hour), before="7", after="8", announced=True, channel="stable")


def report(
    cells: list[Cell], *moves: Event, since: int = 13 * 24, days: int = DAYS, evidence: Evidence | None = None
) -> DriftReport:
    """The report on a world."""
    question = Question(
        prompt="agent", metric=METRIC, cells=cells, announced=moves, since=FIRST + since, until=FIRST + days * 24
    )
    found = look(question)
    assert found is not None
    return report_of(found, evidence or Evidence())


def named(said: DriftReport) -> set[str]:
    """The causes that a report names."""
    return {each.cause for each in said.contributions if each.named}
