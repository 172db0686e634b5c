"""What users do with OpenAI's Python SDK on chat completions: a function of a client each, giving what they see."""

import base64
from typing import Any

from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel, Field

MODEL = "gpt-4o"


class Trip(BaseModel):
    """A structured answer."""

    city: str
    days: int = Field(ge=1)


def function(name: str) -> Any:
    properties = {"city": {"type": "string"}, "days": {"type": "integer"}}
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": properties}}}


TOOLS: Any = [function("get_weather"), function("get_time")]


def said(text: Any, **more: Any) -> dict[str, Any]:
    """The arguments of a call with one user message."""
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], **more}


def chat(sdk: OpenAI) -> Any:
    return sdk.chat.completions.create(**said("Where is my parcel?"))


def every_parameter(sdk: OpenAI) -> Any:
    return sdk.chat.completions.create(
        **said("Where is my parcel?"),
        frequency_penalty=0.1,
        logit_bias={"50256": -100},
        max_completion_tokens=100,
        metadata={"team": "orders"},
        modalities=["text"],
        parallel_tool_calls=True,
        prediction={"type": "content", "content": "Your parcel"},
        presence_penalty=0.2,
        prompt_cache_key="orders",
        reasoning_effort="low",
        safety_identifier="u-7",
        seed=7,
        service_tier="auto",
        stop=["\n\n"],
        store=False,
        temperature=0.3,
        tools=TOOLS,
        tool_choice="auto",
        top_p=0.9,
        user="u-7",
        verbosity="low",
        web_search_options={},
    )


def several_choices(sdk: OpenAI) -> Any:
    return sdk.chat.completions.create(**said("Where is my parcel?", n=3))


def log_probabilities(sdk: OpenAI) -> Any:
    return sdk.chat.completions.create(**said("Where is my parcel?", logprobs=True, top_logprobs=3))


def stream(sdk: OpenAI) -> Any:
    return list(sdk.chat.completions.create(**said("Where is my parcel?"), stream=True))


def stream_with_usage(sdk: OpenAI) -> Any:
    chunks = list(
        sdk.chat.completions.create(**said("Where is my parcel?"), stream=True, stream_options={"include_usage": True})
    )
    assert chunks[-1].usage is not None
    return chunks


def stream_that_refuses_usage(sdk: OpenAI) -> Any:
    chunks = list(
        sdk.chat.completions.create(**said("Where is my parcel?"), stream=True, stream_options={"include_usage": False})
    )
    assert all(chunk.choices for chunk in chunks)
    return chunks


def long_stream(sdk: OpenAI) -> Any:
    return list(sdk.chat.completions.create(**said("Tell it in many words"), stream=True))


def stream_of_many_scripts(sdk: OpenAI) -> Any:
    chunks = sdk.chat.completions.create(**said("Sag es mit ünïcode 📦"), stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def stream_helper(sdk: OpenAI) -> Any:
    with sdk.chat.completions.stream(**said("Where is my parcel?")) as events:
        seen = [event.type for event in events]
        return seen, events.get_final_completion()


def image_parts(sdk: OpenAI) -> Any:
    picture = "data:image/png;base64," + base64.b64encode(b"\x89PNG" * 500).decode()
    parts = [
        {"type": "text", "text": "Where is my parcel?"},
        {"type": "image_url", "image_url": {"url": picture, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://pictures.example/parcel.png"}},
    ]
    return sdk.chat.completions.create(**said(parts))


def audio_part(sdk: OpenAI) -> Any:
    sound = {"data": base64.b64encode(b"RIFF" * 500).decode(), "format": "wav"}
    return sdk.chat.completions.create(
        **said([{"type": "text", "text": "parcel?"}, {"type": "input_audio", "input_audio": sound}])
    )


def file_part(sdk: OpenAI) -> Any:
    document = "data:application/pdf;base64," + base64.b64encode(b"%PDF-1.7" * 500).decode()
    part = {"type": "file", "file": {"filename": "parcel.pdf", "file_data": document}}
    return sdk.chat.completions.create(**said([{"type": "text", "text": "parcel?"}, part]))


def large_part(sdk: OpenAI) -> Any:
    picture = "data:image/png;base64," + "A" * 3_000_000
    return sdk.chat.completions.create(
        **said([{"type": "text", "text": "parcel?"}, {"type": "image_url", "image_url": {"url": picture}}])
    )


def roles_and_names(sdk: OpenAI) -> Any:
    messages: Any = [
        {"role": "developer", "content": "You work for Acme."},
        {"role": "system", "content": [{"type": "text", "text": "Be short."}], "name": "rules"},
        {"role": "user", "content": "Hello", "name": "Ada"},
        {"role": "assistant", "content": None, "refusal": "I can't say."},
        {"role": "user", "content": "Where is my parcel?"},
    ]
    return sdk.chat.completions.create(model=MODEL, messages=messages)


def reasoning_content(sdk: OpenAI) -> Any:
    answer = sdk.chat.completions.create(**said("Give your reasons"))
    assert answer.choices[0].message.model_extra
    assert answer.system_fingerprint == "fp_7"
    return answer


def reasoning_stream(sdk: OpenAI) -> Any:
    chunks = list(sdk.chat.completions.create(**said("Give your reasons"), stream=True))
    assert any(chunk.choices[0].delta.model_extra for chunk in chunks)
    return chunks


def finish_reasons(sdk: OpenAI) -> Any:
    return [
        sdk.chat.completions.create(**said(text)).choices[0].finish_reason
        for text in ("This gets too long", "This is refused")
    ]


def unknown_fields(sdk: OpenAI) -> Any:
    return sdk.chat.completions.create(
        **said("Where is my parcel?"),
        extra_body={"top_k": 40, "guided_json": {"type": "object"}, "chat_template_kwargs": {"thinking": False}},
        extra_headers={"x-of-the-app": "seven", "openai-beta": "something=v1"},
        extra_query={"api-version": "2026-01-01", "mode": "a b"},
    )


def unknown_fields_on_a_stream(sdk: OpenAI) -> Any:
    return list(
        sdk.chat.completions.create(
            **said("Where is my parcel?"),
            stream=True,
            stream_options={"include_obfuscation": False},
            extra_body={"top_k": 40, "nested": {"deep": [1, {"er": None}]}},
        )
    )


def numbers_keep_their_spelling(sdk: OpenAI) -> Any:
    return sdk.chat.completions.create(
        **said("Where is my parcel?", temperature=1.0, seed=2**53 - 1), extra_body={"big": 10**15, "small": 1e-7}
    )


def raw_response(sdk: OpenAI) -> Any:
    raw = sdk.chat.completions.with_raw_response.create(
        **said("Where is my parcel?"), extra_headers={"x-request-id": "req-of-the-app"}
    )
    assert raw.request_id == "req-of-the-app"
    return raw.status_code, raw.headers["content-type"], raw.parse()


def streamed_response(sdk: OpenAI) -> Any:
    with sdk.chat.completions.with_streaming_response.create(**said("Where is my parcel?")) as response:
        return response.headers["content-type"], len(list(response.iter_lines())) > 0, response.status_code


def lines_of_a_stream(sdk: OpenAI) -> Any:
    with sdk.chat.completions.with_streaming_response.create(**said("Where is my parcel?"), stream=True) as response:
        lines = list(response.iter_lines())
    assert lines[-2:] == ["data: [DONE]", ""] or lines[-1] == "data: [DONE]"
    return len(lines), response.headers["content-type"]


def options_of_the_client(sdk: OpenAI) -> Any:
    other = sdk.with_options(timeout=20, default_headers={"x-of-the-app": "eight"}, default_query={"v": "1"})
    return other.chat.completions.create(**said("Where is my parcel?"))


def organization_and_project(sdk: OpenAI) -> Any:
    return sdk.with_options(organization="org-1", project="proj-1").chat.completions.create(
        **said("Where is my parcel?")
    )


async def asynchronous(sdk: AsyncOpenAI) -> Any:
    return await sdk.chat.completions.create(**said("Where is my parcel?"))


async def asynchronous_stream(sdk: AsyncOpenAI) -> Any:
    chunks = await sdk.chat.completions.create(**said("Where is my parcel?"), stream=True)
    return [chunk async for chunk in chunks]


async def asynchronous_stream_helper(sdk: AsyncOpenAI) -> Any:
    async with sdk.chat.completions.stream(**said("What is the weather?", tools=TOOLS)) as events:
        seen = [event.type async for event in events]
        answer = await events.get_final_completion()
    return seen, [call.function.arguments for call in answer.choices[0].message.tool_calls or []]


async def asynchronous_streamed_response(sdk: AsyncOpenAI) -> Any:
    async with sdk.chat.completions.with_streaming_response.create(**said("Where is my parcel?")) as response:
        return await response.parse()


CASES: tuple[Any, ...] = (
    *(chat, every_parameter, several_choices, log_probabilities),
    *(stream, stream_with_usage, stream_that_refuses_usage, long_stream, stream_of_many_scripts, stream_helper),
    *(image_parts, audio_part, file_part, large_part, roles_and_names),
    *(reasoning_content, reasoning_stream, finish_reasons),
    *(unknown_fields, unknown_fields_on_a_stream, numbers_keep_their_spelling),
    *(raw_response, streamed_response, lines_of_a_stream, options_of_the_client, organization_and_project),
    *(asynchronous, asynchronous_stream, asynchronous_stream_helper, asynchronous_streamed_response),
)
