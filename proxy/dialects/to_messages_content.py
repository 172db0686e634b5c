"""A chat conversation as Anthropic's system texts and messages. Knows content and nothing of the request around it. Pure.

Format: https://docs.anthropic.com/en/api/messages. Anthropic's rules of thumb for chat callers are kept
(https://docs.anthropic.com/en/api/openai-sdk): system and developer messages go to the front wherever they stand, messages of one role
in a row become one. `cache_control` on a part or a message is carried, as LiteLLM and OpenRouter do.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from proxy.dialects.shapes import (
    Json,
    arguments_object,
    data_url,
    decoded_text,
    dicts,
    given,
    parts_of,
    table,
    text,
    untranslatable,
)

_NOT_IN_AN_ID = re.compile(r"[^a-zA-Z0-9_-]")
_OWN_BLOCKS = frozenset({"image", "document", "search_result", "container_upload"})
_INSTRUCTIONS = frozenset({"system", "developer"})


def system_and_messages(messages: Sequence[Any]) -> tuple[list[Json], list[Json]]:
    """The system texts and the messages. A conversation of instructions alone becomes the user's: Anthropic wants one message."""
    system: list[Json] = []
    turns: list[Json] = []
    for position, message in enumerate(dicts(messages)):
        role, where = message.get("role"), f"messages[{position}]"
        if role in _INSTRUCTIONS:
            system += _marked(_blocks(message.get("content"), where), message)
        elif role == "user":
            _add(turns, "user", _marked(_blocks(message.get("content"), where), message))
        elif role == "assistant":
            _add(turns, "assistant", _marked(_assistant(message, where), message))
        elif role == "tool":
            _add(turns, "user", [_tool_result(message, where)])
        else:
            raise untranslatable(
                f"{where}: a message of role '{role}' has no counterpart in Anthropic's Messages; "
                "roles are system, developer, user, assistant and tool",
                "messages",
            )
    if not turns and system:
        return [], [{"role": "user", "content": system}]
    _trim_prefill(turns)
    return system, turns


def _add(turns: list[Json], role: str, blocks: list[Json]) -> None:
    if not blocks:
        return
    if turns and turns[-1]["role"] == role:
        turns[-1]["content"] += blocks
    else:
        turns.append({"role": role, "content": blocks})


def _marked(blocks: list[Json], message: Mapping[str, Any]) -> list[Json]:
    """A cache mark on a message stands on its last block."""
    mark = message.get("cache_control")
    if mark and blocks:
        blocks[-1]["cache_control"] = mark
    return blocks


def _assistant(message: Mapping[str, Any], where: str) -> list[Json]:
    if message.get("audio"):
        raise untranslatable(f"{where}: Anthropic's models take no audio", "messages")
    blocks = [thinking_block(block) for block in dicts(message.get("thinking_blocks"))]
    blocks += _blocks(message.get("content"), where)
    if not message.get("content") and text(message.get("refusal")):
        blocks.append({"type": "text", "text": message["refusal"]})
    for call in dicts(message.get("tool_calls")):
        function = table(call.get("function"))
        if not function:
            raise untranslatable(f"{where}: only function calls have a counterpart in Anthropic's Messages", "messages")
        blocks.append(
            given(
                type="tool_use",
                id=_id(call.get("id")),
                name=function.get("name"),
                input=arguments_object(function.get("arguments")),
                cache_control=call.get("cache_control"),
            )
        )
    return blocks


def thinking_block(block: Mapping[str, Any]) -> Json:
    """A thinking block as Anthropic made it: what clients add to it is not sent back."""
    if block.get("type") == "redacted_thinking":
        return {"type": "redacted_thinking", "data": text(block.get("data"))}
    return {"type": "thinking", "thinking": text(block.get("thinking")), "signature": text(block.get("signature"))}


def _tool_result(message: Mapping[str, Any], where: str) -> Json:
    content = message.get("content")
    return given(
        type="tool_result",
        tool_use_id=_id(message.get("tool_call_id")),
        content=content if isinstance(content, str) else _blocks(content, where),
        cache_control=message.get("cache_control"),
    )


def _id(value: Any) -> str:
    """Anthropic takes letters, digits, `_` and `-` in ids; other providers' ids may hold more."""
    return _NOT_IN_AN_ID.sub("_", text(value))


def _blocks(content: Any, where: str) -> list[Json]:
    blocks = []
    for part in parts_of(content):
        block = _block(part, where)
        if block.get("text") != "":
            if part.get("cache_control"):
                block["cache_control"] = part["cache_control"]
            blocks.append(block)
    return blocks


def _block(part: Mapping[str, Any], where: str) -> Json:
    kind = part.get("type")
    if kind in {"text", "refusal"}:
        return {"type": "text", "text": text(part.get("text")) or text(part.get("refusal"))}
    if kind == "image_url":
        image = part.get("image_url")
        return {"type": "image", "source": _source(text(image) or text(table(image).get("url")), where)}
    if kind == "file":
        return _document(table(part.get("file")), where)
    if kind in _OWN_BLOCKS:
        return dict(part)
    raise untranslatable(
        f"{where}: a content part of type '{kind}' has no counterpart in Anthropic's Messages; "
        "text, image_url and file have",
        "messages",
    )


def _source(url: str, where: str) -> Json:
    data = data_url(url)
    if data is not None:
        return {"type": "base64", "media_type": data[0], "data": data[1]}
    if url.startswith(("http://", "https://")):
        return {"type": "url", "url": url}
    raise untranslatable(f"{where}: an image or file must be a data URL or an https URL", "messages")


def _document(file: Mapping[str, Any], where: str) -> Json:
    data, name, file_id = text(file.get("file_data")), text(file.get("filename")), text(file.get("file_id"))
    if file_id:
        return {"type": "document", "source": {"type": "file", "file_id": file_id}}
    if not data.startswith(("data:", "http://", "https://")):
        data = f"data:application/pdf;base64,{data}"
    source = _source(data, where)
    if source["type"] == "base64" and source["media_type"].startswith("image/"):
        return {"type": "image", "source": source}
    if source["type"] == "base64" and source["media_type"] != "application/pdf":
        decoded = decoded_text(source["data"], "messages")
        source = {"type": "text", "media_type": "text/plain", "data": decoded}
    return given(type="document", source=source, title=name or None)


def _trim_prefill(turns: list[Json]) -> None:
    """Anthropic refuses an assistant message at the end, which it is to continue, when that ends in white space."""
    if turns and turns[-1]["role"] == "assistant" and turns[-1]["content"][-1].get("type") == "text":
        block = turns[-1]["content"][-1]
        block["text"] = block["text"].rstrip() or block["text"]
