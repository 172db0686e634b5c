"""Portkey's official SDK calling and rendering prompts here, as apps use it: only the base URL is changed."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from portkey_ai import AsyncPortkey, Portkey
from portkey_ai.api_resources.exceptions import NotFoundError

from tests.plugins.server import Server

SECRET = "pk-secret-1234567890"


@pytest.fixture(scope="module")
def filled(server: Server) -> Server:
    server.save("pk-chat", "You help {{ name }}.", parameters={"temperature": 0.5, "max_tokens": 40})
    server.promote("pk-chat", 1)
    server.save("pk-chat", "You help {{ name }} kindly.")
    return server


@pytest.fixture
def sdk(filled: Server) -> Iterator[Portkey]:
    client = Portkey(api_key=SECRET, base_url=filled.url + "/v1")
    yield client
    client.close()


def arrived(provider: str, words: str) -> list[dict[str, Any]]:
    entries = httpx.get(provider + "/simulator/journal", timeout=20).json()
    entries = entries["entries"] if isinstance(entries, dict) else entries
    return [entry for entry in entries if words in str(entry.get("body"))]


def test_a_completion(sdk: Portkey, filled: Server, provider: str) -> None:
    answer = sdk.prompts.completions.create(
        prompt_id="pk-chat",
        variables={"name": "Ada Completion"},
        max_tokens=12,
        extra_headers={"x-slugline-user": "u-portkey"},
    )
    assert answer.choices[0].message.content
    [sent] = arrived(provider, "Ada Completion")
    assert sent["body"] == {
        "model": "simulator-large",
        "messages": [{"role": "system", "content": "You help Ada Completion."}],
        "temperature": 0.5,
        "max_tokens": 12,
        "stream": False,
    }
    assert SECRET not in str(sent)
    [row] = filled.until("SELECT * FROM calls WHERE user = 'u-portkey'", lambda rows: len(rows) == 1)
    assert (row["endpoint"], row["prompt"], row["version"], row["channel"], row["overrides"]) == (
        "chat.completions",
        "pk-chat",
        1,
        "stable",
        ["max_tokens"],
    )
    assert SECRET not in str(row)


@pytest.mark.parametrize(
    ("reference", "text"),
    [("pk-chat@latest", "kindly."), ("pk-chat@2", "kindly."), ("pk-chat@production", "You help R.")],
)
def test_a_reference_in_the_path(sdk: Portkey, reference: str, text: str) -> None:
    rendered = sdk.prompts.render(prompt_id=reference, variables={"name": "R"})
    assert rendered.data.messages[0].content.endswith(text)


def test_a_stream(sdk: Portkey) -> None:
    chunks = list(sdk.prompts.completions.create(prompt_id="pk-chat", variables={"name": "Ada"}, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_a_rendered_prompt_is_the_body_of_a_call(sdk: Portkey, filled: Server, provider: str) -> None:
    rendered = sdk.prompts.render(prompt_id="pk-chat", variables={"name": "Ada Rendered"}, temperature=0.1)
    assert rendered.success is True
    assert rendered.data.model_dump(exclude_none=True) == {
        "model": "simulator-large",
        "messages": [{"role": "system", "content": "You help Ada Rendered."}],
        "temperature": 0.1,
        "max_tokens": 40,
        "stream": False,
    }
    assert not arrived(provider, "Ada Rendered")


async def test_the_async_client(filled: Server) -> None:
    sdk = AsyncPortkey(api_key=SECRET, base_url=filled.url + "/v1")
    try:
        answer = await sdk.prompts.completions.create(prompt_id="pk-chat", variables={"name": "Ada"})
        assert answer.choices[0].message.content
    finally:
        await sdk.close()


def test_what_is_not_there_is_the_sdks_own_error(sdk: Portkey) -> None:
    with pytest.raises(NotFoundError, match="did you mean 'pk-chat'"):
        sdk.prompts.completions.create(prompt_id="pk-chatt", variables={})
    with pytest.raises(NotFoundError, match="no version 9"):
        sdk.prompts.render(prompt_id="pk-chat@9", variables={})
