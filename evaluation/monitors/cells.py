"""The hours of all metrics of many prompts, in a few statements.

Knows which columns of cells.sql make which metric. Refuses to know what is watched and what hours say.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation.monitors.hours import Hours, hours_of
from evaluation.statements import load_statements
from registry.monitors import BUILT_IN
from tracing.clickhouse import ClickHouse

LEAST_CALLS = 100
"""Prompts with fewer recorded calls in the window are not looked at."""

AT_ONCE = 100
"""Prompts a statement: their hours must fit into memory beside all else that the keeper does."""

_CALLS: Mapping[str, tuple[str, str, str | None]] = {
    "error_rate": ("n_calls", "failed", "failed"),
    "refusal_rate": ("n_ok", "refused_share", "refused_share"),
    "truncation_rate": ("n_ok", "truncated_share", "truncated_share"),
    "latency": ("n_ok", "log_ms_mean", "log_ms_square"),
    "output_tokens": ("n_output", "output_mean", "output_square"),
    "cost": ("n_cost", "cost_mean", None),
}
"""The columns of each built-in metric: n, mean and mean of squares, which of a share is the share itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptHours:
    """One prompt's metrics by name: the built-in ones, and its scores. `models` are the calls of each served model."""

    prompt: str
    metrics: Mapping[str, Hours]
    models: Mapping[str, Hours]

    def share_of(self, model: str) -> Hours:
        """The share of calls that one model answered."""
        calls: dict[float, float] = {}
        squares: dict[float, float] = {}
        for hours in self.models.values():
            for hour, weight, square in zip(hours.hour, hours.n, hours.squares, strict=True):
                calls[hour] = calls.get(hour, 0.0) + weight
                squares[hour] = squares.get(hour, 0.0) + square
        mine = self.models.get(model)
        own = {} if mine is None else dict(zip(mine.hour, mine.n, strict=True))
        at = np.array(sorted(calls))
        share = np.array([own.get(hour, 0.0) / calls[hour] for hour in at])
        n = np.array([calls[hour] ** 2 / squares[hour] for hour in at])
        return Hours(hour=at, n=n, mean=share, squares=share.copy())

    def main_model(self, begin: float, end: float) -> str | None:
        """The model that answered most calls in a span of hours."""
        totals = {name: float(hours.within(begin, end).n.sum()) for name, hours in self.models.items()}
        best = max(totals, key=lambda name: (totals[name], name), default=None)
        return best if best is not None and totals[best] > 0 else None


async def prompts_with_traffic(clickhouse: ClickHouse, *, since: int, until: int) -> dict[str, list[str]]:
    """Prompts with enough calls, those with the most first, each with the names of its scores. Raises ClickHouseUnavailable and
    ClickHouseRefused."""
    window = {"since": since, "until": until}
    found = await clickhouse.query(_statements()["prompts"], {**window, "least": LEAST_CALLS})
    scored = {row[0]: list(row[1]) for row in (await clickhouse.query(_statements()["scored"], window)).rows}
    return {row[0]: [name for name in scored.get(row[0], ()) if name not in BUILT_IN] for row in found.rows}


async def read_hours(clickhouse: ClickHouse, prompts: Sequence[str], *, since: int, until: int) -> list[PromptHours]:
    """The hours of some prompts, `AT_ONCE` at most. Raises ClickHouseUnavailable and ClickHouseRefused."""
    window = {"prompts": list(prompts), "since": since, "until": until}
    statements = _statements()
    calls = await clickhouse.query(statements["calls"], window)
    models = await clickhouse.query(statements["models"], window)
    scores = await clickhouse.query(statements["scores"], window)
    return await asyncio.to_thread(_assembled, prompts, calls.dicts(), models.rows, scores.rows)


def _assembled(
    prompts: Sequence[str], calls: Iterable[Mapping[str, Any]], models: Iterable[Any], scores: Iterable[Any]
) -> list[PromptHours]:
    by_prompt: dict[str, list[Mapping[str, Any]]] = {}
    for row in calls:
        by_prompt.setdefault(row["prompt"], []).append(row)
    served: dict[str, dict[str, list[tuple[int, float, float, float | None]]]] = {}
    for prompt, model, begin, weight, square in models:
        served.setdefault(prompt, {}).setdefault(model, []).append((begin, weight, 1.0, square))
    scored: dict[str, dict[str, list[tuple[int, float, float, float | None]]]] = {}
    for prompt, score, begin, n, mean, square in scores:
        # A score that has a built-in metric's name can't be told from it, and isn't watched.
        if score not in BUILT_IN:
            scored.setdefault(prompt, {}).setdefault(score, []).append((begin, n, mean, square))
    return [
        PromptHours(
            prompt=prompt,
            metrics={
                **{name: _metric(by_prompt.get(prompt, ()), *columns) for name, columns in _CALLS.items()},
                **{name: hours_of(rows) for name, rows in scored.get(prompt, {}).items()},
            },
            models={name: hours_of(rows) for name, rows in served.get(prompt, {}).items()},
        )
        for prompt in prompts
    ]


def _metric(rows: Sequence[Mapping[str, Any]], n: str, mean: str, square: str | None) -> Hours:
    return hours_of([(row["begin"], row[n], row[mean], row[square] if square else None) for row in rows if row[n] > 0])


def _statements() -> Mapping[str, str]:
    return load_statements("evaluation.monitors", "cells.sql")
