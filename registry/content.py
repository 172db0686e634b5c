"""Content from and to JSON: what is well-formed, its canonical text, and the hash that tells two contents apart.

Knows the shape of content. Refuses to know templates (whether they parse is `registry.templates.template`'s to say) and files.

In the canonical text keys are sorted, so the order in which somebody wrote them makes no difference, except inside
`tools`, `response_format` and `variables`: providers make models fill a schema's fields in the order they stand in,
so there the order is part of what the version says. The same holds for the variables of locked fragments.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from registry.errors import PromptInvalidError, nearest
from registry.values import Content

ROLES = ("system", "developer", "user", "assistant", "tool", "function", "placeholder")
CALLERS_OWN = "messages"
"""The name of the placeholder for the messages that a call brings itself; any other names a variable."""

_KEPT_ORDER = frozenset({"tools", "response_format", "variables"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_LOCK: Mapping[str, type | tuple[type, ...]] = {
    "version": int,
    "version_id": str,
    "hash": str,
    "text": str,
    "variables": Mapping,
    "includes": Mapping,
}
_FIELDS = tuple(field.name for field in fields(Content))
_MOST_NODES = 200_000
_DEEPEST = 64


def parse_content(data: Mapping[str, Any]) -> Content:
    """Content from its JSON form, the one `as_mapping` writes.

    Raises PromptInvalidError that names the field, what it holds and what would be right.
    """
    if not isinstance(data, Mapping):
        raise _invalid("content", f"is an object with the fields {', '.join(_FIELDS)}")
    for name in data:
        if name not in _FIELDS:
            guess = nearest(str(name), _FIELDS)
            hint = f"did you mean '{guess}'?" if guess else f"there are {', '.join(_FIELDS)}"
            raise _invalid(str(name)[:80], f"is not a field of content; {hint}")
    _check_json(data)
    kind = data.get("kind") or ("text" if data.get("text") is not None and not data.get("messages") else "chat")
    if kind not in ("chat", "text"):
        raise _invalid("kind", "is 'chat' or 'text'")
    content = Content(
        kind="text" if kind == "text" else "chat",
        messages=tuple(_list(data, "messages") or ()),
        text=_string(data, "text"),
        variables=_mapping(data, "variables") or {},
        model=_string(data, "model"),
        parameters=_mapping(data, "parameters") or {},
        tools=_list(data, "tools"),
        response_format=_mapping(data, "response_format"),
        locked=tuple(_list(data, "locked") or ()),
        fallbacks=tuple(_list(data, "fallbacks") or ()),
        includes=_mapping(data, "includes") or {},
    )
    check_shape(content)
    return content


def check_shape(content: Content) -> None:
    """Raise PromptInvalidError unless messages, text, tools and locks have the shape they must have."""
    if content.kind == "text":
        if content.text is None or content.messages:
            raise _invalid("text", "holds the whole prompt of kind 'text', and there are no messages beside it")
    elif content.text is not None or not content.messages:
        raise _invalid(
            "messages", "holds at least one message for a prompt of kind 'chat', and there is no text beside"
        )
    for index, message in enumerate(content.messages):
        _check_message(message, f"messages[{index}]")
    if sum(message["role"] == "placeholder" and message["name"] == CALLERS_OWN for message in content.messages) > 1:
        raise _invalid(
            "messages", f"has one placeholder '{CALLERS_OWN}' at most: the caller's messages go to one place"
        )
    for index, tool in enumerate(content.tools or ()):
        if not isinstance(tool, Mapping):
            raise _invalid(f"tools[{index}]", "is an object, as the provider's API takes it")
    if not all(isinstance(key, str) for key in content.locked):
        raise _invalid("locked", "is a list of names of the request body's fields")
    if not all(isinstance(name, str) and name for name in content.fallbacks):
        raise _invalid("fallbacks", "is a list of model names, such as 'anthropic/claude-sonnet-4-5'")
    _check_includes(content.includes, "includes")
    if content.model == "":
        raise _invalid("model", "is a model's name; leave it out to let the caller choose")


def as_mapping(content: Content) -> dict[str, Any]:
    """The JSON form, without fields that are empty."""
    found = {name: getattr(content, name) for name in _FIELDS}
    for name in ("messages", "locked", "fallbacks"):
        found[name] = list(found[name])
    return {name: value for name, value in found.items() if value not in (None, [], {}, ()) or name == "kind"} | (
        {"text": content.text} if content.text is not None else {}
    )


def body_keys(content: Content) -> dict[str, Any]:
    """Parameters, tools and response format under Chat Completions' names, each where the version has it."""
    given = {"tools": content.tools, "response_format": content.response_format}
    return {**content.parameters, **{name: value for name, value in given.items() if value}}


def canonical(content: Content) -> str:
    """The one JSON text of this content, for storage and hashing. Raises PromptInvalidError if it isn't JSON."""
    try:
        text = json.dumps(_ordered(as_mapping(content)), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise PromptInvalidError(f"content must be JSON in valid Unicode: {error}", param="content") from error
    return text


def content_hash(canonical_text: str) -> str:
    """SHA-256 of the canonical text, in hex."""
    return hashlib.sha256(canonical_text.encode()).hexdigest()


def _ordered(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Content, or a lock, with its keys in the canonical order."""
    ordered = {name: value if name in _KEPT_ORDER else _sorted(value) for name, value in sorted(fields.items())}
    locks = ordered.get("includes", {})
    return (
        ordered
        | {
            "includes": {
                name: _ordered(fields["includes"][name]) if isinstance(lock, Mapping) else lock
                for name, lock in locks.items()
            }
        }
        if locks
        else ordered
    )


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [_sorted(item) for item in value]
    return value


def _check_message(message: Any, where: str) -> None:
    if not isinstance(message, Mapping):
        raise _invalid(where, "is an object with 'role' and 'content'")
    role, body = message.get("role"), message.get("content")
    if role not in ROLES:
        raise _invalid(f"{where}.role", f"is one of {', '.join(ROLES)}")
    if "name" in message and not isinstance(message["name"], str):
        raise _invalid(f"{where}.name", "is a string")
    if role == "placeholder":
        if set(message) != {"role", "name"} or not _NAME.fullmatch(message["name"]):
            raise _invalid(
                where,
                'is written {"role": "placeholder", "name": "messages"} for the caller\'s own messages, or with the name of the '
                "variable that holds messages: a letter, then letters, digits and '_'",
            )
    elif isinstance(body, list):
        for index, part in enumerate(body):
            if not isinstance(part, Mapping) or not isinstance(part.get("text", ""), str):
                raise _invalid(f"{where}.content[{index}]", "is an object; if it has 'text', that is a string")
    elif not isinstance(body, str) and not (body is None and message.get("tool_calls")):
        raise _invalid(f"{where}.content", "is a string, or a list of parts")


def _check_includes(includes: Mapping[str, Any], where: str) -> None:
    for reference, lock in includes.items():
        here = f"{where}['{reference[:120]}']"
        if isinstance(lock, int) and not isinstance(lock, bool) and lock >= 1:
            continue
        if not isinstance(lock, Mapping) or "version" not in lock:
            raise _invalid(here, "is the number of the fragment's version, or its whole lock as a version shows it")
        for name, value in lock.items():
            if name not in _LOCK:
                raise _invalid(f"{here}.{name[:80]}", f"is not a field of a lock; there are {', '.join(_LOCK)}")
            if not isinstance(value, _LOCK[name]) or isinstance(value, bool) or value == 0:
                raise _invalid(
                    f"{here}.{name}", "is not what a lock holds there: take it as a version shows it, or leave it out"
                )
        _check_includes(lock.get("includes", {}), f"{here}.includes")


def _check_json(data: Any) -> None:
    """Bound what is walked later, and refuse what JSON has no word for (a date in YAML, for one)."""
    stack: list[tuple[Any, int, str]] = [(data, 0, "content")]
    nodes = 0
    while stack:
        value, depth, where = stack.pop()
        nodes += 1
        if nodes > _MOST_NODES or depth > _DEEPEST:
            raise _invalid(where, f"is too large: at most {_MOST_NODES:,} values, {_DEEPEST} levels deep")
        if isinstance(value, Mapping):
            if not all(isinstance(key, str) for key in value):
                raise _invalid(where, "has a key that isn't a string; put it in quotes")
            stack.extend((item, depth + 1, key if depth == 0 else where) for key, item in value.items())
        elif isinstance(value, (list, tuple)):
            stack.extend((item, depth + 1, where) for item in value)
        elif value is not None and not isinstance(value, (str, int, float)):
            raise _invalid(where, f"holds a {type(value).__name__}, which JSON doesn't have; put it in quotes")


def _mapping(data: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    value = data.get(name)
    if value is not None and not isinstance(value, Mapping):
        raise _invalid(name, "is an object")
    return value


def _list(data: Mapping[str, Any], name: str) -> Sequence[Any] | None:
    value = data.get(name)
    if value is not None and not isinstance(value, (list, tuple)):
        raise _invalid(name, "is a list")
    return value


def _string(data: Mapping[str, Any], name: str) -> str | None:
    value = data.get(name)
    if value is not None and not isinstance(value, str):
        raise _invalid(name, "is a string")
    return value


def _invalid(where: str, rule: str) -> PromptInvalidError:
    return PromptInvalidError(f"'{where}' {rule}", param=where)
