"""Official SDKs asking providers of another wire format: what a third-party mock answers in its own format arrives in the SDK's."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from anthropic import Anthropic
from openai import OpenAI
from openai.types.responses import ResponseCompletedEvent

from tests.plugins.aimock import Aimock
from tests.plugins.server import Server

pytestmark = pytest.mark.needs("node")

ANSWER = "Your parcel arrives tomorrow, between nine and eleven."
WEATHER = [("get_weather", {"city": "Paris", "days": 3}), ("get_time", {"city": "Paris"})]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
FUNCTIONS: list[Any] = [
    {"type": "function", "function": {"name": name, "parameters": PARAMETERS}} for name in ("get_weather", "get_time")
]
TOOLS: list[Any] = [{"name": name, "input_schema": PARAMETERS} for name in ("get_weather", "get_time")]
FLAT: list[Any] = [{"type": "function", "name": name, "parameters": PARAMETERS} for name in ("get_weather", "get_time")]


def asks(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


@pytest.fixture
def openai(aimock_server: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=aimock_server.url + "/v1", api_key="x", max_retries=0) as sdk:
        yield sdk


@pytest.fixture
def anthropic(aimock_server: Server) -> Iterator[Anthropic]:
    with Anthropic(base_url=aimock_server.url, api_key="x", max_retries=0) as sdk:
        yield sdk


def chat(sdk: OpenAI, model: str) -> Any:
    answer = sdk.chat.completions.create(model=model, messages=[{"role": "system", "content": "Be kind."}, *asks("?")])
    assert answer.choices[0].finish_reason == "stop"
    return answer.choices[0].message.content


def chat_stream(sdk: OpenAI, model: str) -> Any:
    options: Any = {"include_usage": True}
    chunks = list(sdk.chat.completions.create(model=model, messages=asks("?"), stream=True, stream_options=options))
    assert chunks[-1].usage is not None
    assert not chunks[-1].choices
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def chat_json(sdk: OpenAI, model: str) -> Any:
    form: Any = {"type": "json_schema", "json_schema": {"name": "city", "schema": PARAMETERS}}
    answer = sdk.chat.completions.create(model=model, messages=asks("as JSON"), response_format=form)
    return json.loads(answer.choices[0].message.content or "")


def chat_tools(sdk: OpenAI, model: str) -> Any:
    answer = sdk.chat.completions.create(model=model, messages=asks("weather?"), tools=FUNCTIONS)
    assert answer.choices[0].finish_reason == "tool_calls"
    calls: Any = answer.choices[0].message.tool_calls
    assert len({call.id for call in calls}) == 2
    return [(call.function.name, json.loads(call.function.arguments)) for call in calls]


def chat_tool_stream(sdk: OpenAI, model: str) -> Any:
    with sdk.chat.completions.stream(model=model, messages=asks("weather?"), tools=FUNCTIONS) as events:
        calls: Any = events.get_final_completion().choices[0].message.tool_calls
    return [(call.function.name, json.loads(call.function.arguments)) for call in calls]


def responses(sdk: OpenAI, model: str) -> Any:
    answer = sdk.responses.create(model=model, input="?", instructions="Be kind.")
    assert answer.status == "completed"
    return answer.output_text


def responses_stream(sdk: OpenAI, model: str) -> Any:
    events = list(sdk.responses.create(model=model, input="?", stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[0].type == "response.created"
    assert isinstance(events[-1], ResponseCompletedEvent)
    deltas = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert deltas == events[-1].response.output_text
    return deltas


def responses_tools(sdk: OpenAI, model: str) -> Any:
    answer = sdk.responses.create(model=model, input="weather?", tools=FLAT)
    return [(item.name, json.loads(item.arguments)) for item in answer.output if item.type == "function_call"]


def messages(sdk: Anthropic, model: str) -> Any:
    answer = sdk.messages.create(model=model, max_tokens=50, messages=asks("?"), system="Be kind.")
    assert answer.stop_reason == "end_turn"
    return "".join(block.text for block in answer.content if block.type == "text")


def messages_stream(sdk: Anthropic, model: str) -> Any:
    with sdk.messages.stream(model=model, max_tokens=50, messages=asks("?")) as events:
        return events.get_final_text()


def messages_tools(sdk: Anthropic, model: str) -> Any:
    answer = sdk.messages.create(model=model, max_tokens=50, messages=asks("weather?"), tools=TOOLS)
    assert answer.stop_reason == "tool_use"
    return [(block.name, block.input) for block in answer.content if block.type == "tool_use"]


def messages_tool_stream(sdk: Anthropic, model: str) -> Any:
    with sdk.messages.stream(model=model, max_tokens=50, messages=asks("weather?"), tools=TOOLS) as events:
        content = events.get_final_message().content
    return [(block.name, block.input) for block in content if block.type == "tool_use"]


TEXT = [chat, chat_stream, responses, responses_stream]
CALLS = [chat_tools, chat_tool_stream, responses_tools]


@pytest.mark.parametrize("model", ["claude-3-test", "gemini-test", "chat-only/gpt-4o"])
@pytest.mark.parametrize("case", [*TEXT, *CALLS, chat_json], ids=lambda case: case.__name__)
def test_openais_sdk_and_other_providers(openai: OpenAI, case: Callable[[OpenAI, str], Any], model: str) -> None:
    expected = WEATHER if case in CALLS else {"city": "Paris", "days": 3} if case is chat_json else ANSWER
    assert case(openai, model) == expected


@pytest.mark.parametrize("model", ["gpt-4o", "gemini-test"])
@pytest.mark.parametrize(
    "case", [messages, messages_stream, messages_tools, messages_tool_stream], ids=lambda case: case.__name__
)
def test_anthropics_sdk_and_other_providers(
    anthropic: Anthropic, case: Callable[[Anthropic, str], Any], model: str
) -> None:
    assert case(anthropic, model) == (WEATHER if case in (messages_tools, messages_tool_stream) else ANSWER)


@pytest.mark.parametrize("model", ["claude-3-test", "gemini-test"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_translated_call_is_a_row_in_its_callers_terms(
    aimock_server: Server, openai: OpenAI, aimock: Aimock, model: str, stream: bool
) -> None:
    aimock_server.save("translated", "You work for {{ company }}.", model=model, parameters={"temperature": 0.5})
    company = f"{model} {stream}"
    raw = openai.chat.completions.with_raw_response.create(
        model="prompt",
        messages=asks("?"),
        stream=stream,
        seed=7,
        extra_body={"prompt": {"id": "translated", "version": "latest", "variables": {"company": company}}},
    )
    raw.http_response.read()
    row = aimock_server.row(raw.headers["x-slugline-call-id"])
    assert (row["endpoint"], row["provider"], row["outcome"], row["prompt"]) == (
        "chat.completions",
        model.split("-", maxsplit=1)[0].replace("claude", "anthropic"),
        "ok",
        "translated",
    )
    assert json.loads(row["request"])["messages"][0] == {"role": "system", "content": f"You work for {company}."}
    assert json.loads(row["response"])["choices"][0]["message"]["content"] == ANSWER
    # The mock says that nothing was used at all, which is to say that it doesn't count.
    assert (row["finish_reason"], row["usage_source"], row["output_tokens"]) == ("stop", "none", None)
    if model.startswith("claude"):
        assert raw.headers["x-slugline-dropped"] == "seed"
    assert aimock.journal(f"You work for {company}.")


@pytest.mark.parametrize("model", ["gpt-4o", "gemini-test", "claude-3-test"])
def test_a_prompt_on_messages(aimock_server: Server, anthropic: Anthropic, aimock: Aimock, model: str) -> None:
    aimock_server.save(
        "on-messages",
        "You work for {{ company }}.",
        messages=[
            {"role": "system", "content": "You work for {{ company }}."},
            {"role": "user", "content": "Hello."},
            {"role": "assistant", "content": "Hello, how can I help?"},
            {"role": "placeholder", "name": "messages"},
        ],
        model=model,
        parameters={"temperature": 0.5, "max_tokens": 40},
        tools=FUNCTIONS[:1],
    )
    raw = anthropic.messages.with_raw_response.create(
        model="prompt/on-messages@latest",
        max_tokens=30,
        system="Answer in one sentence.",
        messages=asks("?"),
        extra_body={"variables": {"company": f"Acme {model}"}},
    )
    assert raw.headers["x-slugline-prompt"].startswith("on-messages@")
    row = aimock_server.row(raw.headers["x-slugline-call-id"])
    request = json.loads(row["request"])
    assert [block["text"] for block in request["system"]] == [f"You work for Acme {model}.", "Answer in one sentence."]
    assert [message["role"] for message in request["messages"]] == ["user", "assistant", "user"]
    assert (request["max_tokens"], request["temperature"], request["tools"][0]["name"]) == (30, 0.5, "get_weather")
    assert row["overrides"] == ["max_tokens"]
    assert aimock.journal(f"You work for Acme {model}.")


def test_counting_tokens_is_anthropics_alone(anthropic: Anthropic) -> None:
    import anthropic as sdk

    with pytest.raises(sdk.NotFoundError, match="provider 'openai' doesn't have /v1/messages/count_tokens"):
        anthropic.messages.count_tokens(model="gpt-4o", messages=asks("?"))


def test_what_a_format_cannot_say_is_refused_by_name(openai: OpenAI) -> None:
    import openai as sdk

    with pytest.raises(sdk.BadRequestError, match="'n' must be 1") as refused:
        openai.chat.completions.create(model="claude-3-test", messages=asks("?"), n=2)
    assert (refused.value.param, refused.value.code) == ("n", "request_not_translatable")
