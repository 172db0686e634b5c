"""Rollups on the real engine: the same figures as the calls and scores themselves, whatever comes late, twice, or goes."""

import itertools
import random
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.plugins.engine import Database
from tracing.clickhouse import ClickHouse
from tracing.event import CallEvent, Event, ScoreEvent, encode, timestamp
from tracing.loader import INSERT_SETTINGS
from tracing.rollups.repair import check, repair
from tracing.rollups.scores import count_scores, uncounted

_NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
_ids = itertools.count(1)
Insert = Callable[..., Awaitable[None]]


def call(**more: Any) -> CallEvent:
    number = next(_ids)
    fields: dict[str, Any] = {
        "call_id": str(uuid.UUID(int=number)), "ts": timestamp(_NOON + timedelta(milliseconds=number)), "outcome": "ok",
        "status": 200, "prompt": "agent", "version": 1, "channel": "stable", "model_served": "m-1", "duration_ms": 10.0,
    }  # fmt: skip
    return CallEvent(**fields | more)


def score(target: CallEvent | str, value: float | None, **more: Any) -> ScoreEvent:
    number = next(_ids)
    fields: dict[str, Any] = {
        "score_id": f"score-{number}", "target_kind": "call", "target": target if isinstance(target, str) else target.call_id,
        "ts": timestamp(_NOON), "received_at": timestamp(_NOON + timedelta(milliseconds=number)), "name": "good", "value": value,
        "kind": "bool",
    }  # fmt: skip
    return ScoreEvent(**fields | more)


@pytest.fixture
def insert(records: ClickHouse) -> Insert:
    """Insert events as the loader does."""

    async def into_tables(*events: Event, token: str | None = None, deleted: bool = False) -> None:
        for kind, table in ((CallEvent, "calls"), (ScoreEvent, "score_events")):
            lines = b"".join(encode(event) for event in events if isinstance(event, kind))
            if deleted:
                lines = lines.replace(b'"deleted":false', b'"deleted":true')
            if lines:
                name = token or f"segment-{next(_ids)}"
                await records.insert_lines(table, lines, {**INSERT_SETTINGS, "insert_deduplication_token": name})

    return into_tables


async def rolled_up(records: ClickHouse) -> list[tuple[Any, ...]]:
    """What scores_hourly says, by prompt, hour, version and score."""
    found = await records.query(
        "SELECT prompt, toHour(hour), version, name, kind, sum(scored_calls), round(sum(total), 6), sum(unparsed), sumMap(labels) "
        "FROM scores_hourly FINAL GROUP BY ALL HAVING sum(scored_calls) > 0 OR sum(unparsed) > 0 ORDER BY ALL"
    )
    return [tuple(row) for row in found.rows]


async def from_scores(records: ClickHouse) -> list[tuple[Any, ...]]:
    """The same, counted from the view of scores."""
    found = await records.query(
        "SELECT prompt, toHour(call_ts), version, name, kind, countIf(isNotNull(mean) OR labelled > 0), round(sum(ifNull(mean, 0)), 6), "
        "sum(bad), sumMap(texts) FROM (SELECT prompt, call_ts, version, name, kind, call_id, "
        "avgIf(value, parsed AND kind != 'category') AS mean, countIf(parsed AND kind = 'category') AS labelled, "
        "countIf(NOT parsed) AS bad, sumMapIf(map(label, toUInt64(1)), parsed AND kind = 'category') AS texts "
        "FROM scores WHERE prompt != '' GROUP BY ALL) GROUP BY ALL ORDER BY ALL"
    )
    return [tuple(row) for row in found.rows]


async def test_calls_by_hour_are_the_calls(records: ClickHouse, insert: Insert) -> None:
    chance = random.Random(3)
    calls = [
        call(
            ts=timestamp(_NOON + timedelta(minutes=chance.randrange(600))), version=chance.randint(1, 3),
            outcome=chance.choice(("ok", "ok", "refused", "timeout", "client_left")), user=chance.choice(("a", "b", "c")),
            cost=chance.choice((None, "0.25")), output_tokens=chance.choice((None, 7)), finish_reason=chance.choice(("stop", "length")),
            duration_ms=chance.uniform(1, 100), first_chunk_ms=chance.choice((None, 5.0)), stratum=chance.choice(("", "x")),
        )
        for _ in range(400)
    ]  # fmt: skip
    for first in range(0, 400, 100):
        await insert(*calls[first : first + 100])
    sums = (
        "count() AS n, countIf(outcome = 'ok'), countIf(outcome = 'refused'), ifNull(sum(output_tokens), 0), count(output_tokens), "
        "ifNull(sum(cost), 0), count(cost), uniq(user), min(ts), max(ts), sumMap(map(toString(finish_reason), toUInt64(1)))"
    )
    rolled = (
        "sum(calls), sum(succeeded), sum(refused), sum(output_tokens), sum(output_known), sum(cost), sum(cost_known), "
        "uniqCombinedMerge(12)(users), min(first_ts), max(last_ts), sumMap(finish_reasons)"
    )
    by = "toStartOfHour(ts, 'UTC') AS h, version, stratum"
    raw = await records.query(f"SELECT {by}, {sums} FROM calls GROUP BY ALL ORDER BY ALL")
    found = await records.query(
        f"SELECT hour, version, stratum, {rolled} FROM calls_hourly GROUP BY hour, version, stratum ORDER BY ALL"
    )
    assert list(found.rows) == list(raw.rows)
    assert await check(records) == []
    [exact] = (await records.query("SELECT quantileExact(0.5)(duration_ms) FROM calls WHERE outcome = 'ok'")).rows
    for table, digests in (("latency_hourly", "quantilesTDigest"), ("versions_daily", "quantilesTDigestWeighted")):
        [digest] = (await records.query(f"SELECT {digests}Merge(0.5, 0.95, 0.99)(duration)[1] FROM {table}")).rows
        assert digest[0] == pytest.approx(exact[0], rel=0.03)


async def test_a_segment_that_comes_twice_counts_once_in_everything_derived(
    records: ClickHouse, insert: Insert
) -> None:
    calls = [call(trace_id="t" * 32, external_id="e") for _ in range(50)]
    for _ in range(3):
        await insert(*calls, token="again")
    for table, column in (
        ("calls_hourly", "sum(calls)"),
        ("latency_hourly", "sum(calls)"),
        ("versions_daily", "sum(calls)"),
        ("call_keys", "count() / 3"),
    ):
        assert (await records.query(f"SELECT {column} FROM {table}")).rows[0][0] == 50, table


async def test_scores_by_hour_stay_right_whatever_happens_to_scores(records: ClickHouse, insert: Insert) -> None:
    first = call(trace_id="t" * 32)
    second, third = call(ts=timestamp(_NOON + timedelta(hours=3)), prompt="other"), call(external_id="order-1")
    unloaded = call(ts=timestamp(_NOON + timedelta(hours=1)), version=2)

    async def right(*, cells: int) -> None:
        await count_scores(records)
        assert await rolled_up(records) == await from_scores(records)
        assert len(await rolled_up(records)) == cells

    await insert(
        first,
        second,
        third,
        score(first, 1.0),
        score("t" * 32, 0.0, target_kind="trace"),
        score("order-1", 1.0, target_kind="external"),
    )
    await right(cells=1)
    early = score(unloaded, 1.0)
    await insert(early, score(unloaded, None, name="topic", kind="category", label="billing"), score("nobody", 1.0))
    await right(cells=1)
    await insert(unloaded)  # the call comes after its scores
    await right(cells=3)
    replaced = score(second, 0.0, score_id="again")
    await insert(replaced)
    await right(cells=4)
    await insert(score(second, 1.0, score_id="again"))
    await right(cells=4)
    await insert(score(first, 1.0, score_id="again", name="moved"))  # a correction that names another call
    await right(cells=4)
    await records.command("OPTIMIZE TABLE score_events FINAL")
    await insert(
        call(trace_id="t" * 32, ts=timestamp(_NOON + timedelta(hours=5)))
    )  # the trace's last call is another one now
    await right(cells=5)
    await insert(score(unloaded, None, score_id=early.score_id), deleted=True)
    await right(cells=4)
    assert await count_scores(records, everything=True) > 0
    assert await rolled_up(records) == await from_scores(records)


async def test_what_is_not_counted_yet_is_named_by_its_hour(records: ClickHouse, insert: Insert) -> None:
    known, other = call(), call(prompt="other")
    assert await uncounted(records, prompt="agent") is None, "nothing was ever counted"
    await insert(known, other)
    await count_scores(records)
    assert await uncounted(records, prompt="agent") == frozenset()
    await insert(score(known, 1.0))
    assert await uncounted(records, prompt="agent") == {int(_NOON.timestamp())}
    assert await uncounted(records, prompt="other") == frozenset()


@pytest.mark.parametrize("few", [0, 1000])
async def test_uncounted_hours_are_the_same_from_what_is_fresh_and_from_a_prompts_keys(
    records: ClickHouse, insert: Insert, few: int
) -> None:
    hours = [timestamp(_NOON + timedelta(hours=number)) for number in range(6)]
    scored, corrected, elsewhere, _, late, plain = (call(ts=hour) for hour in hours)
    traced = call(ts=hours[3], trace_id="a" * 32)
    first = score(corrected, 1.0)
    before = [scored, score(scored, 1.0), corrected, elsewhere, first, traced, score(late, 1.0), call(prompt="other")]
    await insert(*before)
    await count_scores(records)
    # As if that had been loaded long before the count.
    await records.command("ALTER TABLE fresh_keys DELETE WHERE 1 SETTINGS mutations_sync = 2")
    assert await uncounted(records, prompt="agent", few=few) == frozenset()
    await insert(
        plain,
        late,
        score(elsewhere, 0.0, score_id=first.score_id),  # it was the score of `corrected`
        score(traced.trace_id, 1.0, target_kind="trace"),
    )
    assert await uncounted(records, prompt="agent", few=few) == {
        int((_NOON + timedelta(hours=number)).timestamp()) for number in (1, 2, 3, 4)
    }
    assert await uncounted(records, prompt="other", few=few) == frozenset()


async def test_a_call_is_counted_once_for_a_name_and_once_in_all(records: ClickHouse, insert: Insert) -> None:
    calls = [call() for _ in range(3)]
    await insert(
        *calls, score(calls[0], 1.0), score(calls[0], 3.0, kind="number"), score(calls[0], 2.0, name="stars", kind="number"),
        score(calls[1], 2.0, name="stars", kind="number"), score(calls[2], None, parsed=False),
    )  # fmt: skip
    await count_scores(records)
    [sums] = (
        await records.query(
            "SELECT sum(any_calls), sumIf(name_calls, name = 'good'), sumIf(scored_calls, name = 'good') FROM scores_hourly FINAL"
        )
    ).rows
    assert tuple(sums) == (2, 1, 2)


async def test_what_a_view_missed_is_derived_anew(records: ClickHouse, insert: Insert) -> None:
    days = [_NOON - timedelta(days=number) for number in range(3)]
    await insert(*(call(ts=timestamp(day), trace_id="a" * 32) for day in days for _ in range(10)))
    before = (await records.query("SELECT * EXCEPT users FROM calls_hourly ORDER BY hour")).rows
    keys = (await records.query("SELECT * FROM call_keys ORDER BY ALL")).rows
    await records.command("ALTER TABLE calls_hourly DELETE WHERE toDate(hour) = '2026-03-01'", mutations_sync=2)
    await records.command("ALTER TABLE call_keys DELETE WHERE toDate(call_ts) = '2026-02-28'", mutations_sync=2)
    await records.command("TRUNCATE TABLE versions_daily")
    found = {(difference.table, difference.month, len(difference.days)) for difference in await repair(records)}
    assert found == {
        ("calls_hourly", 202603, 1),
        ("call_keys", 202602, 1),
        ("versions_daily", 202602, 2),
        ("versions_daily", 202603, 1),
    }
    assert await check(records) == []
    assert (await records.query("SELECT * EXCEPT users FROM calls_hourly ORDER BY hour")).rows == before
    assert (await records.query("SELECT * FROM call_keys ORDER BY ALL")).rows == keys
    assert (await records.query("SHOW TABLES LIKE '%_aside'")).rows == []


async def test_erased_calls_leave_the_rollups_and_expired_ones_stay(records: ClickHouse, insert: Insert) -> None:
    await insert(*(call(ts=timestamp(_NOON - timedelta(days=number))) for number in range(3)))
    await records.command("ALTER TABLE calls DELETE WHERE toDate(ts) < '2026-03-01'", mutations_sync=2)
    await repair(records, floor=(_NOON - timedelta(days=1)).date())
    rows = (
        await records.query("SELECT toString(toDate(hour)), sum(calls) FROM calls_hourly GROUP BY 1 ORDER BY 1")
    ).rows
    assert [tuple(row) for row in rows] == [("2026-02-27", 1), ("2026-03-01", 1)]


async def test_the_scores_view_names_the_call_of_every_kind_of_target(
    clickhouse: Database, records: ClickHouse, insert: Insert
) -> None:
    first, last = call(trace_id="t" * 32, external_id="e-1"), call(trace_id="t" * 32, version=2, channel="canary")
    await insert(
        first, last, score(first, 1.0), score("t" * 32, 0.0, target_kind="trace"), score("e-1", 0.5, target_kind="external"),
        score("00000000-0000-0000-0000-00000000ffff", 1.0), score("t", 1.0, target_kind="trace"),
    )  # fmt: skip
    found = await records.query(
        "SELECT value, target_kind, call_id, trace_id, external_id, prompt, version, channel FROM scores WHERE prompt != '' ORDER BY value"
    )
    trace = "t" * 32
    assert [tuple(row) for row in found.rows] == [
        (0.0, "trace", uuid.UUID(last.call_id), trace, "", "agent", 2, "canary"),
        (0.5, "external", uuid.UUID(first.call_id), trace, "e-1", "agent", 1, "stable"),
        (1.0, "call", uuid.UUID(first.call_id), trace, "e-1", "agent", 1, "stable"),
    ]
    assert (await records.query("SELECT count() FROM scores WHERE prompt = ''")).rows[0][0] == 2
