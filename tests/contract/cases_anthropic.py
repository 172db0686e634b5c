"""What users do with Anthropic's Python SDK: a function of a client each, giving what they see."""

from typing import Any

from anthropic import Anthropic, AsyncAnthropic
from pydantic import BaseModel

MODEL = "claude-of-tomorrow"  # the SDK warns of those that have an end
TOOLS: Any = [
    {"name": name, "description": "x", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
    for name in ("get_weather", "get_time")
]


class Trip(BaseModel):
    """A structured answer."""

    city: str
    days: int


def said(content: Any, **more: Any) -> dict[str, Any]:
    """The arguments of a call with one user message."""
    return {"model": MODEL, "max_tokens": 200, "messages": [{"role": "user", "content": content}], **more}


def message(sdk: Anthropic) -> Any:
    answer = sdk.messages.create(**said("Where is my parcel?"))
    assert answer.content[0].type == "text"
    return answer


def every_parameter(sdk: Anthropic) -> Any:
    return sdk.messages.create(
        **said("Where is my parcel?"),
        metadata={"user_id": "u-7"},
        service_tier="auto",
        stop_sequences=["END"],
        system=[{"type": "text", "text": "You work for Acme.", "cache_control": {"type": "ephemeral"}}],
        thinking={"type": "disabled"},
        tool_choice={"type": "auto", "disable_parallel_tool_use": True},
        tools=TOOLS,
        extra_body={"temperature": 0.3, "an_unknown_field": {"deep": [1]}},
    )


def stream(sdk: Anthropic) -> Any:
    return list(sdk.messages.create(**said("Where is my parcel?"), stream=True))


def stream_helper(sdk: Anthropic) -> Any:
    with sdk.messages.stream(**said("Where is my parcel?")) as events:
        seen = [event.type for event in events]
        return seen, events.get_final_message()


def text_stream(sdk: Anthropic) -> Any:
    with sdk.messages.stream(**said("Tell it in many words")) as events:
        return list(events.text_stream)


def tools(sdk: Anthropic) -> Any:
    answer = sdk.messages.create(**said("What is the weather?", tools=TOOLS))
    assert answer.stop_reason == "tool_use"
    return answer


def tool_stream(sdk: Anthropic) -> Any:
    return list(sdk.messages.create(**said("What is the weather?", tools=TOOLS), stream=True))


def tool_round_trip(sdk: Anthropic) -> Any:
    question = said("What is the weather?", tools=TOOLS)
    first = sdk.messages.create(**question)
    calls = [block for block in first.content if block.type == "tool_use"]
    for number, call in enumerate(calls):
        call.id = f"toolu_{number}"
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": "clear"} for call in calls]
    history = [
        *question["messages"],
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in first.content]},
        {"role": "user", "content": results},
    ]
    return sdk.messages.create(**{**question, "messages": history})


def parsed(sdk: Anthropic) -> Any:
    answer = sdk.messages.parse(**said("Give it as JSON"), output_format=Trip)
    assert answer.parsed_output == Trip(city="Paris", days=3)
    return answer.content[0].text


def thinking(sdk: Anthropic) -> Any:
    answer = sdk.messages.create(
        **said("Give your reasons", max_tokens=4000), thinking={"type": "enabled", "budget_tokens": 2000}
    )
    assert answer.content[0].type == "thinking"
    return answer


def thinking_stream(sdk: Anthropic) -> Any:
    return list(
        sdk.messages.create(
            **said("Give your reasons", max_tokens=4000),
            thinking={"type": "enabled", "budget_tokens": 2000},
            stream=True,
        )
    )


def image_part(sdk: Anthropic) -> Any:
    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    return sdk.messages.create(**said([{"type": "image", "source": source}, {"type": "text", "text": "My parcel?"}]))


def document_part(sdk: Anthropic) -> Any:
    source = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
    return sdk.messages.create(**said([{"type": "document", "source": source}, {"type": "text", "text": "My parcel?"}]))


def unknown_fields(sdk: Anthropic) -> Any:
    return sdk.messages.create(
        **said("Where is my parcel?"),
        extra_body={"of_tomorrow": [1, {"deep": None}]},
        extra_headers={"anthropic-beta": "of-tomorrow-2027-01-01", "x-of-the-app": "seven"},
        extra_query={"mode": "a b"},
    )


def beta(sdk: Anthropic) -> Any:
    return sdk.beta.messages.create(**said("Where is my parcel?"), betas=["context-1m-2025-08-07"])


def beta_stream(sdk: Anthropic) -> Any:
    return list(sdk.beta.messages.create(**said("Where is my parcel?"), betas=["context-1m-2025-08-07"], stream=True))


def raw_response(sdk: Anthropic) -> Any:
    raw = sdk.messages.with_raw_response.create(
        **said("Where is my parcel?"), extra_headers={"x-request-id": "req-of-the-app"}
    )
    return raw.status_code, raw.headers["content-type"], raw.headers["x-request-id"], raw.parse()


def streamed_response(sdk: Anthropic) -> Any:
    with sdk.messages.with_streaming_response.create(**said("Where is my parcel?"), stream=True) as response:
        return response.headers["content-type"], [line.partition(":")[0] for line in response.iter_lines()]


async def asynchronous(sdk: AsyncAnthropic) -> Any:
    return await sdk.messages.create(**said("Where is my parcel?"))


async def asynchronous_stream(sdk: AsyncAnthropic) -> Any:
    return [event async for event in await sdk.messages.create(**said("Where is my parcel?"), stream=True)]


async def asynchronous_stream_helper(sdk: AsyncAnthropic) -> Any:
    async with sdk.messages.stream(**said("What is the weather?", tools=TOOLS)) as events:
        return [event.type async for event in events], await events.get_final_message()


CASES: tuple[Any, ...] = (
    *(message, every_parameter, stream, stream_helper, text_stream, tools, tool_stream, tool_round_trip, parsed),
    *(thinking, thinking_stream, image_part, document_part, unknown_fields, beta, beta_stream),
    *(raw_response, streamed_response, asynchronous, asynchronous_stream, asynchronous_stream_helper),
)
