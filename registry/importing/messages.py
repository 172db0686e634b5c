"""Lists of messages, walked once: every template text in them, and the same list with each text replaced.

Knows Chat Completions' messages with text or parts. Refuses to know what the texts say and to check roles.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from registry.content import ROLES
from registry.errors import PromptInvalidError
from registry.importing.settings import shown

KEPT = ("role", "content", "name", "tool_calls", "tool_call_id", "refusal")
Message = Mapping[str, Any]


def texts_of(messages: Sequence[Message]) -> list[str]:
    """Every text that is a template, in order."""
    found: list[str] = []
    with_texts(messages, lambda text: found.append(text) or text)  # type: ignore[func-returns-value]
    return found


def with_texts(messages: Sequence[Message], change: Callable[[str], str]) -> tuple[dict[str, Any], ...]:
    """The same messages with each of their texts changed."""
    return tuple(_changed(message, change) for message in messages)


def read_messages(given: Any, notes: list[str]) -> tuple[dict[str, Any], ...]:
    """Messages as they can stand in content, placeholders in this registry's form; what is dropped goes into `notes`.

    Raises PromptInvalidError for what is no list of messages, or a role that there isn't.
    """
    if not isinstance(given, Sequence) or isinstance(given, (str, bytes)):
        raise PromptInvalidError(f"messages are a list, not {shown(given)}", param="messages")
    return tuple(_read(message, f"messages[{index}]", notes) for index, message in enumerate(given))


def _read(message: Any, where: str, notes: list[str]) -> dict[str, Any]:
    if not isinstance(message, Mapping):
        raise PromptInvalidError(f"{where} is an object with 'role' and 'content', not {shown(message)}", param=where)
    if "placeholder" in (message.get("type"), message.get("role")):
        name = message.get("name")
        if not isinstance(name, str) or not name:
            raise PromptInvalidError(f"{where} is a placeholder without a name", param=where)
        return {"role": "placeholder", "name": name}
    role = message.get("role")
    known = role.lower() if isinstance(role, str) else role
    if known not in ROLES:
        raise PromptInvalidError(f"{where} has the role {shown(role)}; there are {', '.join(ROLES)}", param=where)
    kept = {key: message[key] for key in KEPT if message.get(key) is not None}
    kept["role"] = known
    dropped = [key for key in message if key not in KEPT and key != "type" and message[key] is not None]
    notes += [f"{where}.{key} is not carried over: {shown(message[key])}" for key in dropped]
    if "content" not in kept and "tool_calls" not in kept:
        kept["content"] = ""
    return kept


def _changed(message: Message, change: Callable[[str], str]) -> dict[str, Any]:
    body = message.get("content")
    if isinstance(body, str):
        return {**message, "content": change(body)}
    if isinstance(body, Sequence):
        return {**message, "content": [_part(part, change) for part in body]}
    return dict(message)


def _part(part: Any, change: Callable[[str], str]) -> Any:
    """Every text below a part is a template (an image's address, a file's data); its type is none."""
    if isinstance(part, str):
        return change(part)
    if isinstance(part, Mapping):
        return {key: value if key == "type" else _part(value, change) for key, value in part.items()}
    if isinstance(part, Sequence):
        return [_part(item, change) for item in part]
    return part
