"""What was said in a call, as the GenAI conventions have messages: roles and parts. Pure.

Reads the bodies on record in the callers' own dialects (chat completions, completions, responses, messages). The shape of a message:
https://github.com/open-telemetry/semantic-conventions-genai/tree/main/model/gen-ai. What isn't understood stays as it is, in a part
of its own type; nothing here raises.
"""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Part = dict[str, Any]
Message = dict[str, Any]

_TEXTS = {"text", "input_text", "output_text", "refusal"}
_FINISH = {
    "tool_calls": "tool_call",
    "tool_use": "tool_call",
    "end_turn": "stop",
    "completed": "stop",
    "max_tokens": "length",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What went in and what came out; `tools` are the definitions as they were sent."""

    instructions: tuple[Part, ...] = ()
    messages: tuple[Message, ...] = ()
    answers: tuple[Message, ...] = ()
    tools: tuple[Any, ...] = ()


def read_content(request: str, response: str) -> Content:
    """The content of a call's bodies; empty where they are not on record, or no JSON."""
    asked, answered = _object(request), _object(response)
    instructions = asked.get("instructions") or asked.get("system")
    messages = [*_input(asked.get("messages")), *_input(asked.get("input"))]
    prompt = asked.get("prompt")
    if isinstance(prompt, str):
        messages.append({"role": "user", "parts": [_text(prompt)]})
    return Content(
        instructions=tuple(_parts(instructions)),
        messages=tuple(messages),
        answers=tuple(_answers(answered)),
        tools=tuple(tools) if isinstance(tools := asked.get("tools"), list) else (),
    )


def _input(given: Any) -> list[Message]:
    if isinstance(given, str):
        return [{"role": "user", "parts": [_text(given)]}]
    if not isinstance(given, list):
        return []
    return [_message(each) for each in given if isinstance(each, dict)] + [
        {"role": "user", "parts": [_text(each)]} for each in given if isinstance(each, str)
    ]


def _message(given: Mapping[str, Any]) -> Message:
    """A message of any dialect, or an item of the Responses API's input."""
    kind = given.get("type")
    if kind == "function_call":
        return {"role": "assistant", "parts": [_call(given.get("call_id"), given.get("name"), given.get("arguments"))]}
    if kind == "function_call_output":
        return {"role": "tool", "parts": [_result(given.get("call_id"), given.get("output"))]}
    role = given.get("role") if isinstance(given.get("role"), str) else "user"
    if role == "tool":
        return {"role": "tool", "parts": [_result(given.get("tool_call_id"), given.get("content"))]}
    parts = _parts(given.get("content"))
    if isinstance(thought := given.get("reasoning_content"), str) and thought:
        parts.insert(0, {"type": "reasoning", "content": thought})
    if isinstance(refusal := given.get("refusal"), str):
        parts.append(_text(refusal))
    for call in given.get("tool_calls") or () if isinstance(given.get("tool_calls"), list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            parts.append(_call(call.get("id"), function.get("name"), function.get("arguments")))
    name = given.get("name")
    return {"role": role, "parts": parts, **({"name": name} if isinstance(name, str) else {})}


def _parts(content: Any) -> list[Part]:
    if isinstance(content, str):
        return [_text(content)]
    if not isinstance(content, list):
        return []
    return [_part(each) for each in content]


def _part(given: Any) -> Part:  # noqa: PLR0911 - a table of kinds
    if not isinstance(given, dict):
        return _text(str(given))
    kind = given.get("type")
    if kind in _TEXTS:
        return _text(given.get("text") or given.get("refusal") or "")
    if kind == "tool_use":
        return _call(given.get("id"), given.get("name"), given.get("input"))
    if kind == "tool_result":
        return _result(given.get("tool_use_id"), given.get("content"))
    if kind == "thinking":
        return {"type": "reasoning", "content": str(given.get("thinking", ""))}
    if kind == "image_url":
        image = given.get("image_url")
        return _image(image.get("url") if isinstance(image, dict) else image)
    return {**given, "type": kind if isinstance(kind, str) else "unknown"}


def _image(url: Any) -> Part:
    head, comma, data = str(url).partition(",")
    if comma and head.startswith("data:"):  # RFC 2397
        kind = head.removeprefix("data:").partition(";")[0]
        return {"type": "blob", "modality": "image", "mime_type": kind, "content": data}
    return {"type": "uri", "modality": "image", "uri": str(url)}


def _answers(answer: Mapping[str, Any]) -> list[Message]:
    choices = answer.get("choices")
    if isinstance(choices, list):
        return [_choice(each) for each in choices if isinstance(each, dict)]
    output = answer.get("output")
    if isinstance(output, list):  # the Responses API: one answer in several items
        parts: list[Part] = []
        for item in output:
            if isinstance(item, dict):
                parts += _item(item)
        return [_answer(parts, answer.get("status"))] if parts else []
    if isinstance(answer.get("content"), list):  # the Messages API
        return [_answer(_parts(answer["content"]), answer.get("stop_reason"))]
    return []


def _item(item: Mapping[str, Any]) -> list[Part]:
    kind = item.get("type")
    if kind == "message":
        return _parts(item.get("content"))
    if kind == "function_call":
        return [_call(item.get("call_id"), item.get("name"), item.get("arguments"))]
    if kind == "reasoning":
        summary = item.get("summary") if isinstance(item.get("summary"), list) else []
        texts = [str(each.get("text", "")) for each in summary or () if isinstance(each, dict)]
        return [{"type": "reasoning", "content": "\n".join(texts)}] if texts else []
    return [{**item, "type": kind if isinstance(kind, str) else "unknown"}]


def _choice(choice: Mapping[str, Any]) -> Message:
    message = choice.get("message")
    if not isinstance(message, dict):
        return _answer([_text(choice.get("text", ""))], choice.get("finish_reason"))
    return _answer(_message({**message, "role": "assistant"})["parts"], choice.get("finish_reason"))


def _answer(parts: list[Part], reason: Any) -> Message:
    told = _FINISH.get(reason, reason) if isinstance(reason, str) else None
    return {"role": "assistant", "parts": parts, **({"finish_reason": told} if told else {})}


def _text(text: Any) -> Part:
    return {"type": "text", "content": str(text)}


def _call(call_id: Any, name: Any, arguments: Any) -> Part:
    if isinstance(arguments, str):
        with contextlib.suppress(ValueError):
            arguments = json.loads(arguments)
    return {"type": "tool_call", "id": call_id, "name": name if isinstance(name, str) else "", "arguments": arguments}


def _result(call_id: Any, result: Any) -> Part:
    return {"type": "tool_call_response", "id": call_id, "response": result}


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text) if text else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
