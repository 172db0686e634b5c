"""From content to a compiled prompt, and from that and variables to messages.

Knows how content's templates make messages. Refuses to know where content is stored and what happens to the messages.
A value is put into the message where its variable stands and nowhere else: it is never parsed, and neither makes a
message nor changes a role.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from registry.budget import Budget, Clock
from registry.content import check_shape
from registry.discovery import Discovery
from registry.errors import PromptInvalidError
from registry.limits import Limits
from registry.piece import Piece, compile_piece
from registry.sandbox import Sandbox
from registry.schema import VariableCheck, check_for
from registry.values import Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What one call gets.

    `messages` are ready for the wire, except that placeholders stay in place for the caller's own messages. A prompt
    of kind "text" is one system message here, and `text` as well. `variables` has defaults filled in.
    """

    messages: list[dict[str, Any]]
    text: str | None
    variables: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledMessage:
    """A message whose content, or whose parts' texts, are pieces; None where there is nothing to render."""

    fields: Mapping[str, Any]
    content: Piece | None = None
    parts: tuple[tuple[Mapping[str, Any], Piece | None], ...] | None = None

    def render(self, variables: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        """A new message; the version's own is never handed out."""
        message = dict(self.fields)
        if self.content is not None:
            message["content"] = self.content.render(variables, budget)
        elif self.parts is not None:
            message["content"] = [
                dict(part) if piece is None else {**part, "text": piece.render(variables, budget)}
                for part, piece in self.parts
            ]
        return message


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledContent:
    """Content, ready to render any number of times from any thread."""

    content: Content
    messages: tuple[CompiledMessage, ...]
    check: VariableCheck
    limits: Limits

    @property
    def schema(self) -> Mapping[str, Any]:
        """The effective JSON Schema of the variables: what is declared, and what the templates use beside it."""
        return self.check.schema

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of all variables, declared ones first."""
        return self.check.names


def compile_content(content: Content, limits: Limits | None = None) -> CompiledContent:
    """Check and compile every template of a content; done once per version.

    Raises PromptInvalidError that names the message, the line and what is wrong.
    """
    limits = limits or Limits()
    check_shape(content)
    _check_source(content, limits)
    sandbox = Sandbox(most_nodes=limits.nodes)
    discovery = Discovery(globals=frozenset(sandbox.globals))
    messages: tuple[CompiledMessage, ...]
    if content.kind == "text":
        text = compile_piece(sandbox, content.text or "", "text", discovery)
        messages = (CompiledMessage(fields={"role": "system", "content": ""}, content=text),)
    else:
        messages = tuple(
            _compile_message(sandbox, message, f"messages[{index}]", discovery)
            for index, message in enumerate(content.messages)
        )
    check = check_for(content.variables, discovery.found)
    return CompiledContent(content=content, messages=messages, check=check, limits=limits)


def render(compiled: CompiledContent, variables: Mapping[str, Any], *, clock: Clock = time.monotonic) -> Rendered:
    """Check the variables and render every message, all of them within one budget.

    Raises PromptVariableMissingError, PromptVariableInvalidError, PromptRenderLimitError or PromptRenderFailedError.
    """
    values = compiled.check.complete(variables)
    budget = Budget(compiled.limits, clock=clock)
    messages = [message.render(values, budget) for message in compiled.messages]
    text = messages[0]["content"] if compiled.content.kind == "text" else None
    return Rendered(messages=messages, text=text, variables=values)


def _compile_message(sandbox: Sandbox, message: Mapping[str, Any], where: str, discovery: Discovery) -> CompiledMessage:
    body = message.get("content")
    if isinstance(body, str):
        return CompiledMessage(fields=message, content=compile_piece(sandbox, body, f"{where}.content", discovery))
    if not isinstance(body, (list, tuple)):
        return CompiledMessage(fields=message)
    parts = tuple(
        (part, compile_piece(sandbox, part["text"], f"{where}.content[{index}].text", discovery))
        if "text" in part
        else (part, None)
        for index, part in enumerate(body)
    )
    return CompiledMessage(fields=message, parts=parts)


def _check_source(content: Content, limits: Limits) -> None:
    bodies = [content.text, *(message.get("content") for message in content.messages)]
    size = sum(len(body) for body in bodies if isinstance(body, str))
    size += sum(len(part.get("text", "")) for body in bodies if isinstance(body, (list, tuple)) for part in body)
    if size > limits.source:
        raise PromptInvalidError(
            f"the templates have {size:,} characters together; at most {limits.source:,} are allowed", param="content"
        )
