"""Every case against the official SDKs: their types take what is made, and their clients assemble the streams."""

from typing import Any

import anthropic
import httpx2
import openai
import pytest
from anthropic.types import (
    ImageBlockParam,
    RedactedThinkingBlockParam,
    TextBlockParam,
    ThinkingBlockParam,
    ToolChoiceParam,
    ToolParam,
    ToolUseBlockParam,
)
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from google.genai import types as google
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionFunctionToolParam
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from openai.types.responses import Response
from pydantic import TypeAdapter

from tests.unit.proxy.dialects.cases import REQUESTS, Answer, Request
from tests.unit.proxy.dialects.readers import answer_differences
from tests.unit.proxy.dialects.test_cases import CALLERS_BODY, answers, between, pairs, streamed

Json = dict[str, Any]

BLOCKS: dict[str, Any] = {
    "text": TextBlockParam,
    "image": ImageBlockParam,
    "thinking": ThinkingBlockParam,
    "redacted_thinking": RedactedThinkingBlockParam,
    "tool_use": ToolUseBlockParam,
}


def takes(kind: Any, value: Any) -> None:
    TypeAdapter[Any](kind).validate_python(value)


def knows(kind: Any, body: Json) -> None:
    """A typed dict as a whole: no key that it doesn't know, none missing. Its parts are looked at one by one."""
    assert kind.__required_keys__ <= {*body, "stream"}
    older = {"temperature", "top_p"}  # taken by models from before 2026; the SDK's types have dropped them
    assert body.keys() <= kind.__required_keys__ | kind.__optional_keys__ | older


@pytest.mark.parametrize(("case", "provider"), pairs(REQUESTS, "providers"))
def test_request_is_what_the_sdk_would_send(case: Request, provider: str) -> None:
    out = between(case.caller, provider).request(case.body)
    {"gemini": _gemini_request, "messages": _messages_request, "chat": _chat_request}[provider](out)


def _gemini_request(out: Json) -> None:
    for content in out["contents"]:
        google.Content.model_validate(content)
    for tool in out.get("tools", []):
        google.Tool.model_validate(tool)
    google.GenerationConfig.model_validate(out.get("generationConfig", {}))
    google.ToolConfig.model_validate(out.get("toolConfig", {}))
    google.Content.model_validate(out.get("systemInstruction", {}))
    assert out.keys() <= {"contents", "tools", "toolConfig", "generationConfig", "systemInstruction"}


def _messages_request(out: Json) -> None:
    knows(MessageCreateParamsStreaming, out)
    for message in out["messages"]:
        assert message["role"] in {"user", "assistant"}
        for block in message["content"]:
            if block["type"] in BLOCKS:
                takes(BLOCKS[block["type"]], block)
    for tool in out.get("tools", []):
        takes(ToolParam, tool)
    if "tool_choice" in out:
        takes(ToolChoiceParam, out["tool_choice"])


def _chat_request(out: Json) -> None:
    knows(CompletionCreateParamsStreaming, out)
    for tool in out.get("tools", []):
        takes(ChatCompletionFunctionToolParam, tool)


@answers
def test_answer_is_what_the_sdk_reads(case: Answer, caller: str) -> None:
    answer = between(caller, case.provider).answer(case.whole, CALLERS_BODY[caller])
    kind: Any = {"chat": ChatCompletion, "messages": anthropic.types.Message, "responses": Response}[caller]
    kind.model_validate(answer)


@answers
def test_stream_is_what_the_sdk_assembles(case: Answer, caller: str) -> None:
    raw = b"".join(streamed(between(caller, case.provider), {**CALLERS_BODY[caller], "stream": True}, case.events))
    whole = {"chat": _chat, "messages": _messages, "responses": _responses}[caller](raw)
    assert answer_differences(caller, whole, case.provider, case.whole) == []


def answering(raw: bytes) -> httpx2.MockTransport:
    """Any request is answered by these bytes; no socket is opened."""
    return httpx2.MockTransport(
        lambda _request: httpx2.Response(200, content=raw, headers={"content-type": "text/event-stream"})
    )


def _openai(raw: bytes) -> openai.OpenAI:
    return openai.OpenAI(api_key="x", http_client=openai.DefaultHttpxClient(transport=answering(raw)))


def _chat(raw: bytes) -> Json:
    body = CALLERS_BODY["chat"]
    with _openai(raw) as client, client.chat.completions.stream(**body) as stream:
        try:
            for _ in stream:
                pass
        except (openai.LengthFinishReasonError, openai.ContentFilterFinishReasonError):
            pass  # the SDK's own verdict on an answer that was cut; what it had read by then is compared
        return stream.current_completion_snapshot.model_dump(mode="json", exclude_none=True)


def _messages(raw: bytes) -> Json:
    client = anthropic.Anthropic(api_key="x", http_client=anthropic.DefaultHttpxClient(transport=answering(raw)))
    with client, client.messages.stream(**CALLERS_BODY["messages"]) as stream:
        return stream.get_final_message().model_dump(mode="json", exclude_none=True)


def _responses(raw: bytes) -> Json:
    seen: Any = None
    with _openai(raw) as client, client.responses.stream(**CALLERS_BODY["responses"]) as stream:
        for event in stream:
            seen = getattr(event, "response", seen)
    dumped: Json = seen.model_dump(mode="json", exclude_none=True, warnings=False)
    return dumped


def test_embeddings_are_what_the_sdk_reads() -> None:
    made = between("embeddings", "gemini_embeddings")
    CreateEmbeddingResponse.model_validate(made.answer({"embeddings": [{"values": [0.5]}]}, {"model": "m"}))
