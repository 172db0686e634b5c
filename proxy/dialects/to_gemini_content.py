"""A chat conversation as Gemini's system instruction and contents. Knows content and nothing of the request around it. Pure.

Format: https://ai.google.dev/api/caching#Content. Thought signatures (https://ai.google.dev/gemini-api/docs/thought-signatures) are read
where Google's OpenAI compatibility puts them, `extra_content.google.thought_signature`, and where LiteLLM does. Files by URL go as
`fileData`, which Gemini fetches itself (https://ai.google.dev/gemini-api/docs/file-input-methods).
"""

import mimetypes
from collections.abc import Mapping, Sequence
from typing import Any

from proxy.dialects.shapes import (
    Json,
    arguments_object,
    data_url,
    dicts,
    given,
    joined_text,
    parsed_object,
    parts_of,
    table,
    text,
    untranslatable,
)

MADE_ID = "call_"
"""How ids of calls begin that Gemini didn't make itself; it matches results to those by name and order."""

_NO_SIGNATURE = "skip_thought_signature_validator"
"""Google's documented stand-in for a signature that a client lost: Gemini 3 refuses a call in the history that has none."""


def system_and_contents(messages: Sequence[Any], *, wants_signatures: bool) -> tuple[list[Json], list[Json]]:
    """The system instruction's parts, and the contents. `wants_signatures`: the model refuses calls that come back without one."""
    system: list[Json] = []
    turns: list[Json] = []
    names: dict[str, str] = {}
    for position, message in enumerate(dicts(messages)):
        role, where = message.get("role"), f"messages[{position}]"
        if role in {"system", "developer"}:
            system += [{"text": told} for told in [joined_text(message.get("content"))] if told]
        elif role == "user":
            _add(turns, "user", [_part(part, where) for part in parts_of(message.get("content"))])
        elif role == "assistant":
            _add(turns, "model", _model(message, names, where, wants_signatures=wants_signatures))
        elif role == "tool":
            _add(turns, "user", _result(message, names, where))
        else:
            raise untranslatable(
                f"{where}: a message of role '{role}' has no counterpart in Gemini's contents; "
                "roles are system, developer, user, assistant and tool",
                "messages",
            )
    if not turns and system:
        return [], [{"role": "user", "parts": system}]
    return system, turns


def signature_of(holder: Mapping[str, Any]) -> str | None:
    """The thought signature that stands on a message or a tool call."""
    google = table(table(holder.get("extra_content")).get("google"))
    other = table(holder.get("provider_specific_fields"))
    return text(google.get("thought_signature")) or text(other.get("thought_signature")) or None


def _add(turns: list[Json], role: str, parts: list[Json]) -> None:
    if not parts:
        return
    if turns and turns[-1]["role"] == role:
        turns[-1]["parts"] += parts
    else:
        turns.append({"role": role, "parts": parts})


def _model(message: Mapping[str, Any], names: dict[str, str], where: str, *, wants_signatures: bool) -> list[Json]:
    parts = [_part(part, where) for part in parts_of(message.get("content") or message.get("refusal"))]
    if parts and (signature := signature_of(message)):
        parts[-1]["thoughtSignature"] = signature
    calls = dicts(message.get("tool_calls"))
    signed = any(signature_of(call) for call in calls)
    for position, call in enumerate(calls):
        function, call_id = table(call.get("function")), text(call.get("id"))
        if not function:
            raise untranslatable(f"{where}: only function calls have a counterpart in Gemini's contents", "messages")
        names[call_id] = text(function.get("name"))
        # Of calls made together Gemini signs the first one only.
        missing = _NO_SIGNATURE if wants_signatures and not signed and position == 0 else None
        arguments = arguments_object(function.get("arguments"))
        parts.append(
            {
                "functionCall": {"name": names[call_id], "args": arguments, **_own_id(call_id)},
                **given(thoughtSignature=signature_of(call) or missing),
            }
        )
    return parts


def _result(message: Mapping[str, Any], names: Mapping[str, str], where: str) -> list[Json]:
    """A tool's result, by the name of its call; images in it follow as parts of their own."""
    call_id, parts = text(message.get("tool_call_id")), parts_of(message.get("content"))
    name = names.get(call_id) or text(message.get("name"))
    if not name:
        raise untranslatable(
            f"{where}: the result is for the tool call '{call_id}', which no message before it made", "messages"
        )
    told = joined_text([part for part in parts if part.get("type") == "text"], "\n")
    result = parsed_object(told)
    response = {"name": name, "response": {"result": told} if result is None else result, **_own_id(call_id)}
    others = [_part(part, where) for part in parts if part.get("type") != "text"]
    return [{"functionResponse": response}, *others]


def _own_id(call_id: str) -> Json:
    return {} if not call_id or call_id.startswith(MADE_ID) else {"id": call_id}


def _part(part: Mapping[str, Any], where: str) -> Json:
    kind = part.get("type")
    if kind in {"text", "refusal"}:
        return {"text": text(part.get("text")) or text(part.get("refusal"))}
    if kind == "image_url":
        image = part.get("image_url")
        return _media(text(image) or text(table(image).get("url")), where)
    if kind == "input_audio":
        audio = table(part.get("input_audio"))
        return {"inlineData": {"mimeType": f"audio/{text(audio.get('format'))}", "data": text(audio.get("data"))}}
    if kind == "file":
        return _file(table(part.get("file")), where)
    raise untranslatable(
        f"{where}: a content part of type '{kind}' has no counterpart in Gemini's contents; "
        "text, image_url, input_audio and file have",
        "messages",
    )


def _file(file: Mapping[str, Any], where: str) -> Json:
    data, file_id = text(file.get("file_data")), text(file.get("file_id"))
    if file_id.startswith(("http://", "https://", "gs://")):
        return _media(file_id, where)
    if not data:
        raise untranslatable(
            f"{where}: Gemini knows no file '{file_id}': send its data, or its URL as file_id", "messages"
        )
    if data.startswith(("data:", "http://", "https://", "gs://")):
        return _media(data, where)
    guessed = mimetypes.guess_type(text(file.get("filename")))[0] or "application/pdf"
    return {"inlineData": {"mimeType": guessed, "data": data}}


def _media(url: str, where: str) -> Json:
    data = data_url(url)
    if data is not None:
        return {"inlineData": {"mimeType": data[0], "data": data[1]}}
    if url.startswith(("http://", "https://", "gs://")):
        path = url.partition("?")[0].partition("#")[0]
        return {"fileData": given(mimeType=mimetypes.guess_type(path)[0], fileUri=url)}
    raise untranslatable(f"{where}: an image or file must be a data URL or an https URL", "messages")
