"""Calls without a reference, from real rows on the real engine: what SQL groups, what becomes one family, what is left out."""

import hashlib
import itertools
import json
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI

from evaluation.inventory import settings_of, unmanaged_calls
from evaluation.inventory_api import build_router
from registry.errors import AuthPromptNotAllowedError, AuthRoleNotAllowedError
from registry.roles import Principal, owner
from registry.scanning.finding import fingerprint
from tracing.clickhouse import ClickHouse
from tracing.event import CallEvent, encode, timestamp

_NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
_ids = itertools.count(1)

Insert = Callable[..., Any]


def _call(system: Any, *, body: dict[str, Any] | None = None, **more: Any) -> CallEvent:
    number = next(_ids)
    request = (
        body
        if body is not None
        else {"messages": [{"role": "system", "content": system}, {"role": "user", "content": "Hi"}]}
    )
    fields: dict[str, Any] = {
        "call_id": str(uuid.UUID(int=number)), "ts": timestamp(_NOON + timedelta(seconds=number)), "outcome": "ok",
        "status": 200, "endpoint": "chat.completions", "model_requested": "m", "model_served": "m-1", "duration_ms": 10.0,
        "request": json.dumps(request), "system_prompt_hash": fingerprint(system) if system else "", "params": "{}",
    }  # fmt: skip
    return CallEvent(**fields | more)


@pytest.fixture
def insert(records: ClickHouse) -> Insert:
    """Insert calls as the loader does: lines of JSON."""

    async def into_table(*calls: CallEvent) -> None:
        await records.insert_lines("calls", b"".join(map(encode, calls)), {"date_time_input_format": "best_effort"})

    return into_table


def _now() -> datetime:
    return _NOON + timedelta(days=1)


def _greeting(name: str, day: int) -> str:
    return f"You are the support agent of ACME. Today is 2026-03-{day:02d}. Customer: {name}. Answer in two sentences."


async def test_calls_are_counted_by_fingerprint_and_family(records: ClickHouse, insert: Insert) -> None:
    calls = [
        *(_call(_greeting("Anna Smith", 1), caller="web") for _ in range(3)),
        *(_call(_greeting("Bob Jones", 2), model_served="m-2") for _ in range(2)),
        _call("You translate what the user writes into French, and nothing else."),
        _call("", body={"messages": [{"role": "user", "content": "Hi"}]}),
        _call("You are managed by the registry.", prompt="agent", version=1),
        _call("You were refused because the key was wrong.", outcome="refused", status=401),
        _call("You are an evaluation of something else entirely.", purpose="evaluation"),
        _call("", endpoint="embeddings", body={"input": "text"}),
    ]
    await insert(*calls)
    found = await unmanaged_calls(records, days=2, now=_now())
    assert (found.calls, found.fingerprints, found.notes) == (7, 4, ())
    family, *others = found.families
    assert (family.calls, [member.calls for member in family.members]) == (5, [3, 2])
    assert (
        family.template
        == "You are the support agent of ACME. Today is {{ date }}. Customer: {{ customer }}. Answer in two sentences."
    )
    assert (family.models, family.callers) == ({"m-1": 3, "m-2": 2}, {"web": 3, "": 2})
    assert [timestamp(family.first_seen), timestamp(family.last_seen)] == [calls[0].ts, calls[4].ts]
    assert sorted((other.fingerprint == "", other.template is None) for other in others) == [
        (False, False),
        (True, True),
    ]
    assert "Anna" not in json.dumps(found.to_json())
    everything = await unmanaged_calls(records, days=2, now=_now(), purpose=None)
    assert (everything.calls, everything.fingerprints) == (8, 5)


@pytest.mark.parametrize(
    ("body", "content"),
    [
        (
            {"messages": [{"role": "user", "content": "x"}, {"role": "developer", "content": "Be kind to all."}]},
            "Be kind to all.",
        ),
        ({"input": [{"role": "system", "content": "Be kind to all."}], "instructions": "no"}, "Be kind to all."),
        ({"input": "Hi", "instructions": "Be kind to all."}, "Be kind to all."),
        (
            {"messages": [{"role": "user", "content": "x"}], "system": "Be kind to all.", "instructions": None},
            "Be kind to all.",
        ),
        (
            {"messages": [], "system": [{"type": "text", "text": "Be kind"}, {"type": "text", "text": "to all."}]},
            "Be kind\n\nto all.",
        ),
        (
            {"messages": [{"role": "system", "content": 'Quote " and\nline \u00e9 😀 {{ x }}'}]},
            "Quote \" and\nline é 😀 {{ '{{' }} x }}",
        ),
    ],
)
async def test_the_text_is_read_from_wherever_the_endpoint_keeps_it(
    records: ClickHouse, insert: Insert, body: dict[str, Any], content: str
) -> None:
    await insert(_call("any", body=body))
    (family,) = (await unmanaged_calls(records, days=2, now=_now())).families
    assert family.template == (content if "{{" in content else family.template)
    assert family.members[0].text == content.replace("{{ '{{' }}", "{{")


async def test_texts_that_are_not_on_record_are_counted_and_said(records: ClickHouse, insert: Insert) -> None:
    await insert(
        _call("Secret text of the app.", request="", record_mode="metadata"), _call("You are open to all who ask.")
    )
    found = await unmanaged_calls(records, days=2, now=_now())
    assert sorted(family.template or "" for family in found.families) == ["", "You are open to all who ask."]
    assert found.notes == ("1 calls have a system prompt that is not on record (metadata only, or too long).",)


async def test_the_window_and_the_bound_hold(records: ClickHouse, insert: Insert) -> None:
    texts = [f"Prompt {word} is about {word} things that matter" for word in ("red", "green", "blue")]
    await insert(*(_call(text) for text in texts for _ in range(2 if text is texts[1] else 1)))
    found = await unmanaged_calls(records, days=2, now=_now(), most=1)
    assert [(family.calls, family.template) for family in found.families] == [(2, texts[1])]
    assert found.notes == ("The 1 fingerprints with the most calls of 3 were looked at.",)
    assert (await unmanaged_calls(records, days=0.5, now=_now())).families == ()


async def test_settings_are_those_that_most_calls_used(records: ClickHouse, insert: Insert) -> None:
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]
    body = {"messages": [{"role": "system", "content": "You look things up for people who ask."}], "tools": tools}
    often = {"params": '{"temperature":0.2}', "params_hash": "a", "model_requested": "large", "body": body}
    rarely = {"params": '{"temperature":1}', "params_hash": "b", "model_requested": "small"}
    text = "You look things up for people who ask."
    await insert(_call(text, **rarely), *(_call(text, **often) for _ in range(3)))
    found = await unmanaged_calls(records, days=2, now=_now())
    family = found.family_of(fingerprint(text))
    assert family is not None
    assert await settings_of(records, family, found) == {
        "model": "large", "endpoint": "chat.completions", "params": {"temperature": 0.2}, "tools": tools,
    }  # fmt: skip


@pytest.fixture
async def api(records: ClickHouse) -> AsyncIterator[httpx.AsyncClient]:
    """The router in an application."""
    app = FastAPI()
    app.include_router(build_router(records, _now, lambda request: owner("ann")))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        yield http


async def test_the_api_answers_what_the_inventory_says(
    api: httpx.AsyncClient, records: ClickHouse, insert: Insert
) -> None:
    await insert(*(_call(_greeting(name, 3)) for name in ("Anna", "Bob")))
    reply = await api.get("/api/inventory/calls?days=2")
    assert reply.status_code == 200
    assert reply.json() == (await unmanaged_calls(records, days=2, now=_now())).to_json()
    assert [len(family["members"]) for family in reply.json()["families"]] == [2]
    assert (await api.get("/api/inventory/calls?days=0.1")).json()["families"] == []
    assert (await api.get("/api/inventory/calls?days=0")).status_code == 422


@pytest.mark.parametrize(
    ("roles", "prompts", "error"),
    [
        ({"application"}, (), AuthRoleNotAllowedError),
        ({"viewer"}, ("support-*",), AuthPromptNotAllowedError),
        ({"viewer"}, (), None),
    ],
)
async def test_calls_of_no_prompt_are_for_those_who_may_see_all(
    records: ClickHouse, roles: set[str], prompts: tuple[str, ...], error: type[Exception] | None
) -> None:
    app = FastAPI()
    somebody = Principal(name="ann", identity="user:ann", roles=frozenset(roles), prompts=prompts)
    app.include_router(build_router(records, _now, lambda request: somebody))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        if error is None:
            assert (await http.get("/api/inventory/calls")).status_code == 200
        else:
            with pytest.raises(error):
                await http.get("/api/inventory/calls")


def test_a_findings_fingerprint_is_that_of_its_calls() -> None:
    for text in ("plain", 'quote " \\ / \n\t\x01\x7f é 😀 \u2028', ["part"]):
        assert fingerprint(text) == hashlib.sha256(orjson.dumps(text)).hexdigest()[:16]
