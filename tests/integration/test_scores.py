"""Scores over HTTP into the real engine and back: by every name, replaced, deleted, read in pages, and never of somebody else's prompt."""

import itertools
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from registry.roles import Principal, permit
from slugline.errors import add_error_handlers
from tracing.api import Asking, build_router
from tracing.clickhouse import ClickHouse, ClickHouseUnavailable
from tracing.event import CallEvent, Event, ScoreEvent, encode, timestamp

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CALL = "018f0000-0000-7000-8000-00000000000a"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@dataclass
class Bench:
    """The routes on a database, with a spool that a test empties by hand, and a clock that goes on by a second a look."""

    http: httpx.AsyncClient
    records: ClickHouse
    written: list[Event] = field(default_factory=list)
    room_for: int = 10**9
    by: Principal = field(
        default_factory=lambda: Principal(name="ann", identity="user:ann", roles=frozenset({"admin"}))
    )
    seconds: Callable[[], int] = field(default_factory=lambda: itertools.count().__next__)

    def record(self, event: Event) -> bool:
        if len(self.written) >= self.room_for:
            return False
        self.written.append(event)
        return True

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds())

    async def load(self, *more: Event) -> None:
        """What is written reaches the database."""
        events: Sequence[Event] = [*more, *self.written]
        self.written.clear()
        for kind, table in ((CallEvent, "calls"), (ScoreEvent, "score_events")):
            lines = b"".join(encode(event) for event in events if isinstance(event, kind))
            if lines:
                await self.records.insert_lines(table, lines, {"date_time_input_format": "best_effort"})

    async def post(self, body: Any, status: int = 201) -> Any:
        answer = await self.http.post("/api/scores", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def get(self, path: str = "/api/scores", status: int = 200, **query: Any) -> Any:
        answer = await self.http.get(path, params=query)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
async def bench(records: ClickHouse) -> AsyncIterator[Bench]:
    app = FastAPI()
    add_error_handlers(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        bench = Bench(http, records)
        ids = (f"made-{number}" for number in itertools.count())

        def asking(_: object) -> Asking:
            by = bench.by
            return Asking(name=by.name, prompts=by.prompts, permit=lambda act, slug: permit(by, act, slug=slug))

        app.include_router(build_router(bench.record, bench.now, ids.__next__, records, asking))
        yield bench


def call(call_id: str = CALL, **more: Any) -> CallEvent:
    given: dict[str, Any] = {
        "prompt": "agent",
        "version": 3,
        "channel": "stable",
        "trace_id": TRACE,
        "external_id": "t-1",
    }
    return CallEvent(call_id=call_id, ts=timestamp(NOON), outcome="ok", status=200, duration_ms=1, **{**given, **more})


async def test_every_kind_by_every_name_before_its_call_is_there(bench: Bench) -> None:
    batch = [
        {"call_id": CALL.upper(), "name": "helpful", "value": True, "id": "a"},
        {"trace_id": TRACE, "name": "stars", "value": 4, "id": "b"},
        {"external_id": "t-1", "name": "topic", "value": "parcel", "id": "c"},
        {"call_id": CALL, "name": "why", "value": "It says so. " * 100, "kind": "text", "id": "d", "comment": "long"},
        {"call_id": CALL, "name": "tone", "value": None, "parsed": False, "id": "e"},
        {"call_id": CALL, "name": "resolved", "value": 1, "kind": "bool", "id": "f", "ts": "2024-02-29T10:00:00"},
    ]
    assert (await bench.post(batch))["ids"] == list("abcdef")
    await bench.load()
    orphans = await bench.get(orphan=True)
    assert {(score["id"], score["call_id"], score["prompt"]) for score in orphans["scores"]} == {
        (letter, None, "") for letter in "abcdef"
    }
    await bench.load(call())
    assert (await bench.get(orphan=True))["scores"] == []
    found = {score["id"]: score for score in (await bench.get(orphan=False))["scores"]}
    assert {(score["call_id"], score["prompt"], score["version"]) for score in found.values()} == {(CALL, "agent", 3)}
    assert [(found[letter]["kind"], found[letter]["value"]) for letter in "abcdef"] == [
        ("bool", True),
        ("number", 4.0),
        ("category", "parcel"),
        ("text", "It says so. " * 100),
        ("number", None),
        ("bool", True),
    ]
    assert found["f"]["ts"] == "2024-02-29T10:00:00Z"
    assert found["a"]["ts"] == found["b"]["ts"] == "2026-11-20T12:00:00Z"
    assert found["b"]["trace_id"] == TRACE
    assert found["d"]["comment"] == "long"


async def test_a_correction_replaces_and_the_history_tells_both(bench: Bench) -> None:
    await bench.load(call())
    await bench.post({"call_id": CALL, "name": "helpful", "value": False, "id": "x"})
    await bench.load()
    bench.by = Principal(name="rita", identity="user:rita", roles=frozenset({"reviewer"}))
    await bench.post({"call_id": CALL, "name": "helpful", "value": True, "id": "x", "comment": "read it again"})
    await bench.load()
    [score] = (await bench.get())["scores"]
    assert (score["value"], score["comment"]) == (True, "read it again")
    told = await bench.get("/api/scores/x")
    assert told["score"] == score
    assert [(event["value"], event["posted_by"], event["deleted"]) for event in told["history"]] == [
        (True, "rita", False),
        (False, "ann", False),
    ]
    await bench.records.command("OPTIMIZE TABLE score_events FINAL")  # which forgets what was replaced
    assert len((await bench.get("/api/scores/x"))["history"]) == 2


async def test_within_a_batch_the_later_one_of_an_id_wins(bench: Bench) -> None:
    batch = [{"call_id": CALL, "name": "n", "value": value, "id": "x"} for value in range(5)]
    await bench.post(batch)
    await bench.load(call())
    assert [score["value"] for score in (await bench.get())["scores"]] == [4.0]
    assert [event["value"] for event in (await bench.get("/api/scores/x"))["history"]] == [4, 3, 2, 1, 0]


async def test_a_deleted_score_is_gone_its_history_is_not_and_a_new_post_brings_it_back(bench: Bench) -> None:
    await bench.load(call())
    strange = "auto/a b:1"
    await bench.post({"call_id": CALL, "name": "helpful", "value": False, "id": strange})
    await bench.load()
    path = "/api/scores/auto%2Fa%20b%3A1"
    assert (await bench.http.delete(path)).json() == {"id": strange, "deleted": True}
    [event] = bench.written
    assert isinstance(event, ScoreEvent)
    assert (event.target, event.name) == (CALL, "helpful")  # whoever sums up by call and name finds what to take away
    await bench.load()
    assert (await bench.get())["scores"] == []
    told = await bench.get(path)
    assert told["score"] is None
    assert [event["deleted"] for event in told["history"]] == [True, False]
    await bench.post({"call_id": CALL, "name": "helpful", "value": True, "id": strange})
    await bench.load()
    assert [score["value"] for score in (await bench.get())["scores"]] == [True]
    assert (await bench.get("/api/scores/never", 404))["error"]["code"] == "score_not_found"


async def test_one_that_is_not_loaded_yet_can_be_deleted(bench: Bench) -> None:
    await bench.post({"call_id": CALL, "name": "helpful", "value": False, "id": "x"})
    assert (await bench.http.delete("/api/scores/x")).status_code == 200
    await bench.load(call())
    assert (await bench.get())["scores"] == []


@pytest.mark.parametrize(
    ("item", "param", "said"),
    [
        ({"call_id": CALL, "name": "x"}, "scores.1.value", "required"),
        ({"name": "x", "value": 1}, "scores.1", "exactly one of call_id, trace_id and external_id"),
        ({"call_id": CALL, "trace_id": TRACE, "name": "x", "value": 1}, "scores.1", "not 2"),
        ({"call_id": "ticket-7", "name": "x", "value": 1}, "scores.1.call_id", "goes in external_id"),
        ({"call_id": CALL, "name": "x", "value": [1]}, "scores.1.value", "not a list"),
        ({"call_id": CALL, "name": "x", "value": None}, "scores.1", "goes with parsed=false"),
        ({"call_id": CALL, "name": "x", "value": "y" * 201}, "scores.1", "say kind 'text'"),
        ({"call_id": CALL, "name": "x", "value": "yes", "kind": "bool"}, "scores.1", "can't have the value 'yes'"),
        ({"call_id": CALL, "name": "x", "value": True, "kind": "number"}, "scores.1", "can't have the value True"),
        ({"call_id": CALL, "name": "x", "value": 1, "kind": "stars"}, "scores.1.kind", "'bool', 'number'"),
        ({"call_id": CALL, "name": "x", "value": 1, "surce": "human"}, "scores.1.surce", "not permitted"),
        ({"call_id": CALL, "name": "x", "value": 1, "ts": "2027-01-01T00:00:00Z"}, None, "scores.1.ts: 2027-01-01"),
        ({"call_id": CALL, "name": "x", "value": 1, "ts": "soon"}, "scores.1.ts", "valid datetime"),
        ({"call_id": CALL, "name": "x", "value": 10**400}, "scores.1.value", "finite number"),
    ],
)
async def test_one_bad_score_refuses_its_batch_by_its_index(
    bench: Bench, item: dict[str, Any], param: str | None, said: str
) -> None:
    good = {"call_id": CALL, "name": "x", "value": 1}
    error = (await bench.post([good, item, good], 422))["error"]
    assert (error["code"], error["param"]) == ("request_invalid", param)
    assert said in error["message"]
    assert bench.written == []


async def test_where_the_disk_is_full_the_answer_says_how_far_it_came(bench: Bench) -> None:
    bench.room_for = 2
    batch = [{"call_id": CALL, "name": "x", "value": number, "id": str(number)} for number in range(5)]
    error = (await bench.post(batch, 503))["error"]
    assert "the first 2 of 5 scores, those before index 2" in error["message"]
    bench.room_for = 10
    await bench.post(batch[2:])
    await bench.load(call())
    assert sorted(score["value"] for score in (await bench.get())["scores"]) == [0, 1, 2, 3, 4]
    bench.room_for = 0
    assert "none of the scores" in (await bench.post(batch, 503))["error"]["message"]


async def test_pages_are_complete_and_have_nothing_twice(bench: Bench) -> None:
    batch = [
        {"call_id": CALL, "name": "n", "value": number, "ts": f"2026-11-{1 + number // 7:02}T00:00:00Z"}
        for number in range(50)
    ]
    await bench.post(batch)
    await bench.load(call())
    seen: list[float] = []
    after, pages = "", 0
    while True:
        page = await bench.get(limit=8, after=after)
        seen += [score["value"] for score in page["scores"]]
        pages += 1
        if page["next"] is None:
            break
        if pages == 2:  # what comes meanwhile is newer than where the reader is
            await bench.post({"call_id": CALL, "name": "n", "value": 99, "ts": "2026-11-19T00:00:00Z"})
            await bench.load()
        after = page["next"]
    assert sorted(seen) == [float(number) for number in range(50)]
    assert [int(value) // 7 for value in seen] == sorted((int(value) // 7 for value in seen), reverse=True)
    assert (await bench.get(status=422, after="nonsense"))["error"]["param"] == "query.after"


async def test_filters_choose(bench: Bench) -> None:
    other = str(uuid.UUID(int=7))
    await bench.load(call(), call(other, prompt="billing", version=1, trace_id="f" * 32, external_id="t-2"))
    await bench.post(
        [
            {"call_id": CALL, "name": "helpful", "value": True, "source": "human", "id": "1"},
            {"call_id": CALL, "name": "length", "value": 7, "scorer": "len", "id": "2", "ts": "2026-11-01T00:00:00Z"},
            {"trace_id": "F" * 32, "name": "helpful", "value": False, "id": "3"},
            {"external_id": "nobody's", "name": "helpful", "value": False, "id": "4"},
        ]
    )
    await bench.load()

    async def ids(**chosen: Any) -> str:
        return "".join(sorted(score["id"] for score in (await bench.get(**chosen))["scores"]))

    assert await ids() == "1234"
    assert await ids(call_id=CALL) == "12"
    assert await ids(call_id=other) == "3"
    assert await ids(trace_id="f" * 32) == "3"
    assert await ids(external_id="nobody's") == "4"
    assert await ids(prompt="agent") == "12"
    assert await ids(prompt="agent", version=2) == ""
    assert await ids(name="helpful") == "134"
    assert await ids(source="human") == "1"
    assert await ids(scorer="len") == "2"
    assert await ids(since="2026-11-15") == "134"
    assert await ids(until="2026-11-15T00:00:00") == "2"
    assert await ids(orphan=True) == "4"


async def test_roles_and_prompts_in_scope(bench: Bench) -> None:
    secret = str(uuid.UUID(int=8))
    await bench.load(call(), call(secret, prompt="salaries", trace_id="e" * 32, external_id="s-1"))
    await bench.post(
        [
            {"call_id": CALL, "name": "n", "value": 1, "id": "ours"},
            {"call_id": secret, "name": "n", "value": 1, "id": "theirs"},
            {"external_id": "later", "name": "n", "value": 1, "id": "orphan"},
        ]
    )
    await bench.load()

    async def refused(body: Any) -> str:
        return str((await bench.post(body, 403))["error"]["code"])

    bench.by = Principal(name="app", identity="key:1", roles=frozenset({"application"}), prompts=("age*", "other.x"))
    for target in ({"call_id": secret}, {"trace_id": "e" * 32}, {"external_id": "s-1"}):
        assert await refused([{"call_id": CALL, "name": "n", "value": 1}, {**target, "name": "n", "value": 0}]) == (
            "auth_prompt_not_allowed"
        )
    assert await refused({"call_id": CALL, "name": "n", "value": 0, "id": "theirs"}) == "auth_prompt_not_allowed"
    assert (await bench.http.delete("/api/scores/theirs")).status_code == 403
    assert bench.written == []
    assert (await bench.get(status=403))["error"]["code"] == "auth_role_not_allowed"
    await bench.post(
        [{"call_id": CALL, "name": "n", "value": 2, "id": "ours"}, {"external_id": "new", "name": "n", "value": 1}]
    )
    assert (await bench.http.delete("/api/scores/ours")).status_code == 200
    bench.written.clear()

    bench.by = Principal(name="vi", identity="key:2", roles=frozenset({"viewer"}), prompts=("age*", "other.x"))
    assert [score["id"] for score in (await bench.get())["scores"]] == ["ours"]
    await bench.get("/api/scores/ours")
    await bench.get("/api/scores/theirs", 403)
    await bench.get(prompt="salaries", status=403)
    assert await refused({"call_id": CALL, "name": "n", "value": 0}) == "auth_role_not_allowed"


async def test_scores_come_in_while_clickhouse_is_away(bench: Bench) -> None:
    away = FastAPI()
    add_error_handlers(away)
    async with ClickHouse(lambda: None) as nowhere:
        with pytest.raises(ClickHouseUnavailable):
            await nowhere.query("SELECT 1")
        by = Principal(name="app", identity="key:1", roles=frozenset({"application"}), prompts=("agent",))
        asking = Asking(name=by.name, prompts=by.prompts, permit=lambda act, slug: permit(by, act, slug=slug))
        away.include_router(build_router(bench.record, bench.now, lambda: "made", nowhere, lambda _: asking))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(away), base_url="http://test") as http:
            answer = await http.post("/api/scores", json={"call_id": CALL, "name": "n", "value": 1})
            assert answer.status_code == 201
            assert (await http.delete("/api/scores/x")).status_code == 503  # whose it is can't be told
    assert len(bench.written) == 1
