"""Langfuse's paths over HTTP: names, labels, versions, lists and errors; its SDK is tried in tests/contract."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from registry.roles import owner
from registry.serving.live import Resolved
from registry.values import Content
from registry.writing.store import Store
from tests.unit.registry.conftest import Database, chat

PATH = "/api/public/v2/prompts"
TOOLS = [{"type": "function", "function": {"name": "f"}}]


@pytest.fixture
def filled(store: Store, client: TestClient) -> TestClient:
    store.save("a", chat("One {{ x }}.", "{{x}}?"), message="first", by=owner("ann"))
    store.save(
        "a",
        chat(
            "Two {{ x }}.", model="m-2", parameters={"temperature": 0.5}, tools=TOOLS, response_format={"type": "text"}
        ),
        message="",
        by=owner("ann"),
    )
    store.save("b", Content(kind="text", text="Plain {{ x }}."), message="", by=owner("ann"))
    store.promote("a", 1, reason="r", by=owner("ann"))
    store.promote("a", 2, channel="canary", reason="r", by=owner("ann"))
    store.describe("a", tags=["orders"], by=owner("ann"))
    return client


def test_a_prompt_as_langfuse_gives_it(filled: TestClient) -> None:
    assert filled.get(f"{PATH}/a").json() == {
        "type": "chat",
        "name": "a",
        "version": 1,
        "prompt": [
            {"type": "chatmessage", "role": "system", "content": "One {{x}}."},
            {"type": "chatmessage", "role": "user", "content": "{{x}}?"},
        ],
        "config": {},
        "labels": ["production", "stable"],
        "tags": ["orders"],
        "commitMessage": "first",
        "resolutionGraph": None,
    }
    newest = filled.get(f"{PATH}/a", params={"label": "canary"}).json()
    assert (newest["version"], newest["labels"], newest["commitMessage"]) == (2, ["canary", "latest"], None)
    assert newest["config"] == {
        "model": "m-2",
        "temperature": 0.5,
        "tools": TOOLS,
        "response_format": {"type": "text"},
    }
    text = filled.get(f"{PATH}/b", params={"label": "latest"}).json()
    assert (text["type"], text["prompt"]) == ("text", "Plain {{x}}.")


@pytest.mark.parametrize(
    ("query", "version"),
    [({}, 1), ({"label": "production"}, 1), ({"label": "latest"}, 2), ({"version": 2}, 2), ({"version": 1}, 1)],
)
def test_labels_and_versions(filled: TestClient, query: dict[str, str], version: int) -> None:
    assert filled.get(f"{PATH}/a", params=query).json()["version"] == version


@pytest.mark.parametrize(
    ("name", "query", "status", "says"),
    [
        ("aa", {}, 404, "did you mean 'a'"),
        ("a", {"label": "staging"}, 404, "no channel 'staging'"),
        ("a", {"version": 3}, 404, "no version 3"),
        ("b", {}, 404, "promote a version first"),
        ("a", {"label": "latest", "version": 1}, 400, "not both"),
        ("a", {"version": 0}, 422, "version"),
        ("team%2FMovie Critic", {}, 404, "'team/Movie Critic' is not a slug"),
        ("a", {"label": "v1.2"}, 404, "'v1.2' is not a channel"),
    ],
)
def test_what_is_refused(filled: TestClient, name: str, query: dict[str, str], status: int, says: str) -> None:
    answer = filled.get(f"{PATH}/{name}", params=query)
    assert answer.status_code == status
    assert says in answer.json()["error"]["message"]


def test_the_callers_messages_are_a_placeholder(saved: Callable[[Content], Resolved], client: TestClient) -> None:
    place = {"role": "placeholder", "name": "messages"}
    saved(Content(messages=({"role": "system", "content": "x"}, place, {"role": "user", "content": "y"})))
    messages = client.get(f"{PATH}/a", params={"label": "latest"}).json()["prompt"]
    assert messages[1] == {"type": "placeholder", "name": "messages"}


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": "{% if x %}y{% endif %}"},
        {"role": "user", "content": [{"type": "text", "text": "y"}]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "user", "name": "ann", "content": "y"},
    ],
)
def test_what_its_sdk_would_spoil_is_refused(
    saved: Callable[[Content], Resolved], client: TestClient, message: dict[str, object]
) -> None:
    saved(Content(messages=(message,)))
    answer = client.get(f"{PATH}/a", params={"label": "latest"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "prompt_not_plain")
    assert "call it through the proxy" in answer.json()["error"]["message"]


def test_the_list(filled: TestClient, store: Store) -> None:
    whole = filled.get(PATH).json()
    assert whole["meta"] == {"page": 1, "limit": 50, "totalItems": 2, "totalPages": 1}
    first = whole["data"][0]
    assert (first["name"], first["type"], first["versions"], first["tags"]) == ("a", "chat", [1, 2], ["orders"])
    assert first["labels"] == ["canary", "latest", "production", "stable"]
    assert first["lastConfig"]["model"] == "m-2"

    def names(**query: object) -> list[str]:
        return [entry["name"] for entry in filled.get(PATH, params=query).json()["data"]]  # type: ignore[arg-type]

    assert names(name="b") == ["b"]
    assert names(tag="orders") == ["a"]
    assert names(label="production") == ["a"]
    assert names(label="latest") == ["a", "b"]
    assert names(page=2, limit=1) == ["b"]
    assert filled.get(PATH, params={"limit": 1}).json()["meta"]["totalPages"] == 2
    newest = store.version("b", 1).created_at
    assert names(fromUpdatedAt=(newest + timedelta(seconds=1)).isoformat()) == []
    assert names(toUpdatedAt=(newest + timedelta(seconds=1)).isoformat()) == ["a", "b"]
    assert filled.get(PATH, params={"label": "production"}).json()["data"][0]["versions"] == [1]
    assert filled.get(PATH, params={"filter": "[]"}).status_code == 400


def test_prompts_are_still_given_while_the_database_is_away(
    filled: TestClient, engine: Engine, database: Database
) -> None:
    wanted = filled.get(f"{PATH}/a").json()
    with database.away():
        engine.dispose()
        found = filled.get(f"{PATH}/a").json()
    assert found == {**wanted, "labels": ["stable"], "tags": []}
