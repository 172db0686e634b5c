"""Counts and scores beside a list, on the real engine, against a plain reading of the same rows."""

import random
from collections import Counter
from datetime import timedelta
from typing import Any

from tests.integration.test_search import NOW, event, put
from tracing.clickhouse import ClickHouse
from tracing.event import CallEvent, ScoreEvent
from tracing.search.counting import count_calls, step_of
from tracing.search.filters import CallFilter, Sight
from tracing.search.scored import scores_among, scores_of

ALL = Sight()
WEEK = NOW - timedelta(days=7)


def some(count: int) -> list[CallEvent]:
    pick = random.Random(5)
    return [
        event(
            pick.getrandbits(128),
            NOW - timedelta(seconds=pick.randrange(1, 8 * 86400)),
            prompt=pick.choice(["", "agent", "agent-eu", "other"]),
            version=pick.randrange(1, 4),
            outcome=pick.choice(["ok", "ok", "client_left", "provider_error"]),
            model_requested=pick.choice(["m", "n"]),
            model_served=pick.choice(["m", "n-2026", ""]),
            purpose=pick.choice(["production", "probe"]),
            cost=pick.choice([None, "0.25"]),
            response=pick.choice(['{"said": "Refund"}', ""]),
        )
        for _ in range(count)
    ]


def within(calls: list[CallEvent]) -> list[CallEvent]:
    return [call for call in calls if WEEK.isoformat()[:19] <= call.ts[:19] < NOW.isoformat()[:19]]


async def counted(records: ClickHouse, sight: Sight = ALL, **asked: Any) -> Any:
    return await count_calls(records, CallFilter(**asked), sight, since=WEEK, until=NOW)


def facet(counts: Any, name: str) -> dict[str, int]:
    return {each.text: each.calls for each in next(one for one in counts.facets if one.name == name).values}


async def test_counts_are_those_of_the_rows(records: ClickHouse) -> None:
    calls = some(400)
    await put(records, *calls)
    there = within(calls)
    counts = await counted(records)
    assert counts.calls == len(there) > 200
    assert counts.errors == sum(call.outcome == "provider_error" for call in there)
    assert counts.cost == sum(call.cost == "0.25" for call in there) * 0.25
    priceless = await counted(records, prompt=("nobody's",))
    assert priceless.cost is None
    assert facet(counts, "outcome") == Counter(call.outcome for call in there)
    assert facet(counts, "prompt") == Counter(call.prompt for call in there)
    assert facet(counts, "model") == Counter(
        model for call in there for model in {call.model_requested, call.model_served} - {""}
    )
    assert sum(bar.calls for bar in counts.bars) == len(there)
    assert counts.bars[0].since == WEEK
    assert counts.bars[-1].until == NOW
    assert all(one.until == other.since for one, other in zip(counts.bars, counts.bars[1:], strict=False))
    assert len(counts.bars) <= 96
    assert step_of(WEEK, NOW) == timedelta(hours=3)


async def test_a_facet_counts_what_the_other_choices_leave(records: ClickHouse) -> None:
    calls = some(300)
    await put(records, *calls)
    there = within(calls)
    counts = await counted(records, prompt=["agent"], outcome=["ok", "client_left"], model=["m"])
    asked_m = [call for call in there if "m" in (call.model_requested, call.model_served)]
    assert facet(counts, "prompt") == Counter(c.prompt for c in asked_m if c.outcome in ("ok", "client_left"))
    assert facet(counts, "outcome") == Counter(call.outcome for call in asked_m if call.prompt == "agent")
    assert counts.calls == sum(c.prompt == "agent" and c.outcome in ("ok", "client_left") for c in asked_m)
    chosen = next(one for one in counts.facets if one.name == "prompt")
    assert [value.text for value in chosen.values if value.chosen] == ["agent"]
    nothing = await counted(records, prompt=["gone"])
    assert facet(nothing, "prompt")["gone"] == 0
    assert nothing.calls == 0


async def test_text_narrows_the_facets_and_nobody_counts_what_they_do_not_see(records: ClickHouse) -> None:
    calls = some(300)
    await put(records, *calls)
    there = within(calls)
    found = await counted(records, text="refund", prompt=["agent"])
    assert found.calls == sum("Refund" in call.response and call.prompt == "agent" for call in there)
    seen = await counted(records, Sight(prompts=("agent*",)))
    assert facet(seen, "prompt") == Counter(call.prompt for call in there if call.prompt.startswith("agent"))


def score(number: int, about: str, target: str, **more: Any) -> ScoreEvent:
    at = NOW.isoformat()
    fields: dict[str, Any] = {"name": "helpful", "value": 0.0, "kind": "bool", **more}
    return ScoreEvent(score_id=f"s{number}", target_kind=about, target=target, ts=at, received_at=at, **fields)  # type: ignore[arg-type]


async def test_scores_stand_with_the_call_that_they_belong_to(records: ClickHouse) -> None:
    hour = timedelta(hours=1)
    first, last = (event(n, NOW - hour * (3 - n), trace_id="t" * 32, external_id="e1") for n in (1, 2))
    alone = event(3, NOW - hour)
    await put(records, first, last, alone)
    await put(
        records,
        score(1, "call", first.call_id),
        score(2, "trace", "t" * 32, value=1.0),
        score(3, "external", "e1", name="tone", kind="category", value=None, label="angry"),
        score(4, "call", alone.call_id, deleted=True),
    )
    rows = [{"call_id": c.call_id, "trace_id": c.trace_id, "external_id": c.external_id} for c in (first, last, alone)]
    found = await scores_of(records, rows)
    assert {call: [each["score_id"] for each in scores] for call, scores in found.items()} == {
        first.call_id: ["s1"],
        last.call_id: ["s2", "s3"],
        alone.call_id: [],
    }
    among = await scores_among(records, CallFilter(), ALL, since=WEEK, until=NOW)
    assert {(each.name, each.text, each.calls) for each in among} == {
        ("helpful", "false", 1), ("helpful", "true", 1), ("tone", "angry", 1),
    }  # fmt: skip
    assert await scores_among(records, CallFilter(prompt=("x",)), ALL, since=WEEK, until=NOW) == []
    assert await scores_of(records, []) == {}
