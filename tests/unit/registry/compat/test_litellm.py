"""LiteLLM's path over HTTP: references, rendering on the server, refusals; LiteLLM itself is tried in tests/contract."""

import json
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from registry.compat.litellm import PATH
from registry.roles import owner
from registry.serving.live import Resolved
from registry.values import Content
from registry.writing.store import Store
from tests.unit.registry.conftest import chat

PLACE = {"role": "placeholder", "name": "messages"}


@pytest.fixture
def filled(store: Store, client: TestClient) -> TestClient:
    store.save("a", chat("One {{ x }}.", model="m-1", parameters={"temperature": 0.5}), message="", by=owner("ann"))
    store.save("a", chat("{% if x %}Two{% endif %}{{ y }}"), message="", by=owner("ann"))
    store.save("t", Content(kind="text", text="Plain {{ x }}."), message="", by=owner("ann"))
    store.promote("a", 1, reason="r", by=owner("ann"))
    return client


def test_a_prompt_as_litellm_takes_it(filled: TestClient) -> None:
    assert filled.get(PATH, params={"prompt_id": "a"}).json() == {
        "prompt_id": "a",
        "prompt_template": [{"role": "system", "content": "One {x}."}],
        "prompt_template_model": "m-1",
        "prompt_template_optional_params": {"temperature": 0.5},
    }
    text = filled.get(PATH, params={"prompt_id": "t@latest"}).json()
    assert text["prompt_template"] == [{"role": "system", "content": "Plain {x}."}]
    assert text["prompt_template_model"] is None


@pytest.mark.parametrize(
    "query",
    [
        {"prompt_id": "a@1"},
        {"prompt_id": "a", "_version": "1"},
        {"prompt_id": "a", "version": "1"},
        {"prompt_id": "a", "label": "production"},
        {"prompt_id": "a.v1"},
        {"prompt_id": "a@1", "version": "1"},
    ],
)
def test_the_version_is_named_in_the_id_or_beside_it(filled: TestClient, query: dict[str, str]) -> None:
    assert filled.get(PATH, params=query).json()["prompt_template"] == [{"role": "system", "content": "One {x}."}]


def test_logic_is_rendered_here_when_the_variables_come_along(filled: TestClient) -> None:
    plain = filled.get(PATH, params={"prompt_id": "a@latest"})
    assert (plain.status_code, plain.json()["error"]["code"]) == (422, "prompt_not_plain")
    given = {"prompt_id": "a@latest", "variables": json.dumps({"x": True, "y": "!"})}
    assert filled.get(PATH, params=given).json()["prompt_template"] == [{"role": "system", "content": "Two!"}]
    missing = filled.get(PATH, params={"prompt_id": "a@latest", "variables": "{}"})
    assert (missing.status_code, missing.json()["error"]["code"]) == (400, "prompt_variable_missing")


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ({}, 400, "'prompt_id' must name a prompt"),
        ({"prompt_id": "b"}, 404, "'b' not found"),
        ({"prompt_id": "a", "verison": "1"}, 400, "did you mean 'version'"),
        ({"prompt_id": "a@1", "version": "2"}, 400, "more than once"),
        ({"prompt_id": "a", "variables": "{x"}, 400, "must be a JSON object"),
        ({"prompt_id": "a", "variables": "[]"}, 400, "must be a JSON object"),
    ],
)
def test_what_is_refused(filled: TestClient, query: dict[str, str], status: int, says: str) -> None:
    answer = filled.get(PATH, params=query)
    assert answer.status_code == status
    assert says in answer.json()["error"]["message"]


def test_messages_keep_what_litellm_leaves_alone(saved: Callable[[Content], Resolved], client: TestClient) -> None:
    parts = {
        "role": "user",
        "content": [{"type": "text", "text": "fixed"}, {"type": "image_url", "image_url": {"url": "x"}}],
    }
    tool = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}
    saved(Content(messages=(parts, tool, PLACE)))
    assert client.get(PATH, params={"prompt_id": "a@latest"}).json()["prompt_template"] == [parts, tool]


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        (({"role": "system", "content": "x"}, PLACE, {"role": "user", "content": "y"}), "in the middle"),
        (({"role": "user", "content": [{"type": "text", "text": "{{ x }}"}]},), "fills in none"),
    ],
)
def test_what_litellm_would_spoil_is_refused(
    saved: Callable[[Content], Resolved], client: TestClient, messages: tuple[dict[str, object], ...], says: str
) -> None:
    saved(Content(messages=messages))
    answer = client.get(PATH, params={"prompt_id": "a@latest"})
    assert answer.status_code == 422
    assert says in answer.json()["error"]["message"]


def test_what_litellm_would_drop_or_leave_unfilled_is_refused(store: Store, client: TestClient) -> None:
    system = {"role": "system", "content": "x"}
    part = {"type": "image_url", "image_url": {"url": "https://x/{{ name }}.png"}}
    history = {"role": "placeholder", "name": "history"}
    store.save("part", Content(messages=(system, {"role": "user", "content": [part]})), message="", by=owner("ann"))
    store.save("history", Content(messages=(system, history)), message="", by=owner("ann"))
    for slug, variables, said in (
        ("part", {"name": "a"}, "messages[1].content[0].image_url.url holds a variable"),
        ("history", {"history": [{"role": "user", "content": "y"}]}, "the messages of variable 'history'"),
    ):
        refused = client.get(PATH, params={"prompt_id": f"{slug}@latest"})
        assert refused.status_code == 422
        assert said in refused.json()["error"]["message"]
        given = {"prompt_id": f"{slug}@latest", "variables": json.dumps(variables)}
        assert len(client.get(PATH, params=given).json()["prompt_template"]) == 2
