"""What users do with OpenAI's Python SDK beyond chat: Responses, embeddings, models, moderations, images, audio, files, batches."""

import io
import json
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI

from tests.contract.cases_openai_chat import MODEL, Trip

FUNCTIONS: Any = [
    {"type": "function", "name": name, "strict": False, "parameters": {"type": "object", "properties": {}}}
    for name in ("get_weather", "get_time")
]


def asked(text: Any, **more: Any) -> dict[str, Any]:
    return {"model": MODEL, "input": text, **more}


def response(sdk: OpenAI) -> Any:
    answer = sdk.responses.create(**asked("Where is my parcel?"))
    assert answer.output_text
    return answer


def response_with_every_parameter(sdk: OpenAI) -> Any:
    return sdk.responses.create(
        **asked("Where is my parcel?"),
        include=["reasoning.encrypted_content"],
        instructions="Be short.",
        max_output_tokens=100,
        max_tool_calls=3,
        metadata={"team": "orders"},
        parallel_tool_calls=True,
        previous_response_id="resp_1",
        prompt_cache_key="orders",
        reasoning={"effort": "low"},
        safety_identifier="u-7",
        service_tier="auto",
        store=False,
        temperature=0.3,
        text={"format": {"type": "text"}, "verbosity": "low"},
        tools=FUNCTIONS,
        tool_choice="auto",
        top_p=0.9,
        truncation="auto",
        extra_body={"an_unknown_field": {"deep": [1]}},
    )


def response_stream(sdk: OpenAI) -> Any:
    return list(sdk.responses.create(**asked("Where is my parcel?"), stream=True))


def response_stream_helper(sdk: OpenAI) -> Any:
    with sdk.responses.stream(**asked("Where is my parcel?")) as events:
        seen = [event.type for event in events]
        return seen, events.get_final_response().output_text


def response_parsed(sdk: OpenAI) -> Any:
    answer = sdk.responses.parse(**asked("Give it as JSON"), text_format=Trip)
    assert answer.output_parsed == Trip(city="Paris", days=3)
    return answer.output_text


def response_parsed_stream(sdk: OpenAI) -> Any:
    with sdk.responses.stream(**asked("Give it as JSON"), text_format=Trip) as events:
        events.until_done()
        assert events.get_final_response().output_parsed == Trip(city="Paris", days=3)
        return events.get_final_response().output_text


def response_tools(sdk: OpenAI) -> Any:
    answer = sdk.responses.create(**asked("What is the weather?", tools=FUNCTIONS))
    assert [item.type for item in answer.output] == ["function_call", "function_call"]
    return answer


def response_tool_stream(sdk: OpenAI) -> Any:
    return list(sdk.responses.create(**asked("What is the weather?", tools=FUNCTIONS), stream=True))


def response_tool_round_trip(sdk: OpenAI) -> Any:
    history: list[Any] = [{"role": "user", "content": "What is the weather?"}]
    first = sdk.responses.create(**asked(history, tools=FUNCTIONS))
    for number, item in enumerate(first.output):
        call = item.model_dump(exclude_none=True)
        call.update(id=f"fc_{number}", call_id=f"call_{number}")
        history += [call, {"type": "function_call_output", "call_id": f"call_{number}", "output": "clear"}]
    return sdk.responses.create(**asked(history, tools=FUNCTIONS)).output_text


def response_image_part(sdk: OpenAI) -> Any:
    parts = [
        {"type": "input_text", "text": "Where is my parcel?"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"},
    ]
    return sdk.responses.create(**asked([{"role": "user", "content": parts}]))


def response_reasons(sdk: OpenAI) -> Any:
    return list(sdk.responses.create(**asked("Give your reasons"), stream=True))


def response_raw(sdk: OpenAI) -> Any:
    raw = sdk.responses.with_raw_response.create(**asked("Where is my parcel?"), extra_query={"v": "1"})
    return raw.status_code, raw.headers["content-type"], raw.parse().output_text


async def response_asynchronous(sdk: AsyncOpenAI) -> Any:
    return await sdk.responses.create(**asked("Where is my parcel?"))


async def response_asynchronous_stream(sdk: AsyncOpenAI) -> Any:
    return [event async for event in await sdk.responses.create(**asked("Where is my parcel?"), stream=True)]


def embedding_as_floats(sdk: OpenAI) -> Any:
    answer = sdk.embeddings.create(model="text-embedding-3-small", input="parcel", encoding_format="float")
    assert answer.data[0].embedding == [0.25, -0.5, 0.125]
    return answer


def embedding_as_the_sdk_asks(sdk: OpenAI) -> Any:
    answer = sdk.embeddings.create(model="text-embedding-3-small", input="parcel")
    assert answer.data[0].embedding == [0.25, -0.5, 0.125]
    return answer


def embedding_in_base64(sdk: OpenAI) -> Any:
    return sdk.embeddings.create(model="text-embedding-3-small", input="parcel", encoding_format="base64")


def embedding_of_many(sdk: OpenAI) -> Any:
    return sdk.embeddings.create(
        model="text-embedding-3-large", input=["one", "two", "three"], dimensions=8, encoding_format="float", user="u-7"
    )


async def embedding_asynchronous(sdk: AsyncOpenAI) -> Any:
    return await sdk.embeddings.create(model="text-embedding-3-small", input="parcel")


def moderation(sdk: OpenAI) -> Any:
    return sdk.moderations.create(model="omni-moderation-latest", input=["parcel", "another"])


def models(sdk: OpenAI) -> Any:
    # Through Slugline there are prompts as well, and what other providers serve.
    return sorted(model.id for model in sdk.models.list() if model.id.startswith(("gpt-", "text-")))


def image(sdk: OpenAI) -> Any:
    return sdk.images.generate(model="gpt-image-1", prompt="A parcel", size="1024x1024", n=1)


def image_edit(sdk: OpenAI) -> Any:
    return sdk.images.edit(model="gpt-image-1", image=("a.png", b"\x89PNG" * 99, "image/png"), prompt="Wrap it")


def speech(sdk: OpenAI) -> Any:
    answer = sdk.audio.speech.create(model="tts-1", voice="alloy", input="parcel")
    return list(answer.read()), answer.response.headers["content-type"]


def speech_stream(sdk: OpenAI) -> Any:
    with sdk.audio.speech.with_streaming_response.create(model="tts-1", voice="alloy", input="parcel") as answer:
        return list(b"".join(answer.iter_bytes()))


def transcription(sdk: OpenAI) -> Any:
    return sdk.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"RIFF" * 999, "audio/wav"))


def transcription_with_details(sdk: OpenAI) -> Any:
    return sdk.audio.transcriptions.create(
        model="whisper-1", file=("a.wav", io.BytesIO(b"RIFF" * 999)), response_format="verbose_json", language="en"
    )


def transcription_as_text(sdk: OpenAI) -> Any:
    return sdk.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"RIFF"), response_format="text")


def translation(sdk: OpenAI) -> Any:
    with pytest.warns(DeprecationWarning):
        return sdk.audio.translations.create(model="whisper-1", file=("a.wav", b"RIFF" * 999))


def file_life(sdk: OpenAI) -> Any:
    content = json.dumps({"messages": []}).encode() * 3000
    made = sdk.files.create(file=("tune.jsonl", content), purpose="fine-tune")
    seen = sdk.files.retrieve(made.id)
    listed = [file.filename for file in sdk.files.list() if file.id == made.id]
    back = sdk.files.content(made.id).read()
    assert back == content
    return made, seen, listed, sdk.files.delete(made.id)


def batch_life(sdk: OpenAI) -> Any:
    line = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": MODEL, "messages": []}}
    file = sdk.files.create(file=("batch.jsonl", json.dumps(line).encode()), purpose="batch")
    made = sdk.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    listed = [batch.status for batch in sdk.batches.list(limit=100) if batch.id == made.id]
    return (
        made.object,
        made.endpoint,
        len(listed),
        sdk.batches.retrieve(made.id).object,
        sdk.batches.cancel(made.id).object,
    )


def own_request(sdk: OpenAI) -> Any:
    return sdk.get("/models", cast_to=object, options={"params": {"limit": 2}}) is not None


CASES: tuple[Any, ...] = (
    *(response, response_with_every_parameter, response_stream, response_stream_helper),
    *(response_parsed, response_parsed_stream, response_tools, response_tool_stream, response_tool_round_trip),
    *(response_image_part, response_reasons, response_raw, response_asynchronous, response_asynchronous_stream),
    *(embedding_as_floats, embedding_as_the_sdk_asks, embedding_in_base64, embedding_of_many, embedding_asynchronous),
    *(moderation, models, image, image_edit, speech, speech_stream),
    *(transcription, transcription_with_details, transcription_as_text, translation),
    *(file_life, batch_life, own_request),
)
