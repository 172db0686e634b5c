"""What a scorer looks at and what it says: values, and how a recorded call becomes one. Pure.

Reads the four endpoints that answer in words: Chat Completions, Responses, Completions and Anthropic's Messages
(https://platform.openai.com/docs/api-reference, https://docs.anthropic.com/en/api/messages). Of several choices the first counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

ENDPOINTS = frozenset({"chat.completions", "responses", "completions", "messages"})
_CUT = frozenset({"length", "max_tokens", "max_output_tokens", "model_context_window_exceeded"})
_REFUSED = frozenset({"content_filter", "refusal"})
_JSON_FORMATS = frozenset({"json_object", "json_schema"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What a scorer says. `value` is None only where `parsed` is False: the answer could not be judged, and `comment` says why."""

    value: bool | float | str | None
    parsed: bool = True
    comment: str = ""


def unparsed(why: str) -> Scored:
    """No value, and the reason."""
    return Scored(value=None, parsed=False, comment=why)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call of a tool that the model asked for; `arguments` are JSON text, or the object itself where the provider gives one."""

    name: str
    arguments: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A call as scorers see it.

    `text` is the answer's; `refusal` what the provider itself marks as one. `question` is the last thing that the user said,
    `conversation` all that the model was told. `schema` is the JSON Schema that was asked for, `wants_json` whether JSON was.
    `tools` are the tools' parameter schemas by name. Durations are milliseconds, costs US dollars; None is unknown.
    """

    text: str = ""
    refusal: str = ""
    question: str = ""
    conversation: str = ""
    tool_calls: Sequence[ToolCall] = ()
    tools: Mapping[str, Any] = field(default_factory=dict)
    schema: Any = None
    wants_json: bool = False
    cut: bool = False
    filtered: bool = False
    variables: Mapping[str, Any] = field(default_factory=dict)
    request: Mapping[str, Any] = field(default_factory=dict)
    response: Mapping[str, Any] = field(default_factory=dict)
    recorded: bool = True
    duration_ms: float | None = None
    first_chunk_ms: float | None = None
    cost: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


def subject_of(call: Mapping[str, Any]) -> Subject:
    """A row of `calls` as a subject. `recorded` is False where the bodies are not on record, or not as whole JSON."""
    request, response = _object(call.get("request")), _object(call.get("response"))
    variables = _object(call.get("variables")) or {}
    cost = call.get("cost")
    told = Subject(
        request=request or {},
        response=response or {},
        variables=variables,
        recorded=request is not None and response is not None,
        cost=None if cost is None else float(cost),
        cut=call.get("finish_reason") in _CUT,
        filtered=call.get("finish_reason") in _REFUSED,
        duration_ms=call.get("duration_ms"),
        first_chunk_ms=call.get("first_chunk_ms"),
        input_tokens=call.get("input_tokens"),
        output_tokens=call.get("output_tokens"),
    )
    return told if not told.recorded else _with_answer(told, str(call.get("endpoint")))


def text_of(content: Any) -> str:
    """The text of a message's content: a string, or the text parts of a list."""
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in _objects(content) if isinstance(part.get("text"), str))


def _with_answer(told: Subject, endpoint: str) -> Subject:
    request, response = told.request, told.response
    said: dict[str, Any]
    if endpoint == "responses":
        said = _responses(request, response)
    elif endpoint == "messages":
        said = _messages(request, response)
    else:
        said = _chat(request, response)
    given = request.get("messages", request.get("input", request.get("prompt", "")))
    turns = _turns(request.get("instructions") or request.get("system"), given)
    question = next((text for role, text in reversed(turns) if role == "user"), "")
    conversation = "\n\n".join(f"{role}: {text}" for role, text in turns if text)
    return replace(told, question=question, conversation=conversation, **said)


def _chat(request: Mapping[str, Any], response: Mapping[str, Any]) -> dict[str, Any]:
    choice = next(iter(_objects(response.get("choices"))), {})
    message = _mapping(choice.get("message"))
    asked = _mapping(request.get("response_format"))
    functions = [_mapping(call.get("function")) for call in _objects(message.get("tool_calls"))]
    tools = [_mapping(tool.get("function")) for tool in _objects(request.get("tools"))]
    return {
        "text": text_of(message.get("content") if message else choice.get("text")),
        "refusal": _text(message.get("refusal")),
        "tool_calls": tuple(ToolCall(name=_text(one.get("name")), arguments=one.get("arguments")) for one in functions),
        "tools": {_text(tool.get("name")): tool.get("parameters") for tool in tools},
        "schema": _mapping(asked.get("json_schema")).get("schema"),
        "wants_json": asked.get("type") in _JSON_FORMATS,
    }


def _responses(request: Mapping[str, Any], response: Mapping[str, Any]) -> dict[str, Any]:
    output = _objects(response.get("output"))
    parts = [part for item in output if item.get("type") == "message" for part in _objects(item.get("content"))]
    texts = [_text(part.get("text")) for part in parts if part.get("type") == "output_text"]
    asked = _mapping(_mapping(request.get("text")).get("format"))
    return {
        "text": "".join(texts) or _text(response.get("output_text")),
        "refusal": "".join(_text(part.get("refusal")) for part in parts if part.get("type") == "refusal"),
        "tool_calls": tuple(
            ToolCall(name=_text(item.get("name")), arguments=item.get("arguments"))
            for item in output
            if item.get("type") == "function_call"
        ),
        "tools": {
            _text(tool.get("name")): tool.get("parameters")
            for tool in _objects(request.get("tools"))
            if tool.get("type") == "function"
        },
        "schema": asked.get("schema"),
        "wants_json": asked.get("type") in _JSON_FORMATS,
    }


def _messages(request: Mapping[str, Any], response: Mapping[str, Any]) -> dict[str, Any]:
    blocks = _objects(response.get("content"))
    asked = _mapping(request.get("output_format")) or _mapping(_mapping(request.get("output_config")).get("format"))
    return {
        "text": "".join(_text(block.get("text")) for block in blocks if block.get("type") == "text"),
        "tool_calls": tuple(
            ToolCall(name=_text(block.get("name")), arguments=block.get("input"))
            for block in blocks
            if block.get("type") == "tool_use"
        ),
        "tools": {
            _text(tool.get("name")): tool["input_schema"]
            for tool in _objects(request.get("tools"))
            if "input_schema" in tool
        },
        "schema": asked.get("schema"),
        "wants_json": asked.get("type") in _JSON_FORMATS,
    }


def _turns(system: Any, given: Any) -> list[tuple[str, str]]:
    """Who said what, in turn."""
    turns = [("system", text_of(system))] if system else []
    if isinstance(given, str):
        return [*turns, ("user", given)]
    return [
        *turns,
        *((_text(one.get("role")) or "user", text_of(one.get("content"))) for one in _objects(given)),
    ]


def _object(body: Any) -> dict[str, Any] | None:
    try:
        found = orjson.loads(body) if isinstance(body, str | bytes) and body else None
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
