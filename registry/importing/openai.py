"""Templates pasted from OpenAI: plain text with `{{variable}}`, or the JSON of a request, as a version of this registry.

Knows Chat Completions' `messages` and Responses' `instructions` and `input` (https://platform.openai.com/docs/api-reference),
and what a prompt on OpenAI's pages looks like as a request. Refuses items of `input` that are no messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from registry.errors import PromptInvalidError
from registry.importing.braces import filled, left_as_text, matched, names_in
from registry.importing.documents import read_json
from registry.importing.imported import Imported, Reading, checked, refusal, unique
from registry.importing.messages import read_messages, texts_of, with_texts
from registry.importing.naming import identifiers, renamed, slug_for
from registry.importing.settings import call_settings, shown
from registry.importing.writing import jinja
from registry.values import Content

_NOT_SETTINGS = frozenset(
    {"messages", "input", "instructions", "stream", "stream_options", "background", "include", "object"}
)


def read_pasted(text: str, slug: str, *, prefix: str = "") -> Reading:
    """One prompt from pasted text or JSON. Raises PromptInvalidError if it looks like JSON and is none."""
    data = read_json(text) if text.lstrip().startswith(("{", "[")) and not text.lstrip().startswith("{{") else None
    try:
        return Reading(imported=(checked(_convert(text if data is None else data, slug, prefix)),))
    except PromptInvalidError as error:
        return refusal("", error)


def _convert(data: Any, slug: str, prefix: str) -> Imported:
    notes: list[str] = []
    body = {"messages": data} if isinstance(data, list) else data
    if isinstance(body, str):
        messages = read_messages([{"role": "system", "content": body.strip("\n")}], notes)
        body = {}
    else:
        messages = read_messages(_messages(body), notes)
    blanks = [part for text in texts_of(messages) for part in matched(text)]
    names = identifiers(names_in(blanks))
    settings = call_settings(body, what="request", silent=_NOT_SETTINGS)
    content = settings.onto(Content(messages=with_texts(messages, lambda text: jinja(filled(matched(text), names)))))
    return Imported(
        slug=slug_for(slug, prefix),
        content=content,
        notes=unique([*renamed(names), *left_as_text(blanks), *notes, *settings.notes]),
        origin=f"'{slug}'",
        source={"imported_from": "openai", "name": slug},
    )


def _messages(body: Mapping[str, Any]) -> list[Any]:
    if isinstance(body.get("messages"), list):
        return list(body["messages"])
    given, instructions = body.get("input"), body.get("instructions")
    if given is None and not isinstance(instructions, str):
        raise PromptInvalidError(
            'it is JSON, but no request: {"messages": […]}, or {"instructions": …, "input": …}', param="messages"
        )
    first = [{"role": "system", "content": instructions}] if isinstance(instructions, str) else []
    rest = [{"role": "user", "content": given}] if isinstance(given, str) else given or []
    if not isinstance(rest, list):
        raise PromptInvalidError(f"'input' is a text or a list of messages, not {shown(rest)}", param="input")
    return [*first, *(_message(item, f"input[{index}]") for index, item in enumerate(rest))]


def _message(item: Any, where: str) -> Any:
    """A message of Responses in Chat Completions' form."""
    if not isinstance(item, Mapping) or item.get("type", "message") != "message":
        raise PromptInvalidError(f"{where} is no message, so it can't be part of a prompt: {shown(item)}", param=where)
    content = item.get("content")
    message = {key: value for key, value in item.items() if key not in ("type", "status", "id")}
    if isinstance(content, list):
        parts = [_part(part, f"{where}.content[{index}]") for index, part in enumerate(content)]
        texts = [part["text"] for part in parts if part.get("type") == "text"]
        message["content"] = texts[0] if len(parts) == len(texts) == 1 else parts
    return message


def _part(part: Any, where: str) -> dict[str, Any]:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind in ("input_text", "output_text", "text"):
        return {"type": "text", "text": part.get("text", "")}
    if kind == "input_image" and part.get("image_url"):
        detail = {"detail": part["detail"]} if part.get("detail") else {}
        return {"type": "image_url", "image_url": {"url": part["image_url"], **detail}}
    if kind == "input_file" and not part.get("file_url"):
        return {
            "type": "file",
            "file": {key: part[key] for key in ("file_id", "file_data", "filename") if part.get(key)},
        }
    if kind == "input_audio":
        return dict(part)
    raise PromptInvalidError(f"{where} can't be part of a prompt here: {shown(part)}", param=where)
