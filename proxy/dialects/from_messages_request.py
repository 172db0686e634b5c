"""Anthropic's request as a chat request, for callers with Anthropic's SDK and any other provider. Knows the body's keys. Pure.

Formats: https://docs.anthropic.com/en/api/messages and https://platform.openai.com/docs/api-reference/chat/create. Keys unknown to both
travel on: many servers that speak chat take keys of their own.
"""

from collections.abc import Mapping
from typing import Any

from proxy.dialects.from_messages_content import chat_messages
from proxy.dialects.hub import limit_key
from proxy.dialects.shapes import Json, dicts, given, is_set, list_of_texts, table, text, untranslatable
from proxy.dialects.to_messages_thinking import effort_of

CALLER_NAMES: Mapping[str, str] = {
    "max_completion_tokens": "max_tokens",
    "stop": "stop_sequences",
    "response_format": "output_config",
    "reasoning_effort": "thinking",
    "parallel_tool_calls": "tool_choice",
    "user": "metadata",
}
"""How Anthropic's callers call the keys that this makes."""

_DROPPED = frozenset({"cache_control", "context_management", "speed"})
_REFUSED: Mapping[str, str] = {
    "mcp_servers": "its MCP servers can't be reached by other providers",
    "container": "it names a container at Anthropic",
    "inference_geo": "other providers can't promise where a model runs",
}
_READ = frozenset(
    {
        *("model", "messages", "system", "max_tokens", "stop_sequences", "stream", "tools", "tool_choice", "thinking"),
        *("output_config", "output_format", "metadata", "service_tier", "prompt", "variables"),
    }
)
_TOOL_CHOICES: Mapping[str, str] = {"auto": "auto", "any": "required", "none": "none"}


def chat_request(body: Mapping[str, Any]) -> tuple[Json, tuple[str, ...]]:
    """The chat body and the caller's keys that it can't carry. Raises RequestRefused for what a chat can't say."""
    for key, reason in _REFUSED.items():
        if is_set(body.get(key)):
            raise untranslatable(f"'{key}' only works with Anthropic's own API: {reason}", key)
    out: Json = {key: value for key, value in body.items() if key not in _READ | _DROPPED | _REFUSED.keys()}
    dropped = [key for key in _DROPPED if is_set(body.get(key))]
    out["model"] = body.get("model")
    out["messages"] = chat_messages(body.get("system"), body.get("messages") or [])
    if body.get("max_tokens"):
        out[limit_key(body.get("model"))] = body["max_tokens"]
    if stops := list_of_texts(body.get("stop_sequences")):
        out["stop"] = stops
    if body.get("stream"):
        out.update(stream=True, stream_options={"include_usage": True})
    _add_tools(out, body)
    _add_thinking_and_format(out, body)
    metadata, tier = table(body.get("metadata")), text(body.get("service_tier"))
    out.update(given(user=text(metadata.get("user_id")) or None))
    if tier:
        out["service_tier"] = "default" if tier == "standard_only" else tier
    return out, tuple(dropped)


def _add_tools(out: Json, body: Mapping[str, Any]) -> None:
    if tools := [_tool(tool, position) for position, tool in enumerate(dicts(body.get("tools")))]:
        out["tools"] = tools
    choice = table(body.get("tool_choice"))
    if choice.get("type") == "tool":
        out["tool_choice"] = {"type": "function", "function": {"name": text(choice.get("name"))}}
    elif choice.get("type") in _TOOL_CHOICES:
        out["tool_choice"] = _TOOL_CHOICES[choice["type"]]
    if choice.get("disable_parallel_tool_use"):
        out["parallel_tool_calls"] = False


def _tool(tool: Mapping[str, Any], position: int) -> Json:
    if tool.get("type") not in {None, "custom"} and "input_schema" not in tool:
        raise untranslatable(
            f"tools[{position}]: '{tool.get('type')}' is a tool of Anthropic's own; other providers take tools with an "
            "input_schema",
            "tools",
        )
    function = given(
        name=tool.get("name"),
        description=tool.get("description"),
        parameters=tool.get("input_schema"),
        strict=tool.get("strict"),
    )
    return {"type": "function", "function": function}


def _add_thinking_and_format(out: Json, body: Mapping[str, Any]) -> None:
    config = table(body.get("output_config"))
    effort = text(config.get("effort")) or effort_of(table(body.get("thinking")))
    if effort and table(body.get("thinking")).get("type") != "disabled":
        out["reasoning_effort"] = effort
    wanted = table(config.get("format")) or table(body.get("output_format"))
    if wanted.get("type") == "json_schema":
        schema = {"name": "answer", "schema": wanted.get("schema"), "strict": True}
        out["response_format"] = {"type": "json_schema", "json_schema": schema}
