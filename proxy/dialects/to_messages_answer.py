"""Anthropic's answers as chat answers: content, stop reasons, usage. Knows whole answers; streams are a module of their own. Pure.

Format: https://docs.anthropic.com/en/api/messages. Blocks of Anthropic's server tools have no counterpart and are left out.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from proxy.dialects.hub import chat_usage, tool_call
from proxy.dialects.shapes import Json, arguments_text, count, given, listed, table, text
from proxy.dialects.to_messages_content import thinking_block
from proxy.dialects.to_messages_request import JSON_TOOL, makes_json

FINISH_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "pause_turn": "stop",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tool_calls",
        "refusal": "content_filter",
    }
)


def chat_answer(answer: Mapping[str, Any], body: Mapping[str, Any], created: int) -> Json:
    """The chat answer. `body` is the chat request, `created` seconds since 1970 (Anthropic says no time)."""
    json_only = makes_json(body)
    texts, thoughts, calls, signed = [], [], [], []
    for block in listed(answer, "content"):
        kind = block.get("type")
        if kind == "text":
            texts.append(text(block.get("text")))
        elif kind in {"thinking", "redacted_thinking"}:
            thoughts.append(text(block.get("thinking")))
            signed.append(thinking_block(block))
        elif kind == "tool_use" and json_only and block.get("name") == JSON_TOOL:
            texts.append(arguments_text(block.get("input")))
        elif kind == "tool_use":
            call = tool_call(text(block.get("id")), text(block.get("name")), arguments_text(block.get("input")))
            calls.append(call)
    native = text(answer.get("stop_reason"))
    message: Json = {
        "role": "assistant",
        "content": "".join(texts) if texts else None,
        "refusal": refusal(answer.get("stop_details")),
        **given(reasoning_content="".join(thoughts) or None, thinking_blocks=signed or None, tool_calls=calls or None),
    }
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": finish_reason(native, called=bool(calls), json_only=json_only),
        "native_finish_reason": native,
    }
    return {
        "id": text(answer.get("id")),
        "object": "chat.completion",
        "created": created,
        "model": text(answer.get("model")) or text(body.get("model")),
        "choices": [choice],
        "usage": usage(table(answer.get("usage"))),
    }


def finish_reason(native: str, *, called: bool, json_only: bool) -> str:
    """OpenAI's word for a stop reason; a use of the JSON tool is an ordinary end."""
    if native == "tool_use" and json_only and not called:
        return "stop"
    return FINISH_REASONS.get(native, "stop")


def refusal(details: Any) -> str | None:
    """Why the model refused, in the provider's words."""
    said = table(details)
    return (text(said.get("explanation")) or None) if said.get("type") == "refusal" else None


def usage(said: Mapping[str, Any]) -> Json:
    """Anthropic's input tokens leave out what was read from the cache or written to it; OpenAI's prompt tokens include both."""
    cached, written = count(said.get("cache_read_input_tokens")), count(said.get("cache_creation_input_tokens"))
    return chat_usage(
        prompt=count(said.get("input_tokens")) + cached + written,
        cached=cached,
        cache_write=written,
        cache_write_1h=count(table(said.get("cache_creation")).get("ephemeral_1h_input_tokens")),
        completion=count(said.get("output_tokens")),
        reasoning=count(table(said.get("output_tokens_details")).get("thinking_tokens")),
    )
