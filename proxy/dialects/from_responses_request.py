"""A request of the Responses API as a chat request, for providers that have no Responses API. Knows the body's keys. Pure.

Formats: https://platform.openai.com/docs/api-reference/responses/create and …/chat/create. What needs state at the provider is refused;
keys unknown to both travel on, as many servers that speak chat take keys of their own.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from proxy.dialects.from_responses_input import chat_messages
from proxy.dialects.hub import limit_key
from proxy.dialects.shapes import Json, dicts, given, is_set, list_of_texts, table, text, untranslatable

CALLER_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "messages": "input",
        "max_tokens": "max_output_tokens",
        "max_completion_tokens": "max_output_tokens",
        "reasoning_effort": "reasoning",
        "response_format": "text",
        "verbosity": "text",
        "logprobs": "include",
    }
)
"""How callers of the Responses API call the keys that this makes."""

_REFUSED: Mapping[str, str] = {
    "previous_response_id": "this provider keeps no responses: send the whole conversation as 'input'",
    "conversation": "this provider keeps no conversations: send the whole conversation as 'input'",
    "background": "this provider answers at once or not at all",
}
_DROPPED = (
    "store",
    "metadata",
    "truncation",
    "max_tool_calls",
    "safety_identifier",
    "prompt_cache_key",
    "context_management",
)
_DROPPED_TOO = ("prompt_cache_retention", "prompt_cache_options", "moderation")
_READ = frozenset(
    {
        *("model", "input", "instructions", "max_output_tokens", "stream", "stream_options", "tools", "tool_choice"),
        *("text", "reasoning", "include", "prompt", "variables"),
    }
)
_CHOICES = frozenset({"auto", "none", "required"})


def chat_request(body: Mapping[str, Any]) -> tuple[Json, tuple[str, ...]]:
    """The chat body and the caller's keys that it can't carry. Raises RequestRefused for what needs OpenAI's own API."""
    for key, reason in _REFUSED.items():
        if is_set(body.get(key)):
            raise untranslatable(f"'{key}' needs OpenAI's own Responses API: {reason}", key)
    gone = {*_DROPPED, *_DROPPED_TOO}
    out: Json = {key: value for key, value in body.items() if key not in _READ | gone | _REFUSED.keys()}
    dropped = tuple(key for key in body if key in gone and is_set(body[key]) and body[key] != "disabled")
    out["model"] = body.get("model")
    out["messages"] = chat_messages(body.get("instructions"), body.get("input"))
    if body.get("max_output_tokens"):
        out[limit_key(body.get("model"))] = body["max_output_tokens"]
    if body.get("stream"):
        out.update(stream=True, stream_options={"include_usage": True})
    if "message.output_text.logprobs" in list_of_texts(body.get("include")) or body.get("top_logprobs"):
        out["logprobs"] = True
    effort = table(body.get("reasoning")).get("effort")
    wanted = table(body.get("text"))
    out.update(given(reasoning_effort=effort, verbosity=wanted.get("verbosity")))
    if format_ := _format(table(wanted.get("format"))):
        out["response_format"] = format_
    _add_tools(out, body)
    return out, dropped


def _format(said: Mapping[str, Any]) -> Json | None:
    if said.get("type") != "json_schema":
        return dict(said) if said.get("type") not in {None, "text"} else None
    return {"type": "json_schema", "json_schema": {key: value for key, value in said.items() if key != "type"}}


def _add_tools(out: Json, body: Mapping[str, Any]) -> None:
    tools = []
    for position, tool in enumerate(dicts(body.get("tools"))):
        if tool.get("type") != "function":
            raise untranslatable(
                f"tools[{position}]: '{tool.get('type')}' is a tool that OpenAI runs or defines itself; other providers "
                "take tools of type function",
                "tools",
            )
        tools.append(
            {
                "type": "function",
                "function": {key: value for key, value in tool.items() if key != "type" and value is not None},
            }
        )
    if tools:
        out["tools"] = tools
    choice = body.get("tool_choice")
    if choice is not None and tools:
        out["tool_choice"] = _choice(choice)


def _choice(choice: Any) -> Any:
    if isinstance(choice, str) and choice in _CHOICES:
        return choice
    said = table(choice)
    if said.get("type") == "function":
        return {"type": "function", "function": {"name": text(said.get("name"))}}
    if said.get("type") == "allowed_tools":
        allowed = [{"type": "function", "function": {"name": tool.get("name")}} for tool in dicts(said.get("tools"))]
        return {"type": "allowed_tools", "allowed_tools": {"mode": said.get("mode"), "tools": allowed}}
    raise untranslatable("'tool_choice' must be auto, none, required, a function or allowed_tools", "tool_choice")
