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
        all_hours = np.concatenate([each.hour for each in self.models.values()])
        at, place = np.unique(all_hours, return_inverse=True)
        calls = np.bincount(place, np.concatenate([each.n for each in self.models.values()]))
        squares = np.bincount(place, np.concatenate([each.squares for each in self.models.values()]))
        own, mine = np.zeros(len(at)), self.models.get(model)
        if mine is not None:
            own[np.searchsorted(at, mine.hour)] = mine.n
        share = own / calls
        return Hours(hour=at, n=calls**2 / squares, mean=share, squares=share.copy())

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
    by_prompt = {row["prompt"]: row for row in calls}
    served: dict[str, dict[str, Hours]] = {}
    for prompt, model, begin, weight, square in models:
        served.setdefault(prompt, {})[model] = hours_of(begin, weight, weight, square)
    scored: dict[str, dict[str, Hours]] = {}
    for prompt, score, begin, n, mean, square in scores:
        # A score that has a built-in metric's name can't be told from it, and isn't watched.
        if score not in BUILT_IN:
            scored.setdefault(prompt, {})[score] = hours_of(begin, n, mean, square)
    return [
        PromptHours(
            prompt=prompt,
            metrics={
                **{
                    name: hours_of(row["begin"], row[n], row[mean], row[square] if square else None)
                    for name, (n, mean, square) in _CALLS.items()
                },
                **scored.get(prompt, {}),
            },
            models=served.get(prompt, {}),
        )
        for prompt in prompts
        if (row := by_prompt.get(prompt)) is not None
    ]


def _statements() -> Mapping[str, str]:
    return load_statements("evaluation.monitors", "cells.sql")
