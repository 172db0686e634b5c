"""OpenAI's Responses API: how a version is spelled there, and what an answer says of itself. Pure.

Versions are stored in Chat Completions' terms; the same version serves both endpoints. Formats:
https://platform.openai.com/docs/api-reference/responses and …/responses-streaming.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from proxy.errors import RequestRefused
from proxy.merge import Shape, place
from proxy.tally import Tally, count, counted, details, error_text, input_kinds, tally_whole, text
from registry.values import Content

ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "error"})
"""Types of the event that ends a stream."""

_OPEN = frozenset({"queued", "in_progress"})
"""A response's statuses before it has finished."""

_RENAMED = {
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "response_format": "text",
    "reasoning_effort": "reasoning",
}


def response_defaults(content: Content) -> dict[str, Any]:
    """A version's parameters, tools and response format under the Responses API's names."""
    defaults: dict[str, Any] = {}
    for key, value in content.parameters.items():
        defaults[_RENAMED.get(key, key)] = {"effort": value} if key == "reasoning_effort" else value
    if content.tools:
        defaults["tools"] = [_tool(tool) for tool in content.tools]
    if content.response_format:
        defaults["text"] = {"format": _format(content.response_format)}
    return defaults


def response_input(messages: Sequence[Mapping[str, Any]], body: Mapping[str, Any]) -> dict[str, Any]:
    """The version's messages as input items, and the caller's input after them or at the placeholder."""
    given = body.get("input")
    if given is None:
        caller: list[Any] = []
    elif isinstance(given, str):
        caller = [{"role": "user", "content": given}]
    elif isinstance(given, list):
        caller = given
    else:
        raise RequestRefused("'input' must be a text or a list of items", code="request_invalid", param="input")
    return {"input": place([item for message in messages for item in _items(message)], caller)}


RESPONSES = Shape(keys=("input",), conversation=response_input, defaults=response_defaults, renamed=_RENAMED)


def tally_response(body: bytes) -> Tally:
    """The tally of a response that came whole."""
    return tally_whole(body, _tally)


def tally_response_events(payloads: Iterable[bytes], *, complete: bool) -> Tally:
    """The tally of a stream: its last event carries the whole response; of a broken one, the text that had come."""
    answer: dict[str, Any] = {}
    parts: list[str] = []
    error = ""
    for payload in payloads:
        try:
            event = orjson.loads(payload)
        except orjson.JSONDecodeError:
            continue
        if not isinstance(event, dict):
            continue
        if isinstance(event.get("response"), dict):
            answer = event["response"]
        if event.get("type") == "response.output_text.delta":
            parts.append(text(event.get("delta")))
        if event.get("type") == "error":
            error = error_text(event.get("error") or event)
    if not complete or not answer.get("output"):
        answer = {**answer, "output_text": "".join(parts)}
    return _tally({**answer, **({"error": error} if error else {})}, orjson.dumps(answer).decode(), complete=complete)


def ends_response(payload: bytes) -> bool:
    """Whether an event's data is that of a stream's last event."""
    if not any(kind.encode() in payload[:200] for kind in ENDS):
        return False
    try:
        event = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return False
    return isinstance(event, dict) and event.get("type") in ENDS


def _tally(answer: Mapping[str, Any], recorded: str, *, complete: bool) -> Tally:
    usage = counted(details(answer, "usage"))
    inputs, outputs = details(usage, "input_tokens_details"), details(usage, "output_tokens_details")
    status = text(answer.get("status"))
    return Tally(
        model=text(answer.get("model")),
        response_id=text(answer.get("id")),
        finish_reason=text(details(answer, "incomplete_details").get("reason")) or ("" if status in _OPEN else status),
        input_tokens=count(usage.get("input_tokens")),
        cached_input_tokens=count(inputs.get("cached_tokens")),
        output_tokens=count(usage.get("output_tokens")),
        audio_output_tokens=count(outputs.get("audio_tokens")),
        reasoning_tokens=count(outputs.get("reasoning_tokens")),
        usage_source="provider" if usage else "none" if complete else "partial",
        response=recorded,
        error=error_text(answer["error"]) if answer.get("error") else "",
        **input_kinds(inputs),
    )


def _items(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A message of Chat Completions as items: calls of tools and their results are items of their own."""
    role, content = message["role"], message.get("content")
    if role == "placeholder":
        return [dict(message)]
    if isinstance(content, list):
        content = [_part(part, role) for part in content]
    if role == "tool":
        return [{"type": "function_call_output", "call_id": message.get("tool_call_id", ""), "output": content}]
    calls = message.get("tool_calls") or ()
    said = {**message, "content": content}
    said.pop("tool_calls", None)
    items = [said] if content or not calls else []
    for call in calls:
        function = call.get("function") or {}
        named = {"name": function.get("name", ""), "arguments": function.get("arguments", "")}
        items.append({"type": "function_call", "call_id": call.get("id", ""), **named})
    return items


def _part(part: Mapping[str, Any], role: str) -> dict[str, Any]:
    """A content part of Chat Completions as one of the Responses API."""
    kind = part.get("type")
    if kind == "text":
        return {"type": "output_text" if role == "assistant" else "input_text", "text": part["text"]}
    if kind == "image_url":
        image = part["image_url"]
        return {
            "type": "input_image",
            "image_url": image["url"],
            **({"detail": image["detail"]} if "detail" in image else {}),
        }
    if kind == "file":
        return {"type": "input_file", **part["file"]}
    return dict(part)


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "function", **tool["function"]} if isinstance(tool.get("function"), dict) else dict(tool)


def _format(given: Mapping[str, Any]) -> dict[str, Any]:
    schema = given.get("json_schema")
    return {"type": "json_schema", **schema} if isinstance(schema, dict) else dict(given)
