"""Quality by version: what calls and scores say about each version of a prompt and the models that served it.

Takes cells (counts, sums and quantiles that SQL has made, see quality.sql) and gives frozen rows with means and
intervals. Refuses to know ClickHouse, HTTP and terminals, to compare versions with each other, and to take an unknown
value for zero: unknown is None throughout.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from evaluation.comparison.values import Comparison
from evaluation.intervals import Interval, student_t, wilson
from evaluation.plain import plain

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One score's name within one row.

    `kind` is bool, number or category; `n` counts the calls on record that have at least one parsed value. Bools and numbers
    have a mean with a 95 % interval (Wilson for bools; Student's t for numbers, None below two calls); categories have
    `labels`, the number of scores by label. `unparsed` counts scores whose value could not be read from the scorer's
    output.
    Where some calls stand for others that a sample left out, the mean is weighed, and the interval is that of `effective_n` calls of
    equal weight: (sum of weights)² / sum of squared weights (L. Kish, 1965). Without a sample that is `n`. `coverage` is the share of the
    row's calls that have a value.
    """

    name: str
    kind: str
    n: int
    mean: float | None
    interval: Interval | None
    unparsed: int
    labels: tuple[tuple[str, int], ...] = ()
    effective_n: float | None = None
    coverage: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityRow:
    """One version under one served model, or under all models where `model_served` is None.

    `errors` are calls whose outcome is neither ok nor client_left, `error_rate` is their share of all calls.
    `scored_calls` have at least one parsed score, `coverage` is their share. Latencies are milliseconds of calls that
    succeeded. Costs are US dollars: the sum and mean over the calls with a price; `unpriced_calls` have none.
    Token means are over the calls that report tokens. `first_seen` and `last_seen` are UTC.
    Every count and sum is of all calls: those that a sample left out are estimated by weighing each call by what it stands for.
    `recorded_calls` is how many are on record; the same as `calls` where there was no sample.
    """

    version: int
    model_served: str | None
    calls: int
    errors: int
    error_rate: float
    client_left: int
    scored_calls: int
    coverage: float
    scores: tuple[Score, ...]
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    first_chunk_p50_ms: float | None
    input_tokens: int | None
    input_tokens_mean: float | None
    output_tokens: int | None
    output_tokens_mean: float | None
    cost: float | None
    cost_mean: float | None
    unpriced_calls: int
    first_seen: datetime
    last_seen: datetime
    channels: tuple[str, ...]
    recorded_calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """A prompt's quality in a window: `rows` by version and served model, `totals` by version over all models.

    The window is half-open, None is unbounded; `purpose` None is any purpose; `score` None is every score's name. `exact` tells whether
    latencies are exact, or estimates from digests. `comparison` holds the versions against one of them, None where nobody asked for it.
    """

    prompt: str
    since: datetime | None
    until: datetime | None
    purpose: str | None
    score: str | None
    rows: tuple[QualityRow, ...]
    totals: tuple[QualityRow, ...]
    exact: bool = True
    comparison: Comparison | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain values for JSON: times in ISO 8601 with a Z, labels as an object, unknown as null."""
        values: dict[str, Any] = plain(asdict(self))
        for row in [*values["rows"], *values["totals"]]:
            for score in row["scores"]:
                score["labels"] = dict(score["labels"])
        return values


def quality_of(window: Quality, calls: Iterable[Mapping[str, Any]], scores: Iterable[Mapping[str, Any]]) -> Quality:
    """`window` with its rows and totals filled in from the cells of the two statements in quality.sql."""
    calls = list(calls)
    all_calls = {_key(cell): cell["calls"] for cell in calls}
    by_row: dict[tuple[int, str | None], list[Score]] = {}
    scored: dict[tuple[int, str | None], int] = {}
    for cell in scores:
        if cell["all_scores"]:
            scored[_key(cell)] = cell["scored_calls"]
        else:
            by_row.setdefault(_key(cell), []).append(_score(cell, all_calls.get(_key(cell), 0)))
    # Scores are read after calls: a call that came in between has scores and no cell, and waits for the next reading.
    rows = [_row(cell, by_row.get(_key(cell), []), scored.get(_key(cell), 0)) for cell in calls]
    return replace(
        window,
        rows=tuple(row for row in rows if row.model_served is not None),
        totals=tuple(row for row in rows if row.model_served is None),
    )


def _key(cell: Mapping[str, Any]) -> tuple[int, str | None]:
    return cell["version"], None if cell["all_models"] else cell["model"]


def _score(cell: Mapping[str, Any], calls: int) -> Score:
    kind, n, weight = cell["score_kind"], cell["scored_recorded"], cell["weight"]
    mean = interval = effective = None
    if kind != "category" and weight:
        effective = weight * weight / cell["weight_squares"]
        share = effective / weight  # 1 where every call stands for itself
        total, squares = cell["mean_sum"], cell["mean_sum_of_squares"]
        mean = total / weight
        if kind == "bool":
            interval = wilson(total * share, effective)
        elif n > 1:
            interval = student_t(effective, total * share, squares * share)
    return Score(
        name=cell["score_name"],
        kind=kind,
        n=n,
        mean=mean,
        interval=interval,
        unparsed=cell["unparsed_scores"],
        labels=tuple(sorted(dict(cell["label_counts"]).items())),
        effective_n=effective,
        coverage=min(cell["scored_calls"] / calls, 1.0) if calls else None,
    )


def _row(cell: Mapping[str, Any], scores: Iterable[Score], scored_calls: int) -> QualityRow:
    version, model = _key(cell)
    calls = cell["calls"]
    p50, p95 = cell["latency_ms"][:2]
    return QualityRow(
        version=version,
        model_served=model,
        calls=calls,
        errors=cell["errors"],
        error_rate=cell["errors"] / calls,
        client_left=cell["client_left"],
        scored_calls=min(scored_calls, calls),
        coverage=min(scored_calls, calls) / calls,
        scores=tuple(scores),
        latency_p50_ms=_known(p50),
        latency_p95_ms=_known(p95),
        first_chunk_p50_ms=_known(cell["first_chunk_quantiles"][0]),
        input_tokens=cell["input_sum"],
        input_tokens_mean=_mean(cell["input_sum"], cell["input_known"]),
        output_tokens=cell["output_sum"],
        output_tokens_mean=_mean(cell["output_sum"], cell["output_known"]),
        cost=cell["cost_sum"],
        cost_mean=_mean(cell["cost_sum"], cell["cost_known"]),
        unpriced_calls=max(calls - round(cell["cost_known"]), 0),
        first_seen=_EPOCH + timedelta(milliseconds=cell["first_ms"]),
        last_seen=_EPOCH + timedelta(milliseconds=cell["last_ms"]),
        channels=tuple(cell["channels"]),
        recorded_calls=cell["recorded"],
    )


def _mean(total: float | None, known: int) -> float | None:
    return None if total is None or not known else total / known


def _known(value: float | None) -> float | None:
    """A quantile of nothing is NaN or null, depending on the format that the rows came in."""
    return None if value is None or math.isnan(value) else value
