"""Langfuse's official SDK reading prompts from this registry, as apps use it: only host and keys are changed."""

from collections.abc import Iterator

import pytest
from langfuse import Langfuse
from langfuse.api import Error, NotFoundError
from langfuse.api.core import ApiError
from langfuse.model import ChatPromptClient, TextPromptClient

from tests.plugins.server import Server


@pytest.fixture(scope="module")
def sdk(server: Server) -> Iterator[Langfuse]:
    client = Langfuse(public_key="pk-any", secret_key="sk-any", host=server.url, tracing_enabled=False)
    yield client
    client.shutdown()


@pytest.fixture(scope="module")
def filled(server: Server) -> Server:
    server.save("lf-chat", "You help {{ name }}.", parameters={"temperature": 0.5})
    server.promote("lf-chat", 1)
    place = {"role": "placeholder", "name": "messages"}
    system = {"role": "system", "content": "You help {{name}} kindly."}
    server.save("lf-chat", "", messages=[system, place])
    text = {"kind": "text", "text": "Write to {{ name }}."}
    assert server.api.post("/api/prompts", json={"slug": "lf-text", "content": text}).status_code == 201
    server.promote("lf-text", 1)
    server.save("lf-logic", "{% if name %}Hello {{ name }}{% endif %}")
    server.promote("lf-logic", 1)
    return server


def test_a_chat_prompt_is_compiled_by_the_sdk(sdk: Langfuse, filled: Server) -> None:
    prompt = sdk.get_prompt("lf-chat", type="chat")
    assert isinstance(prompt, ChatPromptClient)
    assert prompt.compile(name="Ada") == [{"role": "system", "content": "You help Ada."}]
    assert (prompt.name, prompt.version, prompt.variables) == ("lf-chat", 1, ["name"])
    assert prompt.config == {"model": "simulator-large", "temperature": 0.5}
    assert prompt.labels == ["production", "stable"]
    assert prompt.commit_message == "test"


def test_a_label_and_the_callers_messages(sdk: Langfuse, filled: Server) -> None:
    prompt = sdk.get_prompt("lf-chat", label="latest", type="chat")
    question = {"role": "user", "content": "Where is my parcel?"}
    assert prompt.compile(name="Ada", messages=[question]) == [
        {"role": "system", "content": "You help Ada kindly."},
        question,
    ]
    assert (prompt.version, prompt.labels) == (2, ["latest"])


def test_a_version(sdk: Langfuse, filled: Server) -> None:
    assert sdk.get_prompt("lf-chat", version=2, type="chat").version == 2


def test_a_text_prompt(sdk: Langfuse, filled: Server) -> None:
    prompt = sdk.get_prompt("lf-text")
    assert isinstance(prompt, TextPromptClient)
    assert prompt.compile(name="Ada") == "Write to Ada."
    assert prompt.get_langchain_prompt() == "Write to {name}."


def test_a_promotion_is_seen_when_the_sdks_cache_is_off(sdk: Langfuse, server: Server) -> None:
    server.save("lf-moves", "one")
    server.save("lf-moves", "two")
    for version in (1, 2, 1):
        server.promote("lf-moves", version)
        assert sdk.get_prompt("lf-moves", type="chat", cache_ttl_seconds=0).version == version


def test_what_is_not_there_is_the_sdks_own_error(sdk: Langfuse, filled: Server) -> None:
    for arguments in ({"name": "lf-chatt"}, {"name": "lf-chat", "label": "staging"}, {"name": "lf-chat", "version": 9}):
        with pytest.raises(NotFoundError) as refused:
            sdk.get_prompt(**arguments, max_retries=0)  # type: ignore[call-overload]
        assert refused.value.body["error"]["message"].startswith("prompt 'lf-chat")
    with pytest.raises(NotFoundError):
        sdk.get_prompt("team/Movie Critic", max_retries=0)


def test_a_prompt_with_logic_is_refused_and_the_apps_fallback_used(sdk: Langfuse, filled: Server) -> None:
    with pytest.raises(ApiError) as refused:
        sdk.get_prompt("lf-logic", max_retries=0)
    assert refused.value.status_code == 422
    assert "call it through the proxy" in refused.value.body["error"]["message"]
    fallback = sdk.get_prompt("lf-logic", fallback="Hello {{name}}", max_retries=0)
    assert (fallback.is_fallback, fallback.compile(name="Ada")) == (True, "Hello Ada")


def test_a_label_and_a_version_together(sdk: Langfuse, filled: Server) -> None:
    with pytest.raises(Error) as refused:
        sdk.api.prompts.get("lf-chat", version=1, label="latest")
    assert refused.value.status_code == 400


def test_the_list(sdk: Langfuse, filled: Server) -> None:
    [entry] = sdk.api.prompts.list(name="lf-chat").data
    assert (entry.versions, entry.labels) == ([1, 2], ["latest", "production", "stable"])
    assert entry.last_config == {"model": "simulator-large"}
    assert sdk.api.prompts.list(limit=1).meta.total_items >= 3
