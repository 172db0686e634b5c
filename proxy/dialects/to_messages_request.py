"""A chat request as Anthropic's. Knows the body's keys; conversation, schema and thinking are modules of their own. Pure.

Formats: https://platform.openai.com/docs/api-reference/chat/create and https://docs.anthropic.com/en/api/messages. Keys that are
Anthropic's own pass as they are. What would change the meaning is refused; what only tunes the sampling or the bill is dropped and named.
"""

from collections.abc import Mapping
from typing import Any

from proxy.dialects.shapes import Json, dicts, given, is_set, left_over, list_of_texts, table, text, untranslatable
from proxy.dialects.to_messages_content import system_and_messages
from proxy.dialects.to_messages_schema import output_schema
from proxy.dialects.to_messages_thinking import limit_and_thinking, sampling_keys, thinks_by_budget

JSON_TOOL = "json_object"
"""Anthropic has no JSON mode without a schema: a tool of this name, which the model must use, stands in for it. Its input is the answer."""

_OWN = frozenset(
    {
        *("thinking", "top_k", "cache_control", "mcp_servers", "container", "context_management", "inference_geo"),
        *("output_config", "speed"),
    }
)
_READ = frozenset(
    {
        *("model", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "stop", "stream", "n"),
        *("stream_options", "tools", "tool_choice", "parallel_tool_calls", "response_format", "reasoning_effort"),
        *("user", "safety_identifier", "metadata", "service_tier", "modalities", "prompt", "variables"),
    }
)
_REFUSED: Mapping[str, str] = {
    "audio": "Anthropic's models make no audio",
    "logprobs": "Anthropic gives no log probabilities",
    "web_search_options": "name Anthropic's web search under 'tools' instead, as in "
    '{"type": "web_search_20250305", "name": "web_search"}',
    "functions": "'functions' is an old form that has no counterpart: use 'tools'",
    "function_call": "'function_call' is an old form that has no counterpart: use 'tool_choice'",
}
_TIERS: Mapping[str, str] = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
_TOOL_CHOICES: Mapping[str, str] = {"auto": "auto", "none": "none", "required": "any"}


def messages_request(body: Mapping[str, Any]) -> tuple[Json, tuple[str, ...]]:
    """Anthropic's body and the caller's keys that it can't carry.

    Raises RequestRefused (`request_not_translatable`) for what Anthropic's format can't say.
    """
    _refuse(body)
    system, messages = system_and_messages(body.get("messages") or [])
    out: Json = {"model": body.get("model"), "messages": messages}
    dropped = list(left_over(body, _READ | _OWN))
    if system:
        plain = len(system) == 1 and set(system[0]) == {"type", "text"}
        out["system"] = system[0]["text"] if plain else system
    _add_tools(out, body)
    _add_limits(out, body, dropped)
    if body.get("stream"):
        out["stream"] = True
    if stops := list_of_texts(body.get("stop")):
        out["stop_sequences"] = stops
    for key in _OWN & body.keys():
        out[key] = {**table(out.get(key)), **body[key]} if key == "output_config" else body[key]
    _add_format(out, body)
    _add_sampling(out, body, dropped)
    _add_person(out, body, dropped)
    return out, tuple(dict.fromkeys(dropped))


def makes_json(body: Mapping[str, Any]) -> bool:
    """Whether the caller asked for JSON without a schema."""
    return table(body.get("response_format")).get("type") == "json_object"


def _refuse(body: Mapping[str, Any]) -> None:
    for key, reason in _REFUSED.items():
        if is_set(body.get(key)):
            raise untranslatable(f"'{key}' can't be sent to an Anthropic model: {reason}", key)
    if body.get("n") not in {None, 1}:
        raise untranslatable("'n' must be 1 for an Anthropic model: it gives one answer at a time", "n")
    if other := [kind for kind in list_of_texts(body.get("modalities")) if kind != "text"]:
        raise untranslatable(f"'modalities' must be [\"text\"] for an Anthropic model, not {other[0]}", "modalities")


def _add_tools(out: Json, body: Mapping[str, Any]) -> None:
    tools = [_tool(tool, position) for position, tool in enumerate(dicts(body.get("tools")))]
    choice, only = _choice(body.get("tool_choice"))
    if only is not None:
        tools = [tool for tool in tools if tool.get("name") in only]
    if tools:
        out["tools"] = tools
        if body.get("parallel_tool_calls") is False and (choice or {}).get("type") != "none":
            choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    if choice and tools:
        out["tool_choice"] = choice


def _tool(tool: Mapping[str, Any], position: int) -> Json:
    function = tool.get("function")
    if isinstance(function, dict):
        mark = tool.get("cache_control") or function.get("cache_control")
        return {
            "name": function.get("name"),
            **({"description": function["description"]} if function.get("description") else {}),
            "input_schema": function.get("parameters") or {"type": "object", "properties": {}},
            **({"strict": True} if function.get("strict") else {}),
            **({"cache_control": mark} if mark else {}),
        }
    if tool.get("type") in {None, "function", "custom"} and "input_schema" not in tool:
        raise untranslatable(
            f"tools[{position}]: a tool of type '{tool.get('type')}' has no counterpart in Anthropic's Messages; "
            "function tools and Anthropic's own have",
            "tools",
        )
    return dict(tool)


def _choice(choice: Any) -> tuple[Json | None, frozenset[str] | None]:
    """Anthropic's tool choice, and the names of the only tools allowed, where the caller names them."""
    if isinstance(choice, str) and choice in _TOOL_CHOICES:
        return {"type": _TOOL_CHOICES[choice]}, None
    said = table(choice)
    if isinstance(said.get("function"), dict):
        return {"type": "tool", "name": said["function"].get("name")}, None
    if said.get("type") == "allowed_tools":
        allowed = table(said.get("allowed_tools"))
        names = (text(table(tool.get("function")).get("name")) for tool in dicts(allowed.get("tools")))
        return {"type": _TOOL_CHOICES.get(text(allowed.get("mode")), "auto")}, frozenset(names)
    if said.get("type") in {"auto", "any", "tool", "none"}:
        return dict(said), None
    if choice is None:
        return None, None
    raise untranslatable(
        "'tool_choice' must be auto, none, required, a function or allowed_tools for an Anthropic model", "tool_choice"
    )


def _add_limits(out: Json, body: Mapping[str, Any], dropped: list[str]) -> None:
    """The output limit and thinking, which share it."""
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    effort, model = body.get("reasoning_effort"), text(body.get("model"))
    forced = table(out.get("tool_choice")).get("type") in {"any", "tool"}
    unsigned = thinks_by_budget(model) and _in_unsigned_tool_loop(out["messages"])
    if effort not in {None, "none"} and (forced or unsigned or body.get("thinking")):
        # Anthropic refuses thinking with a tool that must be used, and (with a budget) a tool loop whose thinking was not sent back.
        if not body.get("thinking"):
            dropped.append("reasoning_effort")
        effort = None
    out["max_tokens"], thinking, carried = limit_and_thinking(model, limit, effort)
    out.update(thinking)
    if not carried:
        dropped.append("reasoning_effort")


def _in_unsigned_tool_loop(messages: list[Json]) -> bool:
    answers = [message["content"] for message in messages if message["role"] == "assistant"]
    if not answers or messages[-1]["content"][0].get("type") != "tool_result":
        return False
    return not any(block["type"] in {"thinking", "redacted_thinking"} for block in answers[-1])


def _add_format(out: Json, body: Mapping[str, Any]) -> None:
    wanted = table(body.get("response_format"))
    kind = wanted.get("type")
    if kind == "json_schema":
        schema = table(table(wanted.get("json_schema")).get("schema"))
        format_ = {"type": "json_schema", "schema": output_schema(schema)}
        out["output_config"] = {**table(out.get("output_config")), "format": format_}
    elif kind == "json_object":
        if out.get("tools") or table(out.get("thinking")).get("type") in {"enabled", "adaptive"}:
            raise untranslatable(
                "'response_format' json_object can't be had from an Anthropic model together with tools or reasoning: "
                "use json_schema",
                "response_format",
            )
        tool = {
            "name": JSON_TOOL,
            "description": "Gives the answer as one JSON object.",
            "input_schema": {"type": "object"},
        }
        out.update(tools=[tool], tool_choice={"type": "tool", "name": JSON_TOOL})
    elif kind not in {None, "text"}:
        raise untranslatable(
            f"'response_format' of type '{kind}' has no counterpart: use json_schema", "response_format"
        )


def _add_sampling(out: Json, body: Mapping[str, Any], dropped: list[str]) -> None:
    """Temperature goes to 2 with OpenAI and to 1 with Anthropic: above that it is sent as 1, and named as not carried.

    While it thinks, Anthropic takes no temperature but 1, no top_k, and a top_p of 0.95 at least; by model see `sampling_keys`.
    """
    taken = sampling_keys(text(body.get("model")))
    thinking = table(out.get("thinking")).get("type") in {"enabled", "adaptive"}
    temperature, top_p = body.get("temperature"), body.get("top_p")
    if isinstance(temperature, int | float):
        sent = None if thinking or not taken else min(temperature, 1)
        out.update(given(temperature=sent))
        if temperature != (1 if sent is None else sent):
            dropped.append("temperature")
    if isinstance(top_p, int | float):
        if taken > ("temperature" in out) and not (thinking and top_p < 0.95):
            out["top_p"] = top_p
        elif top_p != 1:
            dropped.append("top_p")
    if (thinking or not taken) and out.pop("top_k", None) is not None:
        dropped.append("top_k")


def _add_person(out: Json, body: Mapping[str, Any], dropped: list[str]) -> None:
    metadata = table(body.get("metadata"))
    user = text(body.get("safety_identifier")) or text(body.get("user")) or text(metadata.get("user_id"))
    if user:
        out["metadata"] = {"user_id": user}
    if metadata.keys() - {"user_id"}:
        dropped.append("metadata")
    tier = text(body.get("service_tier"))
    if tier in _TIERS:
        out["service_tier"] = _TIERS[tier]
    elif tier:
        dropped.append("service_tier")
