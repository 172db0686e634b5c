"""Placeholders with a name of their own: a variable that holds messages, put where the placeholder stands.

Knows which messages a caller may put there. Refuses to know the placeholder `messages`, which stands for the caller's own messages
and is filled where the request's body is read. Instructions are the prompt's to give: a message of role system or developer in
such a variable is refused, as any other value that isn't what the schema says.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from registry.content import CALLERS_OWN
from registry.errors import PromptInvalidError
from registry.values import Content

MESSAGES: Mapping[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "role": {"enum": ["user", "assistant", "tool"]},
            "content": {"type": ["string", "array", "null"], "items": {"type": "object"}},
        },
        "required": ["role"],
        "if": {"required": ["tool_calls"]},
        "else": {"required": ["content"]},
    },
}
"""The JSON Schema of a variable that holds messages, in Chat Completions' format
(https://platform.openai.com/docs/api-reference/chat/create)."""


def names_of(content: Content) -> tuple[str, ...]:
    """The variables that a content's placeholders name, in order."""
    named = [message["name"] for message in content.messages if message["role"] == "placeholder"]
    return tuple(dict.fromkeys(name for name in named if name != CALLERS_OWN))


def schema_of(name: str, declared: Any) -> Mapping[str, Any]:
    """What a variable with messages must be: what is declared for it, and in any case messages.

    Raises PromptInvalidError if it is declared as something else.
    """
    if not isinstance(declared, Mapping) or not declared:
        return MESSAGES
    if declared.get("type", "array") != "array":
        raise PromptInvalidError(
            f"variables: a placeholder stands for '{name}', so it holds messages: declare it as an array, or leave its type out",
            param="variables",
        )
    return {"type": "array", **declared, "allOf": [*declared.get("allOf", ()), {"items": MESSAGES["items"]}]}


def filled(
    messages: Sequence[dict[str, Any]], names: Collection[str], variables: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The messages, with those of the variables in place of the placeholders that name them.

    A variable that isn't given leaves nothing; whether it may be left out was checked before.
    """
    result: list[dict[str, Any]] = []
    for message in messages:
        if message["role"] == "placeholder" and message["name"] in names:
            result.extend(dict(given) for given in variables.get(message["name"], ()))
        else:
            result.append(message)
    return result
