"""What a prompt asks for beside its words (model, parameters, tools, response format), from the spellings other tools use.

Knows Chat Completions' names (https://platform.openai.com/docs/api-reference/chat/create) and their variants in Responses,
in camel case and in Gemini's style. Refuses to guess: a key that it doesn't know is named in a note and left out, because a
provider would refuse it, or worse, take it for something else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from registry.values import Content

_PARAMETERS = frozenset(
    {
        *("temperature", "top_p", "top_k", "min_p", "max_tokens", "max_completion_tokens", "stop", "seed", "n"),
        *("frequency_penalty", "presence_penalty", "repetition_penalty", "logit_bias", "logprobs", "top_logprobs"),
        *("reasoning_effort", "verbosity", "tool_choice", "parallel_tool_calls", "service_tier", "modalities", "audio"),
        *("prediction", "web_search_options", "thinking", "store", "metadata", "user", "safety_identifier"),
    }
)
_ALIASES = {
    "max_output_tokens": "max_completion_tokens",
    "max_new_tokens": "max_tokens",
    "stop_sequences": "stop",
    "function_call": "tool_choice",
}
_MODEL = ("model", "model_name", "model_id")
_ALSO = frozenset({"tools", "functions", "response_format", "text", "reasoning"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSettings:
    """What a version asks for beside its messages, and sentences about what was left out."""

    model: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tools: tuple[Mapping[str, Any], ...] | None = None
    response_format: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()

    def onto(self, content: Content) -> Content:
        """The content with these settings."""
        return replace(
            content,
            model=self.model,
            parameters=self.parameters,
            tools=self.tools,
            response_format=self.response_format,
        )


def call_settings(config: Any, *, what: str = "config", silent: frozenset[str] = frozenset()) -> CallSettings:
    """The settings that a configuration object holds. Keys in `silent` are passed over without a note."""
    if config is None or config == {}:
        return CallSettings()
    if not isinstance(config, Mapping):
        return CallSettings(notes=(f"{what} is not carried over: it is no object but {shown(config)}",))
    parameters: dict[str, Any] = {}
    others: dict[str, Any] = {}
    notes = []
    for given, value in config.items():
        name = _ALIASES.get(snake(str(given)), snake(str(given)))
        if value is None or str(given) in silent:
            continue
        if name in _PARAMETERS:
            parameters.setdefault(name, value)
        elif name in _MODEL or name in _ALSO:
            others.setdefault("model" if name in _MODEL else name, value)
        else:
            notes.append(f"{what}.{given} is not carried over: {shown(value)}")
    model = others.get("model")
    if model is not None and (not isinstance(model, str) or not model):
        notes.append(f"{what}.model is not carried over: it is no name but {shown(model)}")
        model = None
    tools = _tools(others, what, notes)
    response_format = _response_format(others, what, notes)
    _reasoning(others.get("reasoning"), parameters, what, notes)
    if isinstance(text := others.get("text"), Mapping) and isinstance(text.get("verbosity"), str):
        parameters.setdefault("verbosity", text["verbosity"])
    return CallSettings(
        model=model, parameters=parameters, tools=tools, response_format=response_format, notes=tuple(notes)
    )


def snake(name: str) -> str:
    """A name in snake case.

    >>> snake("maxOutputTokens")
    'max_output_tokens'
    """
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name.replace("-", "_")).lower()


def shown(value: Any) -> str:
    """A value for a sentence: its JSON, cut to a length that people read."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _tools(others: Mapping[str, Any], what: str, notes: list[str]) -> tuple[Mapping[str, Any], ...] | None:
    listed = others.get("tools")
    functions = others.get("functions")
    if isinstance(functions, list):  # Chat Completions' older name
        listed = [*(listed or []), *({"type": "function", "function": each} for each in functions)]
    if listed is None:
        return None
    if not isinstance(listed, list) or not all(isinstance(tool, Mapping) for tool in listed):
        notes.append(f"{what}.tools is not carried over: it is no list of tool definitions but {shown(listed)}")
        return None
    return tuple(_nested(tool) for tool in listed) or None


def _nested(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """Responses writes a function's fields beside its type, Chat Completions below `function`."""
    if tool.get("type") != "function" or "function" in tool or "name" not in tool:
        return tool
    return {"type": "function", "function": {name: value for name, value in tool.items() if name != "type"}}


def _response_format(others: Mapping[str, Any], what: str, notes: list[str]) -> Mapping[str, Any] | None:
    given = others.get("response_format")
    text = others.get("text")
    if given is None and isinstance(text, Mapping):
        given = text.get("format")
    if given in ("json", "json_object"):
        return {"type": "json_object"}
    if given in ("text", None) or given == {"type": "text"}:
        return None
    if not isinstance(given, Mapping):
        notes.append(f"{what}.response_format is not carried over: it is no object but {shown(given)}")
        return None
    if given.get("type") == "json_schema" and "schema" in given and "json_schema" not in given:
        return {"type": "json_schema", "json_schema": {name: value for name, value in given.items() if name != "type"}}
    return given


def _reasoning(given: Any, parameters: dict[str, Any], what: str, notes: list[str]) -> None:
    if given is None:
        return
    effort = given.get("effort") if isinstance(given, Mapping) else None
    if isinstance(effort, str):
        parameters.setdefault("reasoning_effort", effort)
    if not isinstance(given, Mapping) or set(given) - {"effort"}:
        rest = (
            {name: value for name, value in given.items() if name != "effort"} if isinstance(given, Mapping) else given
        )
        notes.append(f"{what}.reasoning is not carried over in full: {shown(rest)}")
