"""Quality by version from real rows on the real engine: what SQL counts, against the same counted in Python."""

import itertools
import json
import random
import statistics
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from evaluation.api import build_router
from evaluation.errors import AnalysisError
from evaluation.intervals import student_t, wilson
from evaluation.report import quality_report
from registry.values import Prompt
from tracing.clickhouse import ClickHouse
from tracing.event import CallEvent, ScoreEvent, encode, timestamp

_NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
_ids = itertools.count(1)

Insert = Callable[..., Any]


def _call(**more: Any) -> CallEvent:
    number = next(_ids)
    fields: dict[str, Any] = {
        "call_id": str(uuid.UUID(int=number)), "ts": timestamp(_NOON + timedelta(milliseconds=number)), "outcome": "ok",
        "status": 200, "prompt": "agent", "version": 1, "channel": "stable", "model_served": "m-1", "duration_ms": 10.0,
    }  # fmt: skip
    return CallEvent(**fields | more)


def _score(call: CallEvent | str, value: float | None, **more: Any) -> ScoreEvent:
    fields: dict[str, Any] = {
        "score_id": f"score-{next(_ids)}", "target_kind": "call", "target": call if isinstance(call, str) else call.call_id,
        "ts": timestamp(_NOON), "received_at": timestamp(_NOON), "name": "good", "value": value, "kind": "bool",
    }  # fmt: skip
    return ScoreEvent(**fields | more)


@pytest.fixture
def insert(records: ClickHouse) -> Insert:
    """Insert events into their tables, as the loader does: lines of JSON."""

    async def into_tables(*events: CallEvent | ScoreEvent) -> None:
        for kind, table in ((CallEvent, "calls"), (ScoreEvent, "score_events")):
            lines = b"".join(encode(event) for event in events if isinstance(event, kind))
            if lines:
                settings = {"date_time_input_format": "best_effort"}
                await records.insert_lines(table, lines, settings)

    return into_tables


async def test_every_figure_is_the_one_counted_in_python(records: ClickHouse, insert: Insert) -> None:
    chance = random.Random(7)
    calls = [
        _call(
            version=chance.choice((1, 2)),
            model_served=chance.choice(("m-1", "m-2")),
            channel=chance.choice(("stable", "latest", "")),
            outcome=chance.choice(("ok",) * 6 + ("refused", "provider_error", "timeout", "client_left")),
            duration_ms=chance.expovariate(1 / 200),
            first_chunk_ms=chance.choice((None, chance.uniform(1, 50))),
            input_tokens=chance.choice((None, chance.randrange(1000))),
            output_tokens=chance.choice((None, chance.randrange(1000))),
            cost=chance.choice((None, str(Decimal(chance.randrange(10**7)) / 10**9))),
        )
        for _ in range(500)
    ]
    good = {call.call_id: chance.random() < 0.8 for call in calls if chance.random() < 0.5}
    stars = {call.call_id: chance.gauss(3, 1) for call in calls if chance.random() < 0.3}
    await insert(
        *calls,
        *(_score(call_id, float(value)) for call_id, value in good.items()),
        *(_score(call_id, value, name="stars", kind="number") for call_id, value in stars.items()),
    )
    report = await quality_report(records, prompt="agent")
    assert [(row.version, row.model_served) for row in report.rows] == [(1, "m-1"), (1, "m-2"), (2, "m-1"), (2, "m-2")]
    assert [(row.version, row.model_served) for row in report.totals] == [(1, None), (2, None)]
    for row in report.rows + report.totals:
        mine = [c for c in calls if c.version == row.version and row.model_served in (None, c.model_served)]
        fine = [c for c in mine if c.outcome == "ok"]
        ids = {c.call_id for c in mine}
        assert row.calls == len(mine)
        assert row.errors == sum(c.outcome in ("refused", "provider_error", "timeout") for c in mine)
        assert row.client_left == sum(c.outcome == "client_left" for c in mine)
        assert row.scored_calls == len(ids & (good.keys() | stars.keys()))
        p50, p95 = np.percentile([c.duration_ms for c in fine], [50, 95])
        assert (row.latency_p50_ms, row.latency_p95_ms) == pytest.approx((p50, p95))
        chunks = [c.first_chunk_ms for c in fine if c.first_chunk_ms is not None]
        assert row.first_chunk_p50_ms == pytest.approx(statistics.median(chunks))
        known = [c.input_tokens for c in mine if c.input_tokens is not None]
        assert (row.input_tokens, row.input_tokens_mean) == (sum(known), pytest.approx(statistics.fmean(known)))
        out = [c.output_tokens for c in mine if c.output_tokens is not None]
        assert (row.output_tokens, row.output_tokens_mean) == (sum(out), pytest.approx(statistics.fmean(out)))
        prices = [Decimal(c.cost) for c in mine if c.cost is not None]
        assert row.cost == pytest.approx(float(sum(prices)))
        assert row.cost_mean == pytest.approx(float(sum(prices)) / len(prices))
        assert row.unpriced_calls == len(mine) - len(prices)
        assert [timestamp(row.first_seen), timestamp(row.last_seen)] == [
            min(c.ts for c in mine),
            max(c.ts for c in mine),
        ]
        assert row.channels == tuple(sorted({c.channel for c in mine} - {""}))
        by_name = {score.name: score for score in row.scores}
        ratings = [stars[i] for i in ids & stars.keys()]
        rights = [float(good[i]) for i in ids & good.keys()]
        assert (by_name["good"].n, by_name["stars"].n) == (len(rights), len(ratings))
        assert by_name["good"].mean == pytest.approx(statistics.fmean(rights))
        assert by_name["good"].interval == wilson(sum(rights), len(rights))
        assert by_name["stars"].mean == pytest.approx(statistics.fmean(ratings))
        interval, expected = (
            by_name["stars"].interval,
            student_t(len(ratings), sum(ratings), sum(x * x for x in ratings)),
        )
        assert interval is not None and expected is not None
        assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))


async def test_unknown_tokens_prices_and_latencies_stay_unknown(records: ClickHouse, insert: Insert) -> None:
    await insert(_call(outcome="refused", status=404))
    (row,) = (await quality_report(records, prompt="agent")).rows
    assert (row.calls, row.errors, row.error_rate, row.unpriced_calls) == (1, 1, 1.0, 1)
    unknown = [row.latency_p50_ms, row.latency_p95_ms, row.first_chunk_p50_ms, row.input_tokens, row.output_tokens]
    assert [*unknown, row.cost, row.cost_mean, row.input_tokens_mean] == [None] * 8
    assert (row.scores, row.scored_calls, row.coverage) == ((), 0, 0.0)


async def test_a_price_of_zero_is_a_price(records: ClickHouse, insert: Insert) -> None:
    await insert(_call(cost="0"), _call(cost="0.000000001"))
    (row,) = (await quality_report(records, prompt="agent")).rows
    assert (row.cost, row.cost_mean, row.unpriced_calls) == (1e-9, 5e-10, 0)


async def test_scores_count_by_call_and_the_last_post_of_an_id_wins(records: ClickHouse, insert: Insert) -> None:
    first, second, third = _call(external_id="order-1", trace_id="t" * 32), _call(), _call()
    await insert(
        _score("order-1", 1.0, target_kind="external"),
        first, second, third,
        _score("t" * 32, 0.0, target_kind="trace"),
        _score(second, 0.0, score_id="again"),
        _score(second, 1.0, score_id="again", received_at=timestamp(_NOON + timedelta(days=1))),
        _score("no such call", 1.0),
    )  # fmt: skip
    (row,) = (await quality_report(records, prompt="agent")).rows
    (score,) = row.scores
    # The first call has two opinions, 1 and 0: it is one observation of 0.5.
    assert (score.n, score.mean, row.scored_calls, row.coverage) == (2, 0.75, 2, pytest.approx(2 / 3))


async def test_unparsed_scores_are_counted_and_are_no_values(records: ClickHouse, insert: Insert) -> None:
    calls = [_call() for _ in range(3)]
    await insert(
        *calls, _score(calls[0], 1.0), _score(calls[1], 0.0, parsed=False), _score(calls[2], None, parsed=False)
    )
    (row,) = (await quality_report(records, prompt="agent")).rows
    (score,) = row.scores
    assert (score.n, score.mean, score.unparsed, row.scored_calls) == (1, 1.0, 2, 1)


async def test_a_value_that_is_no_finite_number_is_no_value(records: ClickHouse, insert: Insert) -> None:
    calls = [_call() for _ in range(3)]
    await insert(*calls, *(_score(call, 2.0, kind="number") for call in calls))
    for call, odd in zip(calls[1:], ("inf", "nan"), strict=True):
        await records.command(
            "INSERT INTO score_events (score_id, target_kind, target, name, kind, parsed, value) "
            f"VALUES ('{odd}', 'call', '{call.call_id}', 'odd', 'number', true, {odd})"
        )
    (row,) = (await quality_report(records, prompt="agent")).rows
    assert [(score.name, score.n, score.mean) for score in row.scores] == [("good", 3, 2.0), ("odd", 0, None)]


async def test_categories_are_counted_by_label(records: ClickHouse, insert: Insert) -> None:
    calls = [_call(model_served=model) for model in ("m-1", "m-1", "m-2")]
    labels = ("billing", "delivery", "billing")
    topics = [
        _score(call, None, name="topic", kind="category", label=label)
        for call, label in zip(calls, labels, strict=True)
    ]
    await insert(*calls, *topics, _score(calls[0], None, name="topic", kind="category", label="", parsed=False))
    report = await quality_report(records, prompt="agent")
    (total,) = report.totals
    assert total.scores[0].labels == (("billing", 2), ("delivery", 1))
    assert (total.scores[0].n, total.scores[0].mean, total.scores[0].unparsed) == (3, None, 1)
    assert [row.scores[0].labels for row in report.rows] == [(("billing", 1), ("delivery", 1)), (("billing", 1),)]


async def test_the_window_is_half_open_and_goes_by_the_calls_time(records: ClickHouse, insert: Insert) -> None:
    calls = [_call(ts=timestamp(_NOON + timedelta(hours=hour))) for hour in range(4)]
    await insert(*calls, *(_score(call, 1.0, ts=timestamp(_NOON + timedelta(days=9))) for call in calls))
    since, until = _NOON + timedelta(hours=1), _NOON + timedelta(hours=3)
    (row,) = (await quality_report(records, prompt="agent", since=since, until=until)).rows
    assert (row.calls, row.scored_calls) == (2, 2)
    assert (row.first_seen, row.last_seen) == (since, until - timedelta(hours=1))


async def test_purpose_prompt_and_score_choose_what_is_counted(records: ClickHouse, insert: Insert) -> None:
    real, trial, other = _call(), _call(purpose="evaluation"), _call(prompt="other")
    await insert(real, trial, other, *(_score(call, 1.0) for call in (real, trial, other)), _score(real, 2.0, name="x"))

    async def counted(**more: Any) -> tuple[int, int, list[str]]:
        (row,) = (await quality_report(records, prompt="agent", **more)).rows
        return row.calls, row.scored_calls, [score.name for score in row.scores]

    assert await counted() == (1, 1, ["good", "x"])
    assert await counted(purpose="evaluation") == (1, 1, ["good"])
    assert await counted(purpose=None, score="good") == (2, 2, ["good"])
    assert await counted(score="absent") == (1, 0, [])


@pytest.mark.parametrize("prompt", ["agent' OR 1=1 --", "{prompt:String}", "agent\\", "ag\nent\t", "ä€😀"])
async def test_a_prompts_name_is_data(records: ClickHouse, insert: Insert, prompt: str) -> None:
    await insert(_call(), _call(prompt=prompt))
    (row,) = (await quality_report(records, prompt=prompt)).rows
    assert row.calls == 1


async def test_a_window_that_makes_no_sense_is_refused(records: ClickHouse) -> None:
    with pytest.raises(ValueError, match="must be before until"):
        await quality_report(records, prompt="agent", since=_NOON, until=_NOON)
    with pytest.raises(ValueError, match="since must carry a time zone"):
        await quality_report(records, prompt="agent", since=_NOON.replace(tzinfo=None))


async def test_any_window_that_python_can_name_is_answered(records: ClickHouse, insert: Insert) -> None:
    await insert(_call())
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    assert len((await quality_report(records, prompt="agent", since=first, until=last)).rows) == 1


class UnknownPrompt(Exception):
    """Stands for the registry's own error."""


@pytest.fixture
async def api(records: ClickHouse) -> AsyncIterator[httpx.AsyncClient]:
    """The router in an application."""

    def prompt_of(slug: str) -> Prompt:
        if slug == "unknown":
            raise UnknownPrompt
        return Prompt(
            slug=slug, owner="", purpose="", tags=(), created_at=_NOON, created_by="", channels={"latest": 2}, latest=2, revision=1,
        )  # fmt: skip

    app = FastAPI()
    app.include_router(build_router(records, prompt_of))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        yield http


async def test_the_api_answers_what_the_report_says(
    api: httpx.AsyncClient, records: ClickHouse, insert: Insert
) -> None:
    call, probe = _call(cost="0.25"), _call(purpose="probe")
    await insert(call, probe, _score(call, 1.0), _score(call, None, name="topic", kind="category", label="billing"))
    reply = await api.get("/api/prompts/agent/quality")
    report = await quality_report(records, prompt="agent")
    assert reply.status_code == 200
    assert reply.json() == json.loads(json.dumps(report.to_json()))
    assert reply.json()["rows"][0]["scores"][1]["labels"] == {"billing": 1}
    assert (await api.get("/api/prompts/agent/quality?purpose=all")).json()["rows"][0]["calls"] == 2
    assert (await api.get("/api/prompts/agent/quality?score=topic")).json()["score"] == "topic"
    assert (await api.get("/api/prompts/without-calls/quality")).json()["rows"] == []
    with pytest.raises(UnknownPrompt):
        await api.get("/api/prompts/unknown/quality")


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("since=2026-03-01T11:00:00", 1),
        ("since=2026-03-01T13:00:00%2B01:00&until=2026-03-01T13:00:00Z", 1),
        ("until=2026-03-01", 0),
    ],
)
async def test_times_are_utc_unless_they_say_otherwise(
    api: httpx.AsyncClient, insert: Insert, query: str, rows: int
) -> None:
    await insert(_call())
    reply = await api.get(f"/api/prompts/agent/quality?{query}")
    assert len(reply.json()["rows"]) == rows


@pytest.mark.parametrize("query", ["since=soon", "since=2026-03-02&until=2026-03-01"])
async def test_a_bad_window_is_told_so(api: httpx.AsyncClient, query: str) -> None:
    with pytest.raises(AnalysisError, match="since"):
        await api.get(f"/api/prompts/agent/quality?{query}")


async def test_the_answer_is_in_the_openapi_document(api: httpx.AsyncClient) -> None:
    document = (await api.get("/openapi.json")).json()
    parameters: Sequence[dict[str, Any]] = document["paths"]["/api/prompts/{slug}/quality"]["get"]["parameters"]
    assert [item["name"] for item in parameters] == [
        "slug",
        "since",
        "until",
        "zone",
        "purpose",
        "score",
        "against",
        "margin",
    ]
    assert "QualityRowModel" in document["components"]["schemas"]
