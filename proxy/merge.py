"""From a rendered version and the caller's body to the body that goes to the provider (wire.md, "Merge rules"). Pure.

The version's messages come first, then the caller's, unless the version says where they go. What the caller sends explicitly
wins over the version's defaults, except keys that the version locks. Keys that Slugline doesn't know travel on untouched.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proxy.errors import RequestRefused
from proxy.naming import NamedPrompt
from registry.values import Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """The provider's body, and the keys in which the caller overrode the version."""

    body: dict[str, Any]
    overrides: tuple[str, ...]


def merge_chat(
    content: Content, messages: Sequence[Mapping[str, Any]], named: NamedPrompt, body: Mapping[str, Any]
) -> Merged:
    """A Chat Completions body from a version's content, its rendered messages, and the caller's body.

    Raises RequestRefused for a locked key, for `messages` that are no list, or when nobody names a model.
    """
    caller = {key: value for key, value in body.items() if key not in named.own_keys and key != "messages"}
    if named.model_names_prompt or caller.get("model") in (None, "", "prompt"):
        caller.pop("model", None)
    defaults: dict[str, Any] = {}
    if content.model:
        defaults["model"] = content.model
    defaults.update(content.parameters)
    if content.tools:
        defaults["tools"] = content.tools
    if content.response_format:
        defaults["response_format"] = content.response_format
    overrides = tuple(sorted(key for key, value in caller.items() if key in defaults and defaults[key] != value))
    for key in content.locked:
        if key in caller and caller[key] != defaults.get(key):
            raise RequestRefused(
                f"{named.reference.slug!r} locks {key!r}: leave it out of the request, or have it unlocked in a new version",
                code="prompt_key_locked",
                param=key,
            )
    merged = {**defaults, **caller, "messages": place(messages, _caller_messages(body))}
    if not merged.get("model"):
        raise RequestRefused(
            f"neither the request nor {named.reference.slug!r} names a model: save a version with one, or send 'model'",
            code="prompt_model_missing",
            param="model",
        )
    return Merged(body=merged, overrides=overrides)


def place(messages: Sequence[Mapping[str, Any]], caller: Sequence[Any]) -> list[Any]:
    """The caller's messages at the version's placeholder, or at the end where it has none."""
    placed: list[Any] = []
    open_ended = True
    for message in messages:
        if message["role"] == "placeholder":
            placed.extend(caller)
            open_ended = False
        else:
            placed.append(message)
    if open_ended:
        placed.extend(caller)
    return placed


def _caller_messages(body: Mapping[str, Any]) -> list[Any]:
    messages = body.get("messages")
    if messages is None:
        return []
    if not isinstance(messages, list):
        raise RequestRefused("'messages' must be a list of messages", code="request_invalid", param="messages")
    return messages
