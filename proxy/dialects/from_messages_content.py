"""Anthropic's system texts and messages as a chat conversation. Knows content and nothing of the request around it. Pure.

Format: https://docs.anthropic.com/en/api/messages. Cache marks are left out: only Anthropic's own API reads them, and strict servers refuse
keys that they don't know.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.dialects.hub import tool_call
from proxy.dialects.shapes import (
    Json,
    arguments_text,
    dicts,
    given,
    joined_text,
    parts_of,
    table,
    text,
    untranslatable,
)


def chat_messages(system: Any, messages: Sequence[Any]) -> list[Json]:
    """The conversation. The system texts become one message: several are more than some servers' chat templates take."""
    told = joined_text(system, "\n\n")
    chat: list[Json] = [{"role": "system", "content": told}] if told else []
    for position, message in enumerate(dicts(messages)):
        where, content = f"messages[{position}]", message.get("content")
        if message.get("role") == "assistant":
            chat.append(_assistant(parts_of(content), where))
        elif message.get("role") == "system":
            chat.append({"role": "system", "content": joined_text(content, "\n\n")})
        else:
            chat += _user(parts_of(content), where)
    return chat


def _user(blocks: Sequence[Json], where: str) -> list[Json]:
    """Results of tools are messages of their own in a chat, and come before what the user says."""
    results: list[Json] = []
    parts: list[Json] = []
    for block in blocks:
        if block.get("type") == "tool_result":
            inner = parts_of(block.get("content"))
            answer = joined_text([part for part in inner if part.get("type") == "text"], "\n")
            results.append({"role": "tool", "tool_call_id": text(block.get("tool_use_id")), "content": answer})
            # A tool message of a chat takes text only: what else a tool gave follows as the user's.
            parts += [_part(part, where) for part in inner if part.get("type") != "text"]
        else:
            parts.append(_part(block, where))
    if not parts:
        return results
    plain = len(parts) == 1 and parts[0]["type"] == "text"
    return [*results, {"role": "user", "content": parts[0]["text"] if plain else parts}]


def _part(block: Mapping[str, Any], where: str) -> Json:
    kind, source = block.get("type"), table(block.get("source"))
    if kind == "text":
        return {"type": "text", "text": text(block.get("text"))}
    if kind == "image" and source.get("type") in {"base64", "url"}:
        return {"type": "image_url", "image_url": {"url": _url(source)}}
    if kind == "document":
        return _document(block, source, where)
    if kind == "search_result":
        told = "\n".join([text(block.get("title")), text(block.get("source")), joined_text(block.get("content"), "\n")])
        return {"type": "text", "text": told}
    raise untranslatable(
        f"{where}: a content block of type '{kind}' has no counterpart in Chat Completions; "
        "text, image, document, tool_use and tool_result have",
        "messages",
    )


def _document(block: Mapping[str, Any], source: Mapping[str, Any], where: str) -> Json:
    kind, name = source.get("type"), text(block.get("title")) or None
    if kind == "text":
        return {"type": "text", "text": text(source.get("data"))}
    if kind == "base64":
        return {"type": "file", "file": {"filename": name or "document.pdf", "file_data": _url(source)}}
    if kind == "content":
        return {"type": "text", "text": joined_text(source.get("content"), "\n")}
    if kind == "file":
        return {"type": "file", "file": given(file_id=source.get("file_id"))}
    raise untranslatable(
        f"{where}: a document by {kind} has no counterpart in Chat Completions: send it as base64", "messages"
    )


def _url(source: Mapping[str, Any]) -> str:
    if source.get("type") == "url":
        return text(source.get("url"))
    return f"data:{text(source.get('media_type'))};base64,{text(source.get('data'))}"


def _assistant(blocks: Sequence[Json], where: str) -> Json:
    texts, thoughts, signed, calls = [], [], [], []
    for block in blocks:
        kind = block.get("type")
        if kind == "text":
            texts.append(text(block.get("text")))
        elif kind == "thinking" and not block.get("signature"):
            thoughts.append(text(block.get("thinking")))  # from a provider that doesn't sign: see from_messages_answer
        elif kind in {"thinking", "redacted_thinking"}:
            signed.append(dict(block))
        elif kind == "tool_use":
            name, arguments = text(block.get("name")), arguments_text(block.get("input"))
            signature = given(extra_content=block.get("extra_content"))
            calls.append({**tool_call(text(block.get("id")), name, arguments), **signature})
        else:
            raise untranslatable(f"{where}: an assistant's block of type '{kind}' has no counterpart", "messages")
    return {
        "role": "assistant",
        "content": "".join(texts) if texts else None if calls else "",
        # Servers that show their thoughts want them back within a tool loop, and refuse them outside of one (DeepSeek's rule).
        **given(reasoning_content="".join(thoughts) or None if calls else None, thinking_blocks=signed or None),
        **({"tool_calls": calls} if calls else {}),
    }
