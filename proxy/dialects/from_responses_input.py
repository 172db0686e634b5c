"""The Responses API's instructions and input items as a chat conversation. Knows items and nothing of the request around them. Pure.

Format: https://platform.openai.com/docs/api-reference/responses/create. Without the provider's state an item must say all by itself: what
names something that OpenAI keeps, or was made by a tool that runs there, is refused.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import orjson

from proxy.dialects.hub import tool_call
from proxy.dialects.shapes import Json, dicts, given, joined_text, parts_of, text, untranslatable


def chat_messages(instructions: Any, items: Any) -> list[Json]:
    """The conversation. Developers' messages are called system ones: that is what servers other than OpenAI's know."""
    messages: list[Json] = []
    if isinstance(instructions, str) and instructions:
        _instruct(messages, instructions)
    elif isinstance(instructions, list):
        items = [*instructions, *([{"role": "user", "content": items}] if isinstance(items, str) else items or [])]
    if isinstance(items, str):
        messages.append({"role": "user", "content": items})
        return messages
    for position, item in enumerate(dicts(items)):
        _add(messages, item, f"input[{position}]")
    return messages


def seal(blocks: Sequence[Json]) -> str:
    """Signed thinking blocks as a reasoning item's `encrypted_content`, which callers send back as it came."""
    return base64.b64encode(orjson.dumps(list(blocks))).decode()


def _unsealed(sealed: Any) -> list[Json]:
    """The blocks again; none if another provider made the item: its thoughts mean nothing here."""
    try:
        return dicts(orjson.loads(base64.b64decode(text(sealed), validate=True)))
    except (binascii.Error, orjson.JSONDecodeError):
        return []


def _add(messages: list[Json], item: Json, where: str) -> None:
    kind = item.get("type") or "message"
    if kind == "message" and "role" in item:
        _message(messages, item, where)
    elif kind == "function_call":
        call = tool_call(text(item.get("call_id")), text(item.get("name")), text(item.get("arguments")))
        call.update(given(extra_content=item.get("extra_content")))
        _assistant(messages).setdefault("tool_calls", []).append(call)
    elif kind == "function_call_output":
        _output(messages, item, where)
    elif kind == "reasoning":
        _reason(messages, item)
    else:
        raise untranslatable(
            f"{where}: an item of type '{kind}' needs OpenAI's own Responses API; messages, reasoning, function_call and "
            "function_call_output go to any provider",
            "input",
        )


def _instruct(messages: list[Json], told: str) -> None:
    """Instructions in a row become one message: several are more than some servers' chat templates take."""
    if messages and messages[-1]["role"] == "system":
        messages[-1]["content"] += f"\n\n{told}"
    elif told:
        messages.append({"role": "system", "content": told})


def _message(messages: list[Json], item: Json, where: str) -> None:
    role, content = text(item.get("role")), item.get("content")
    if role in {"system", "developer"}:
        _instruct(messages, joined_text(content, "\n\n"))
    elif role == "assistant":
        message = _assistant(messages)
        if message["content"] is not None or message.get("tool_calls"):
            message = _new_assistant(messages)
        message["content"] = joined_text(content)
    elif isinstance(content, str):
        messages.append({"role": "user", "content": content})
    else:
        messages.append({"role": "user", "content": [_part(part, where) for part in parts_of(content)]})


def _assistant(messages: list[Json]) -> Json:
    """The assistant's message that items belong to: reasoning, text and calls in a row are one message of a chat."""
    if messages and messages[-1]["role"] == "assistant":
        return messages[-1]
    return _new_assistant(messages)


def _new_assistant(messages: list[Json]) -> Json:
    messages.append({"role": "assistant", "content": None})
    return messages[-1]


def _reason(messages: list[Json], item: Json) -> None:
    message = _assistant(messages)
    if message["content"] is not None or message.get("tool_calls"):
        message = _new_assistant(messages)
    told = joined_text(item.get("content")) or joined_text(item.get("summary"), "\n\n")
    message.update(
        given(reasoning_content=told or None, thinking_blocks=_unsealed(item.get("encrypted_content")) or None)
    )


def _output(messages: list[Json], item: Json, where: str) -> None:
    """A tool's result. A tool message of a chat takes text only: what else a tool gave follows as the user's."""
    given_output = item.get("output")
    call_id = text(item.get("call_id"))
    parts = dicts(given_output)
    texts = [part for part in parts if part.get("type") in {"input_text", "output_text", "text"}]
    told = given_output if isinstance(given_output, str) else joined_text(texts, "\n")
    messages.append({"role": "tool", "tool_call_id": call_id, "content": told})
    if others := [_part(part, where) for part in parts if part not in texts]:
        messages.append({"role": "user", "content": others})


def _part(part: Json, where: str) -> Json:
    kind = part.get("type")
    if kind in {"input_text", "output_text", "text"}:
        return {"type": "text", "text": text(part.get("text")), **given(cache_control=part.get("cache_control"))}
    if kind == "input_image" and part.get("image_url"):
        return {"type": "image_url", "image_url": given(url=part["image_url"], detail=part.get("detail"))}
    if kind == "input_file":
        data = part.get("file_data") or part.get("file_url")
        return {
            "type": "file",
            "file": given(file_data=data, file_id=part.get("file_id"), filename=part.get("filename")),
        }
    if kind == "input_audio":
        return {"type": "input_audio", "input_audio": part.get("input_audio")}
    if kind == "refusal":
        return {"type": "text", "text": text(part.get("refusal"))}
    raise untranslatable(
        f"{where}: a content part of type '{kind}' can't be sent to this provider; input_text, input_image with an "
        "image_url, and input_file can",
        "input",
    )
