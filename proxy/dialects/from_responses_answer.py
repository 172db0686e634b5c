"""A chat answer as a response, for callers of the Responses API. Knows whole answers; streams are a module of their own. Pure.

Format: https://platform.openai.com/docs/api-reference/responses/object. Ids of items are made from the answer's own id.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.dialects.from_responses_input import seal
from proxy.dialects.hub import first_choice, reasoning_of, tokens_of
from proxy.dialects.shapes import Json, dicts, given, joined_text, table, text

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
_ECHOED: Mapping[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "parallel_tool_calls": True,
    "reasoning": {"effort": None, "summary": None},
    "service_tier": "default",
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
    "metadata": {},
}
"""What a response repeats of its request, and what it says where the request says nothing."""


def response(answer: Mapping[str, Any], body: Mapping[str, Any]) -> Json:
    """The response. `body` is the caller's request, which a response repeats in part."""
    choice = first_choice(answer)
    message = table(choice.get("message"))
    answer_id = text(answer.get("id"))
    output: list[Json] = []
    if item := reasoning_item(answer_id, reasoning_of(message), dicts(message.get("thinking_blocks"))):
        output.append(item)
    parts = []
    if told := joined_text(message.get("content")):
        parts.append(text_part(told, dicts(table(choice.get("logprobs")).get("content"))))
    if message.get("refusal"):
        parts.append({"type": "refusal", "refusal": message["refusal"]})
    calls = dicts(message.get("tool_calls"))
    if parts or not calls:
        output.append(message_item(answer_id, parts))
    output += [call_item(call) for call in calls]
    reason = text(choice.get("finish_reason"))
    return finished(
        head(answer_id, answer.get("created"), answer.get("model"), body), output, reason, answer.get("usage")
    )


def head(answer_id: str, created: Any, model: Any, body: Mapping[str, Any]) -> Json:
    """A response that has just begun."""
    return {
        "id": f"resp_{answer_id}",
        "object": "response",
        "created_at": created,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": text(model) or text(body.get("model")),
        "output": [],
        "previous_response_id": None,
        "store": False,
        "usage": None,
        **{key: default if body.get(key) is None else body[key] for key, default in _ECHOED.items()},
    }


def finished(begun: Json, output: Sequence[Json], reason: str, usage: Any) -> Json:
    """A response that has ended; `reason` is the chat answer's finish reason."""
    why = _INCOMPLETE.get(reason)
    return {
        **begun,
        "status": "incomplete" if why else "completed",
        "incomplete_details": {"reason": why} if why else None,
        "output": list(output),
        "usage": response_usage(usage) if usage else None,
    }


def response_usage(usage: Any) -> Json:
    """Usage in the Responses API's names."""
    tokens = tokens_of(usage)
    return {
        "input_tokens": tokens.prompt,
        "input_tokens_details": {"cached_tokens": tokens.cached, "cache_write_tokens": tokens.cache_write},
        "output_tokens": tokens.completion,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
        "total_tokens": tokens.total,
    }


def reasoning_item(answer_id: str, thought: str, signed: Sequence[Json]) -> Json | None:
    """The model's thinking; signed blocks are sealed into it, so that a caller who sends it back sends them back."""
    if not thought and not signed:
        return None
    blocks = [{key: value for key, value in block.items() if key != "index"} for block in signed]
    return {
        "id": f"rs_{answer_id}",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": thought}] if thought else [],
        **given(encrypted_content=seal(blocks) if blocks else None),
    }


def message_item(answer_id: str, parts: Sequence[Json]) -> Json:
    """What the model says."""
    return {
        "id": f"msg_{answer_id}",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": list(parts),
    }


def text_part(told: str, logprobs: Sequence[Json] = ()) -> Json:
    """A text of the model's."""
    return {"type": "output_text", "text": told, "annotations": [], "logprobs": list(logprobs)}


def call_item(call: Mapping[str, Any]) -> Json:
    """A function call; a provider's signature on it (see hub) stays on it."""
    function = table(call.get("function"))
    return {
        "id": f"fc_{text(call.get('id'))}",
        "type": "function_call",
        "status": "completed",
        "call_id": text(call.get("id")),
        "name": text(function.get("name")),
        "arguments": text(function.get("arguments")),
        **given(extra_content=call.get("extra_content")),
    }
