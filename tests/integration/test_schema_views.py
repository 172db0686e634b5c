"""The documented views, read on the real engine: what they say of calls and scores that are known."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.test_schema_rollups import call, insert, score
from tracing.clickhouse import ClickHouse
from tracing.event import SpanEvent, encode, timestamp
from tracing.rollups.scores import count_scores

__all__ = ["insert"]  # the fixture
_START = datetime(2026, 3, 1, 9, tzinfo=UTC)
Insert = Callable[..., Awaitable[None]]


def at(minutes: int, **more: Any) -> Any:
    return call(ts=timestamp(_START + timedelta(minutes=minutes)), **more)


async def test_what_was_live_follows_promotions_and_rollbacks(records: ClickHouse, insert: Insert) -> None:
    await insert(
        at(0), at(30), at(70),
        at(100, version=2), at(130, version=2), at(110, version=3, channel="latest"),
        at(200), at(260),  # rolled back
        at(265, purpose="evaluation", version=9), at(270, version=4, variant="b"), at(280, prompt="", version=0),
    )  # fmt: skip
    found = await records.query(
        "SELECT channel, variant, version, dateDiff('minute', toDateTime64('2026-03-01 09:00:00', 3, 'UTC'), first_call) AS a, "
        "dateDiff('minute', toDateTime64('2026-03-01 09:00:00', 3, 'UTC'), last_call) AS b, calls "
        "FROM what_was_live WHERE prompt = 'agent' ORDER BY channel DESC, variant, first_call"
    )
    assert [tuple(row) for row in found.rows] == [
        ("stable", "", 1, 0, 70, 3),
        ("stable", "", 2, 100, 130, 2),
        ("stable", "", 1, 200, 260, 2),
        ("stable", "b", 4, 270, 270, 1),
        ("latest", "", 3, 110, 110, 1),
    ]


async def test_quality_by_version_has_a_row_for_each_score_and_one_without(records: ClickHouse, insert: Insert) -> None:
    first, second, third, bare = (
        at(0, cost="0.5"),
        at(1, outcome="timeout"),
        at(2, outcome="client_left"),
        at(3, version=2),
    )
    await insert(
        first, second, third, bare,
        score(first, 1.0), score(second, 0.0), score(first, 4.0, name="stars", kind="number"), score(third, None, parsed=False),
        score(first, None, name="topic", kind="category", label="billing"),
    )  # fmt: skip
    await count_scores(records)
    found = await records.query(
        "SELECT version, score, calls, errors, scored_calls, scored_calls_any, mean, unparsed, labels, cost, unpriced_calls, models "
        "FROM quality_by_version WHERE prompt = 'agent' ORDER BY version, score"
    )
    rows = [tuple(row[:6]) for row in found.rows]
    assert rows == [(1, "good", 3, 1, 2, 2), (1, "stars", 3, 1, 1, 2), (1, "topic", 3, 1, 1, 2), (2, "", 1, 0, 0, 0)]
    assert [row[6] for row in found.rows] == [0.5, 4.0, None, None]
    assert [row[7] for row in found.rows] == [1, 0, 0, 0]
    assert found.rows[2][8] == {"billing": 1}
    assert (float(found.rows[0][9]), found.rows[0][10], found.rows[3][9]) == (0.5, 2, None)
    assert found.rows[0][11] == ["m-1"]


async def test_calls_by_hour_leaves_unknown_unknown(records: ClickHouse, insert: Insert) -> None:
    await insert(at(0, user="a", duration_ms=10.0), at(1, user="b", duration_ms=1000.0), at(61, outcome="refused"))
    found = await records.query(
        "SELECT toHour(hour), calls, errors, users, cost, typical_ms FROM calls_by_hour ORDER BY hour"
    )
    assert [tuple(row[:5]) for row in found.rows] == [(9, 2, 0, 2, None), (10, 1, 1, 1, None)]
    assert found.rows[0][5] == pytest.approx(100)
    assert found.rows[1][5] is None


# https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/exporter/clickhouseexporter (traces_table.sql)
_EXPORTER = {
    "Timestamp": "DateTime64(9", "TraceId": "String", "SpanId": "String", "ParentSpanId": "String", "TraceState": "String",
    "SpanName": "LowCardinality(String)", "SpanKind": "LowCardinality(String)", "ServiceName": "LowCardinality(String)",
    "ResourceAttributes": "Map(LowCardinality(String), String)", "ScopeName": "String", "ScopeVersion": "String",
    "SpanAttributes": "Map(LowCardinality(String), String)", "Duration": "UInt64", "StatusCode": "LowCardinality(String)",
    "StatusMessage": "String", "Events.Timestamp": "Array(DateTime64(9", "Events.Name": "Array(LowCardinality(String))",
    "Events.Attributes": "Array(Map(LowCardinality(String), String))", "Links.TraceId": "Array(String)", "Links.SpanId": "Array(String)",
    "Links.TraceState": "Array(String)", "Links.Attributes": "Array(Map(LowCardinality(String), String))",
}  # fmt: skip


async def test_otel_traces_has_the_exporters_columns_and_types(records: ClickHouse, insert: Insert) -> None:
    found = await records.query(
        "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = 'otel_traces'"
    )
    types = dict(found.rows)
    assert list(types) == list(_EXPORTER)
    assert {name: types[name] for name in types if not types[name].startswith(_EXPORTER[name])} == {}
    await insert(
        at(0, trace_id="t" * 32, span_id="s" * 16, endpoint="chat.completions", model_requested="gpt-x", provider="openai", output_tokens=7),
        at(5, trace_id="t" * 32, outcome="timeout", error_code="provider_timeout", error_message="too late", endpoint="embeddings"),
    )  # fmt: skip
    first, second = (await records.query("SELECT * FROM otel_traces ORDER BY Timestamp")).dicts()
    assert (first["SpanName"], first["SpanKind"], first["StatusCode"], first["Duration"]) == (
        "chat gpt-x",
        "Client",
        "Ok",
        10_000_000,
    )
    assert first["SpanAttributes"]["gen_ai.prompt.name"] == "agent"
    assert first["SpanAttributes"]["gen_ai.prompt.version"] == "1"
    assert first["SpanAttributes"]["gen_ai.usage.output_tokens"] == "7"
    assert "gen_ai.usage.input_tokens" not in first["SpanAttributes"]
    assert (second["StatusCode"], second["StatusMessage"]) == ("Error", "too late")
    assert (second["SpanAttributes"]["error.type"], second["SpanAttributes"]["gen_ai.operation.name"]) == (
        "provider_timeout",
        "embeddings",
    )
    span = SpanEvent(
        trace_id="t" * 32,
        span_id="a" * 16,
        name="fetch",
        kind="internal",
        ts="2026-03-01T08:58:00.123456789Z",
        duration_ns=5,
        status="error",
        service="app",
        attributes={"k": "v"},
        event_ts=("2026-03-01T08:58:00.123456790Z",),
        event_names=("cached",),
        event_attributes=({"hit": "1"},),
        received_at="2026-03-01T09:00:00.000000Z",
    )
    await records.insert_lines("spans", encode(span) * 2, {"date_time_input_format": "best_effort"})
    [shown] = (await records.query("SELECT * FROM otel_traces WHERE ServiceName = 'app'")).dicts()
    assert (shown["SpanName"], shown["SpanKind"], shown["StatusCode"], shown["Duration"]) == (
        "fetch",
        "Internal",
        "Error",
        5,
    )
    assert (shown["SpanAttributes"], shown["Events.Name"], shown["Events.Attributes"]) == (
        {"k": "v"},
        ["cached"],
        [{"hit": "1"}],
    )
    [trace] = (await records.query("SELECT TraceId, dateDiff('minute', Start, End) FROM otel_traces_trace_id_ts")).rows
    assert tuple(trace) == ("t" * 32, 7)
