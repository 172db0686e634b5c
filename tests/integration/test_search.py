"""Searches on the real engine: every filter against a plain reading of the same rows, pages while calls arrive, and who sees what."""

import random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tests.plugins.engine import Database
from tracing.clickhouse import ClickHouse
from tracing.event import CallEvent, ScoreEvent, encode, timestamp
from tracing.search import find
from tracing.search.errors import CallNotFoundError, SearchInvalidError, SearchTooBroadError
from tracing.search.filters import CallFilter, Sight
from tracing.search.find import find_call, find_calls, find_traces

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ALL = Sight()
EVER = datetime(2000, 1, 1, tzinfo=UTC)


def event(number: int, at: datetime, **more: Any) -> CallEvent:
    fields: dict[str, Any] = {"outcome": "ok", "status": 200, "duration_ms": 1.0, **more}
    return CallEvent(call_id=str(uuid.UUID(int=number)), ts=timestamp(at), **fields)


def some(count: int) -> list[CallEvent]:
    """Calls over two years, many of them in the same millisecond."""
    pick = random.Random(7)
    return [
        event(
            pick.getrandbits(128),
            NOW
            - timedelta(milliseconds=pick.choice([0, 1, 2, 10**6 * pick.randrange(60), 10**7 * pick.randrange(6000)])),
            prompt=pick.choice(["", "agent", "agent-eu", "other"]),
            version=pick.randrange(1, 4),
            channel=pick.choice(["stable", "latest"]),
            status=pick.choice([200, 400, 429, 500, 503]),
            outcome=pick.choice(["ok", "refused", "provider_error"]),
            error_code=pick.choice(["", "provider_timeout"]),
            user=pick.choice(["ann", "bob", "o'hara\\"]),
            session=pick.choice(["", "s1"]),
            tags=pick.choice([{}, {"team": "search"}, {"team": "ads", "beta": ""}]),
            trace_id=f"{pick.randrange(20):032x}",
            provider=pick.choice(["openai", "groq"]),
            model_requested=pick.choice(["m", "n"]),
            model_served=pick.choice(["m", "n-2026"]),
            purpose=pick.choice(["production", "probe"]),
            cost=pick.choice([None, "0.5", "0.000000001"]),
            duration_ms=pick.choice([1.5, 900.0, 100_000.0]),
            input_tokens=pick.choice([None, 5]),
            output_tokens=pick.choice([None, 7, 70]),
            request=pick.choice(
                ['{"say": "Grüße"}', '{"say": "Gr\\u00fc\\u00dfe"}', '{"say": "a \\"quoted\\" 100%_"}', ""]
            ),
            response=pick.choice(['{"said": "Refund"}', "", '{"said": "line\\nbreak"}']),
            origin=pick.choice(["", "import"]),
        )
        for _ in range(count)
    ]


async def put(records: ClickHouse, *events: CallEvent | ScoreEvent) -> None:
    table = "calls" if isinstance(events[0], CallEvent) else "score_events"
    await records.insert_lines(table, b"".join(map(encode, events)), {"date_time_input_format": "best_effort"})


async def every(records: ClickHouse, asked: CallFilter, sight: Sight = ALL, limit: int = 1000) -> list[dict[str, Any]]:
    rows, cursor = [], ""
    while True:
        page = await find_calls(records, asked, sight, limit=limit, cursor=cursor, now=NOW)
        rows += page.rows
        assert len(page.rows) == limit or not page.next_cursor
        if not (cursor := page.next_cursor):
            return rows


def tokens(call: CallEvent) -> int | None:
    return None if call.input_tokens is None or call.output_tokens is None else call.input_tokens + call.output_tokens


def at(call: CallEvent) -> datetime:
    return datetime.fromisoformat(call.ts)


FILTERS: list[tuple[dict[str, Any], Callable[[CallEvent], bool]]] = [
    ({}, lambda call: True),
    ({"prompt": ("agent",)}, lambda call: call.prompt == "agent"),
    ({"prompt": ("agent", "-")}, lambda call: call.prompt in ("agent", "")),
    ({"version": (2, 3), "channel": ("stable",)}, lambda call: call.version > 1 and call.channel == "stable"),
    ({"status": ("4xx", "500")}, lambda call: call.status in (400, 429, 500)),
    ({"outcome": ("refused",)}, lambda call: call.outcome == "refused"),
    ({"error_code": ("provider_timeout",)}, lambda call: call.error_code == "provider_timeout"),
    ({"user": ("o'hara\\",)}, lambda call: call.user == "o'hara\\"),
    ({"session": ("s1",), "purpose": ("probe",)}, lambda call: call.session == "s1" and call.purpose == "probe"),
    ({"tag": ("team",)}, lambda call: "team" in call.tags),
    ({"tag": ("team=ads", "beta")}, lambda call: call.tags.get("team") == "ads" and "beta" in call.tags),
    ({"tag": ("beta=",)}, lambda call: call.tags.get("beta") == ""),
    ({"model": ("m",)}, lambda call: "m" in (call.model_requested, call.model_served)),
    ({"provider": ("groq",)}, lambda call: call.provider == "groq"),
    ({"origin": ("-",)}, lambda call: call.origin == ""),
    ({"trace_id": (f"{3:032x}",)}, lambda call: call.trace_id == f"{3:032x}"),
    ({"min_cost": 0.1}, lambda call: call.cost == "0.5"),
    ({"max_cost": 0.1}, lambda call: call.cost == "0.000000001"),
    ({"min_ms": 2, "max_ms": 1000}, lambda call: call.duration_ms == 900),
    ({"min_tokens": 75}, lambda call: tokens(call) == 75),
    ({"max_tokens": 12}, lambda call: tokens(call) == 12),
    ({"text": "grüße", "since": EVER}, lambda call: "Gr" in call.request),
    ({"input_text": 'a "QUOTED" 100%_', "since": EVER}, lambda call: "quoted" in call.request),
    ({"output_text": "line\nbreak", "since": EVER}, lambda call: "break" in call.response),
    (
        {"text": "refund", "input_text": "gr", "since": EVER},
        lambda call: "Refund" in call.response and "Gr" in call.request,
    ),
    ({"since": NOW - timedelta(milliseconds=1)}, lambda call: at(call) >= NOW - timedelta(milliseconds=1)),
    (
        {"since": NOW - timedelta(days=40), "until": NOW},
        lambda call: NOW - timedelta(days=40) <= at(call) < NOW,
    ),
    (
        {"ended_since": NOW - timedelta(minutes=30)},
        lambda call: at(call) + timedelta(milliseconds=call.duration_ms) >= NOW - timedelta(minutes=30),
    ),
]


async def test_every_filter_finds_what_a_plain_reading_finds(records: ClickHouse) -> None:
    calls = some(1500)
    await put(records, *calls)
    for fields, fits in FILTERS:
        found = await every(records, CallFilter(**fields), limit=400)
        expected = sorted((call for call in calls if fits(call)), key=lambda call: call.ts, reverse=True)
        assert expected or not fields, fields
        assert [row["ts"] for row in found] == [call.ts[:23] + "Z" for call in expected], fields
        assert sorted(row["call_id"] for row in found) == sorted(call.call_id for call in expected), fields
    assert not {"request", "response", "variables"} & set(found[0])


@pytest.mark.parametrize("size", [1, 7, 100])
async def test_pages_hold_each_call_once_while_new_ones_arrive(records: ClickHouse, size: int) -> None:
    calls = some({1: 12, 7: 90, 100: 700}[size])
    await put(records, *calls)
    rows: list[dict[str, Any]] = []
    cursor, arriving = "", 0
    while True:
        page = await find_calls(records, CallFilter(), ALL, limit=size, cursor=cursor, now=NOW)
        rows += page.rows
        arriving += 1
        await put(records, event(arriving, NOW + timedelta(seconds=arriving)))
        if not (cursor := page.next_cursor):
            break
    assert sorted(row["call_id"] for row in rows) == sorted(call.call_id for call in calls)
    assert [row["ts"] for row in rows] == sorted((row["ts"] for row in rows), reverse=True)


async def test_scores_choose_calls(records: ClickHouse) -> None:
    calls = [event(number, NOW - timedelta(days=100 * number), external_id=f"x{number}") for number in range(1, 6)]
    await put(records, *calls)
    posted = [
        ("helpful", 0.2, "number"),
        ("helpful", 0.8, "number"),
        ("helpful", 1.0, "bool"),
        ("tone", "angry", "category"),
    ]
    await put(
        records,
        *(
            ScoreEvent(
                score_id=f"s{number}",
                target_kind="call" if number % 2 else "external",
                target=calls[number].call_id if number % 2 else f"x{number + 1}",
                ts=timestamp(NOW),
                received_at=timestamp(NOW),
                name=name,
                value=None if isinstance(value, str) else value,
                label=value if isinstance(value, str) else "",
                kind=kind,  # type: ignore[arg-type]
            )
            for number, (name, value, kind) in enumerate(posted)
        ),
    )
    for asked, expected in [
        (("helpful",), {0, 1, 2}),
        (("helpful>=0.5",), {1, 2}),
        (("helpful = true",), {2}),
        (("helpful<0.5",), {0}),
        (("tone=angry",), {3}),
        (("tone!=angry",), set()),
        (("helpful>0.5", "helpful<0.9"), {1}),
    ]:
        found = await every(records, CallFilter(score=asked))
        assert {row["call_id"] for row in found} == {calls[number].call_id for number in expected}, asked
    one = await find_call(records, calls[3].call_id, ALL)
    assert [(score["name"], score["label"]) for score in one["scores"]] == [("tone", "angry")]


async def test_a_calls_scores_are_those_that_the_view_gives_it(records: ClickHouse) -> None:
    """By its id, its trace and the app's own id; a trace's go to its last call, and a correction may take one to another call."""
    minutes = [NOW + timedelta(minutes=number) for number in range(4)]
    calls = [
        event(1, minutes[0], trace_id="ab", external_id="order"),
        event(2, minutes[1], trace_id="ab"),
        event(3, minutes[2], external_id="order"),
        event(4, minutes[3]),
    ]
    targets = [
        ("call", calls[0].call_id),
        ("call", calls[3].call_id),
        ("trace", "ab"),
        ("external", "order"),
        ("trace", ""),
    ]
    scores = [
        ScoreEvent(
            score_id=f"s{number}", target_kind=kind, target=target, ts=timestamp(NOW), received_at=timestamp(NOW), name="n",
            kind="bool", value=1.0,
        )
        for number, (kind, target) in enumerate(targets)
    ]  # fmt: skip
    again = msgspec.structs.replace(scores[1], target=calls[0].call_id, received_at=timestamp(minutes[1]))
    await put(records, *calls)
    await put(records, *scores)
    await put(records, again)
    for call in calls:
        found = [score["score_id"] for score in (await find_call(records, call.call_id, ALL))["scores"]]
        sql = "SELECT score_id FROM scores WHERE call_id = {id:UUID} ORDER BY score_id"
        assert found == [row[0] for row in (await records.query(sql, {"id": call.call_id})).rows], call.call_id
    assert [len((await find_call(records, call.call_id, ALL))["scores"]) for call in calls] == [2, 1, 1, 0]


async def test_a_call_in_full(records: ClickHouse) -> None:
    call = event(1, NOW, prompt="agent", request='{"a": [1]}', response='{"cut": "he… (cut', cost="0.25", trace_id="ab")
    await put(records, call)
    found = await find_call(records, call.call_id.upper(), ALL)
    assert (found["request"], found["response"], found["cost"], found["ts"]) == (
        {"a": [1]},
        '{"cut": "he… (cut',
        0.25,
        "2026-11-22T12:00:00.000Z",
    )
    hidden = await find_call(records, call.call_id, Sight(bodies=False))
    assert "request" not in hidden
    assert hidden["prompt"] == "agent"
    for wrong in ("no-uuid", str(uuid.UUID(int=9))):
        with pytest.raises(CallNotFoundError, match="no call"):
            await find_call(records, wrong, ALL)
    with pytest.raises(CallNotFoundError):
        await find_call(records, call.call_id, Sight(prompts=("other*",)))


@pytest.mark.parametrize(
    ("scope", "seen"),
    [
        (("agent",), {"agent"}),
        (("agent*",), {"agent", "agent-eu"}),
        (("*-eu", "oth?r"), {"agent-eu", "other"}),
        (("*",), {"agent", "agent-eu", "other"}),
        (("[!a]*",), {"other"}),
        (("a.*",), set()),
    ],
)
async def test_a_scope_hides_other_prompts_and_calls_that_name_none(
    records: ClickHouse, scope: tuple[str, ...], seen: set[str]
) -> None:
    await put(records, *some(200))
    sight = Sight(prompts=scope)
    assert {row["prompt"] for row in await every(records, CallFilter(), sight)} == seen
    traces = await find_traces(records, CallFilter(since=NOW - timedelta(days=900)), sight, limit=100, now=NOW)
    assert {prompt.partition("@")[0] for trace in traces.rows for prompt in trace["prompts"]} == seen


async def test_text_is_looked_for_by_those_who_may_see_it(records: ClickHouse) -> None:
    for asked in (CallFilter(text="x"), CallFilter(input_text="x"), CallFilter(output_text="x")):
        with pytest.raises(SearchInvalidError, match="may see bodies"):
            await find_calls(records, asked, Sight(bodies=False), limit=1, now=NOW)


async def test_traces_count_all_of_their_calls_and_page_like_calls(records: ClickHouse) -> None:
    calls = [call for call in some(800) if at(call) > NOW - timedelta(days=6)]
    await put(records, *calls)
    rows, cursor = [], ""
    while True:
        page = await find_traces(records, CallFilter(user=("ann",)), ALL, limit=3, cursor=cursor, now=NOW)
        rows += page.rows
        if not (cursor := page.next_cursor):
            break
    expected = {call.trace_id for call in calls if call.user == "ann"}
    assert sorted(row["trace_id"] for row in rows) == sorted(expected)
    assert [row["last_ts"] for row in rows] == sorted((row["last_ts"] for row in rows), reverse=True)
    first = rows[0]
    its_own = [call for call in calls if call.trace_id == first["trace_id"]]
    assert (first["calls"], first["errors"]) == (len(its_own), sum(call.outcome != "ok" for call in its_own))
    assert first["output_tokens"] == sum(call.output_tokens or 0 for call in its_own)


async def test_text_is_looked_for_in_a_week_unless_the_search_says_how_far(records: ClickHouse) -> None:
    await put(records, *(event(day + 1, NOW - timedelta(days=day), request='"here"') for day in range(0, 20, 5)))

    async def seen(**asked: Any) -> tuple[int, datetime | None]:
        page = await find_calls(records, CallFilter(**asked), ALL, limit=10, now=NOW)
        return len(page.rows), page.since

    assert await seen(text="here") == (2, NOW - timedelta(days=7))
    assert await seen(text="here", until=NOW - timedelta(days=9)) == (2, NOW - timedelta(days=16))
    assert await seen(text="here", since=EVER) == (4, None)
    assert await seen() == (4, None)


async def test_a_search_that_is_too_broad_says_what_to_narrow(
    records: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    await records.command("RENAME TABLE calls TO calls_plain")
    slow = "SELECT * REPLACE (if(sleepEachRow(0.01) = 0, request, '') AS request) FROM calls_plain"
    await records.command(f"CREATE VIEW calls AS {slow}")
    await records.command("INSERT INTO calls_plain (ts) SELECT now64(3) - number FROM numbers(300)")
    monkeypatch.setattr(find, "SEARCH_SECONDS", 1)
    with pytest.raises(SearchTooBroadError, match=r"too broad for 1 seconds: add since .* Text is looked for"):
        await find_calls(records, CallFilter(text="x"), ALL, limit=10, now=datetime.now(UTC))


async def test_values_travel_as_parameters_alone(clickhouse: Database, records: ClickHouse) -> None:
    await put(records, event(1, NOW))
    evil = "x') OR 1 = 1 --"
    for name in CallFilter.model_fields:
        if name in ("prompt", "user", "channel", "model", "error_code", "tag", "text", "input_text", "external_id"):
            given = evil if name.endswith("text") else (evil,)
            assert await every(records, CallFilter(**{name: given})) == [], name
    assert await every(records, CallFilter(score=("x') OR 1 --",))) == []
