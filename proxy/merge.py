"""From a rendered version and the caller's body to the body that goes to the provider (wire.md, "Merge rules"). Pure.

The version's messages come first, then the caller's, unless the version says where they go. What the caller sends explicitly
wins over the version's defaults, except keys that the version locks. Keys that Slugline doesn't know travel on untouched.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from proxy.errors import RequestRefused
from proxy.naming import NamedPrompt
from registry.content import body_keys
from registry.values import Content


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """The provider's body, and the keys in which the caller overrode the version."""

    body: dict[str, Any]
    overrides: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How an endpoint spells a prompt: its body keys for the conversation, what goes there, and the version's defaults.

    `conversation` takes the version's rendered messages and the caller's body, and gives some of `keys`. `renamed` gives the
    endpoint's names for body keys that versions store under Chat Completions' names.
    """

    keys: tuple[str, ...]
    conversation: Callable[[Sequence[Mapping[str, Any]], Mapping[str, Any]], dict[str, Any]]
    defaults: Callable[[Content], dict[str, Any]]
    renamed: Mapping[str, str] = field(default_factory=dict)


def merge(
    shape: Shape, content: Content, messages: Sequence[Mapping[str, Any]], named: NamedPrompt, body: Mapping[str, Any]
) -> Merged:
    """A provider's body from a version's content, its rendered messages, and the caller's body.

    Raises RequestRefused for a locked key, for a conversation that can't be one, or when nobody names a model.
    """
    merged = combine(shape, content, messages, named, body)
    if not merged.body.get("model"):
        raise RequestRefused(
            f"neither the request nor {named.reference.slug!r} names a model: save a version with one, or send 'model'",
            code="prompt_model_missing",
            param="model",
        )
    return merged


def combine(
    shape: Shape, content: Content, messages: Sequence[Mapping[str, Any]], named: NamedPrompt, body: Mapping[str, Any]
) -> Merged:
    """What `merge` does, for a body that may still be without a model."""
    content = _heeded(content, named.ignored)
    caller = {key: value for key, value in body.items() if key not in named.own_keys and key not in shape.keys}
    if named.model_names_prompt or caller.get("model") in (None, "", "prompt"):
        caller.pop("model", None)
    defaults = {**({"model": content.model} if content.model else {}), **shape.defaults(content)}
    overrides = tuple(sorted(key for key, value in caller.items() if key in defaults and defaults[key] != value))
    for name in content.locked:
        key = shape.renamed.get(name, name)
        if key in caller and caller[key] != defaults.get(key):
            raise RequestRefused(
                f"{named.reference.slug!r} locks {key!r}: leave it out of the request, or have it unlocked in a new version",
                code="prompt_key_locked",
                param=key,
            )
    return Merged(body={**defaults, **caller, **shape.conversation(messages, body)}, overrides=overrides)


def _heeded(content: Content, ignored: frozenset[str]) -> Content:
    """The content without what the call doesn't want of it; what a version locks is never left out."""
    if "model" in ignored and "model" not in content.locked:
        content = replace(content, model=None)
    if "parameters" in ignored:
        content = replace(
            content,
            parameters={key: value for key, value in content.parameters.items() if key in content.locked},
            tools=content.tools if "tools" in content.locked else None,
            response_format=content.response_format if "response_format" in content.locked else None,
        )
    return content


def chat_defaults(content: Content) -> dict[str, Any]:
    """A version's parameters, tools and response format under Chat Completions' names."""
    return body_keys(content)


def chat_messages(messages: Sequence[Mapping[str, Any]], body: Mapping[str, Any]) -> dict[str, Any]:
    """The version's messages and the caller's."""
    return {"messages": place(messages, caller_messages(body))}


def place(messages: Sequence[Mapping[str, Any]], caller: Sequence[Any]) -> list[Any]:
    """The caller's messages at the version's placeholder, or at the end where it has none."""
    placed: list[Any] = []
    open_ended = True
    for message in messages:
        if message.get("role") == "placeholder":
            placed.extend(caller)
            open_ended = False
        else:
            placed.append(message)
    if open_ended:
        placed.extend(caller)
    return placed


def caller_messages(body: Mapping[str, Any]) -> list[Any]:
    """The messages that came with a call."""
    messages = body.get("messages")
    if messages is None:
        return []
    if not isinstance(messages, list):
        raise RequestRefused("'messages' must be a list of messages", code="request_invalid", param="messages")
    return messages


CHAT = Shape(keys=("messages",), conversation=chat_messages, defaults=chat_defaults)
