"""A chat answer as Anthropic's, for callers with Anthropic's SDK. Knows whole answers; streams are a module of their own. Pure.

Format: https://docs.anthropic.com/en/api/messages. Thinking that the provider doesn't sign becomes a thinking block with an empty
signature, and is known by it when it comes back in the history.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from proxy.dialects.hub import first_choice, reasoning_of, tokens_of
from proxy.dialects.shapes import Json, arguments_object, dicts, given, joined_text, table, text
from proxy.dialects.to_messages_content import thinking_block

STOP_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "stop": "end_turn",
        "length": "max_tokens",
        "tool_calls": "tool_use",
        "function_call": "tool_use",
        "content_filter": "refusal",
    }
)


def messages_answer(answer: Mapping[str, Any], body: Mapping[str, Any]) -> Json:
    """Anthropic's answer. `body` is the caller's request."""
    choice = first_choice(answer)
    message = table(choice.get("message"))
    return {
        "id": text(answer.get("id")),
        "type": "message",
        "role": "assistant",
        "model": text(answer.get("model")) or text(body.get("model")),
        "content": _content(message),
        "stop_reason": STOP_REASONS.get(text(choice.get("finish_reason")), "end_turn"),
        "stop_sequence": None,
        "usage": messages_usage(answer.get("usage")),
    }


def messages_usage(usage: Any) -> Json:
    """Anthropic's way of counting: input tokens without those of the cache."""
    tokens = tokens_of(usage)
    return {
        "input_tokens": tokens.fresh,
        "cache_creation_input_tokens": tokens.cache_write,
        "cache_read_input_tokens": tokens.cached,
        "output_tokens": tokens.completion,
    }


def tool_use(call: Mapping[str, Any], given_input: Any) -> Json:
    """A tool call as a block; a provider's signature on the call (see hub) stays on the block."""
    function = table(call.get("function"))
    return {
        "type": "tool_use",
        "id": text(call.get("id")),
        "name": text(function.get("name")),
        "input": given_input,
        **given(extra_content=call.get("extra_content")),
    }


def _content(message: Mapping[str, Any]) -> list[Json]:
    blocks = [thinking_block(block) for block in dicts(message.get("thinking_blocks"))]
    thought = reasoning_of(message)
    if thought and not blocks:
        blocks.append({"type": "thinking", "thinking": thought, "signature": ""})
    told = joined_text(message.get("content")) or text(message.get("refusal"))
    if told:
        blocks.append({"type": "text", "text": told})
    for call in dicts(message.get("tool_calls")):
        blocks.append(tool_use(call, arguments_object(table(call.get("function")).get("arguments"))))
    return blocks
