"""What users do with LiteLLM as a client library."""

from typing import Any

import litellm
from cases import do_all, told
from pydantic import BaseModel

litellm.telemetry = False
litellm.suppress_debug_info = True


class Trip(BaseModel):
    """A structured answer."""

    city: str
    days: int


def function(name: str) -> dict[str, Any]:
    properties = {"city": {"type": "string"}, "days": {"type": "integer"}}
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": properties}}}


TOOLS = [function("get_weather"), function("get_time")]


class At:
    """The arguments that bring a call to one server."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self.to = {
            "api_base": url,
            "api_key": "sk-of-the-caller",
            "extra_headers": headers,
            "num_retries": 0,
            "max_retries": 0,
        }
        self.anthropic = {**self.to, "api_base": url.removesuffix("/v1")}

    def said(self, text: Any, **more: Any) -> dict[str, Any]:
        return {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": text}], **self.to, **more}


def completion(at: At) -> Any:
    return litellm.completion(**at.said("Where is my parcel?"))


def stream(at: At) -> Any:
    return list(litellm.completion(**at.said("Where is my parcel?", stream=True)))


def stream_with_usage(at: At) -> Any:
    return list(litellm.completion(**at.said("My parcel?", stream=True, stream_options={"include_usage": True})))


async def asynchronous(at: At) -> Any:
    return await litellm.acompletion(**at.said("Where is my parcel?"))


async def asynchronous_stream(at: At) -> Any:
    return [chunk async for chunk in await litellm.acompletion(**at.said("Where is my parcel?", stream=True))]


def tools(at: At) -> Any:
    answer = litellm.completion(**at.said("What is the weather?", tools=TOOLS, parallel_tool_calls=True))
    assert len(answer.choices[0].message.tool_calls) == 2
    return answer


def tool_stream(at: At) -> Any:
    chunks = list(litellm.completion(**at.said("What is the weather?", tools=TOOLS, stream=True)))
    parts = [call.function.arguments or "" for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    assert "Paris" in "".join(parts)
    return parts


def structured(at: At) -> Any:
    answer = litellm.completion(**at.said("Give it as JSON", response_format=Trip))
    return Trip.model_validate_json(answer.choices[0].message.content)


def reasoning(at: At) -> Any:
    answer = litellm.completion(**at.said("Give your reasons"))
    assert answer.choices[0].message.reasoning_content
    return answer


def settings(at: At) -> Any:
    return litellm.completion(
        **at.said("Where is my parcel?", temperature=0.3, max_tokens=100, seed=7, user="u-7", top_k=40),
        extra_body={"an_unknown_field": {"deep": [1]}},
    )


def image_part(at: At) -> Any:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    return litellm.completion(**at.said([{"type": "text", "text": "My parcel?"}, image]))


def responses(at: At) -> Any:
    return litellm.responses(model="openai/gpt-4o", input="Where is my parcel?", **at.to).output_text


def responses_stream(at: At) -> Any:
    events = litellm.responses(model="openai/gpt-4o", input="Where is my parcel?", stream=True, **at.to)
    return [str(event.type) for event in events]


def embedding(at: At) -> Any:
    return litellm.embedding(model="openai/text-embedding-3-small", input=["parcel"], **at.to)


def image(at: At) -> Any:
    return litellm.image_generation(model="openai/gpt-image-1", prompt="A parcel", **at.to)


def speech(at: At) -> Any:
    return litellm.speech(model="openai/tts-1", voice="alloy", input="parcel", **at.to).content[:100]


def transcription(at: At) -> Any:
    return litellm.transcription(model="openai/whisper-1", file=("a.wav", b"RIFF" * 999, "audio/wav"), **at.to).text


def anthropic(at: At) -> Any:
    said = {**at.said("Where is my parcel?"), **at.anthropic, "model": "anthropic/claude-of-tomorrow", "max_tokens": 99}
    return litellm.completion(**said)


def anthropic_stream(at: At) -> Any:
    said = {**at.said("Where is my parcel?"), **at.anthropic, "model": "anthropic/claude-of-tomorrow", "max_tokens": 99}
    return list(litellm.completion(**said, stream=True))


def errors(at: At) -> Any:
    seen = {}
    for status in (400, 401, 403, 404, 409, 422, 429, 500, 503):
        for streamed in (False, True):
            try:
                litellm.completion(**at.said(f"fail {status}", stream=streamed))
            except Exception as error:
                seen[f"{status} {streamed}"] = told(error)
    return seen


CASES = (
    *(completion, stream, stream_with_usage, asynchronous, asynchronous_stream, tools, tool_stream, structured),
    *(reasoning, settings, image_part, responses, responses_stream, embedding, image, speech, transcription),
    *(anthropic, anthropic_stream, errors),
)


def prompt_by_model_name(at: At) -> Any:
    said = at.said("Where is my parcel?", extra_body={"variables": {"company": "Acme"}})
    return litellm.completion(**{**said, "model": "openai/prompt/clients@latest"}).choices[0].message.content


def prompt_by_body(at: At) -> Any:
    prompt = {"id": "clients", "version": 1, "variables": {"company": "Acme"}}
    said = at.said("Where is my parcel?", extra_body={"prompt": prompt})
    return litellm.completion(**{**said, "model": "openai/prompt"}).choices[0].message.content


PROMPTS = (prompt_by_model_name, prompt_by_body)

if __name__ == "__main__":
    do_all((*CASES, *PROMPTS), At)
