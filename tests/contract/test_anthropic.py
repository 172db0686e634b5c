"""Anthropic's SDK with its base_url at Slugline, against a third-party mock: what works directly works through, and is a row."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic

from tests.plugins.aimock import Aimock
from tests.plugins.server import Server

pytestmark = pytest.mark.needs("node")

QUESTION: list[Any] = [{"role": "user", "content": "Where is my parcel?"}]
TOOLS: list[Any] = [
    {"name": name, "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
    for name in ("get_weather", "get_time")
]
MODEL = "claude-test"


@pytest.fixture
def direct(aimock: Aimock) -> Iterator[Anthropic]:
    with Anthropic(base_url=aimock.url, api_key="x", max_retries=0) as sdk:
        yield sdk


@pytest.fixture
def through(aimock_server: Server) -> Iterator[Anthropic]:
    with Anthropic(base_url=aimock_server.url, api_key="x", max_retries=0) as sdk:
        yield sdk


def message(sdk: Anthropic) -> Any:
    answer = sdk.messages.create(model=MODEL, max_tokens=50, messages=QUESTION, system="Be kind.")
    return [block.model_dump() for block in answer.content], answer.stop_reason, answer.model


def stream(sdk: Anthropic) -> Any:
    with sdk.messages.stream(model=MODEL, max_tokens=50, messages=QUESTION) as events:
        return [event.type for event in events], events.get_final_text()


def tools(sdk: Anthropic) -> Any:
    answer = sdk.messages.create(
        model=MODEL, max_tokens=50, messages=[{"role": "user", "content": "weather?"}], tools=TOOLS
    )
    return [(block.name, block.input) for block in answer.content if block.type == "tool_use"]


def tool_stream(sdk: Anthropic) -> Any:
    with sdk.messages.stream(
        model=MODEL, max_tokens=50, messages=[{"role": "user", "content": "weather?"}], tools=TOOLS
    ) as events:
        final = events.get_final_message()
    return [(block.name, block.input) for block in final.content if block.type == "tool_use"]


CASES = [message, stream, tools, tool_stream]


@pytest.mark.parametrize("case", CASES, ids=[case.__name__ for case in CASES])
def test_what_works_directly_works_through_slugline(
    case: Callable[[Anthropic], Any], direct: Anthropic, through: Anthropic
) -> None:
    expected = case(direct)
    assert expected
    assert case(through) == expected


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_message_is_a_row(aimock_server: Server, through: Anthropic, streamed: bool) -> None:
    raw = through.messages.with_raw_response.create(
        model=MODEL,
        max_tokens=50,
        messages=QUESTION,
        system="Be kind.",
        metadata={"user_id": "u-9"},
        stream=streamed,
    )
    raw.http_response.read()
    row = aimock_server.row(raw.headers["x-slugline-call-id"])
    assert (row["endpoint"], row["provider"], row["outcome"], row["stream"]) == (
        "messages",
        "anthropic",
        "ok",
        streamed,
    )
    assert (row["finish_reason"], row["user"]) == ("end_turn", "u-9")
    # The mock says that nothing was used at all, which is to say that it doesn't count.
    assert (row["usage_source"], row["input_tokens"], row["cost"]) == ("none", None, None)
    assert row["model_requested"] == MODEL
    answer = json.loads(row["response"])
    assert answer["content"][0]["text"] == "Your parcel arrives tomorrow, between nine and eleven."
    assert row["system_prompt_hash"]
    assert "system" not in json.loads(row["params"])


def test_errors_are_the_sdks_typed_exceptions_in_its_own_words(aimock_server: Server, through: Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError) as refused:
        through.messages.create(model="", max_tokens=5, messages=QUESTION)
    assert refused.value.body["type"] == "error"  # type: ignore[index]
    assert "'model' is missing" in refused.value.body["error"]["message"]  # type: ignore[index]
    assert refused.value.type == "invalid_request_error"
    with pytest.raises(anthropic.NotFoundError, match="no provider is called"):
        through.messages.create(
            model=MODEL, max_tokens=5, messages=QUESTION, extra_headers={"x-slugline-provider": "nobody"}
        )
