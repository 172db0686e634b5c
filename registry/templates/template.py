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

import msgspec

from registry.content import check_shape
from registry.errors import PromptInvalidError
from registry.templates.budget import Budget, Clock
from registry.templates.discovery import Discovery
from registry.templates.inheritance import declaration, inherited
from registry.templates.inlining import Inlining
from registry.templates.limits import Limits
from registry.templates.parts import TEXT, Path, leaves, place_of, templates_of, with_leaf
from registry.templates.piece import Piece, compile_piece
from registry.templates.placeholders import filled, names_of
from registry.templates.sandbox import Sandbox
from registry.templates.schema import VariableCheck, check_for
from registry.values import Content


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """What one call gets.

    `messages` are ready for the wire, except that the placeholder `messages` stays in place for the caller's own. A prompt
    of kind "text" is one system message here, and `text` as well. `variables` has defaults filled in.
    """

    messages: list[dict[str, Any]]
    text: str | None
    variables: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledPart:
    """One part of a message: its text, and other strings in it by their paths, where they are templates."""

    fields: Mapping[str, Any]
    text: Piece | None = None
    data: tuple[tuple[Path, Piece], ...] = ()

    def render(self, variables: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        """A new part; what no template stands in is shared with the version's own."""
        part = dict(self.fields)
        if self.text is not None:
            part["text"] = self.text.render(variables, budget)
        if self.data:
            with budget.data():
                for path, piece in self.data:
                    part = with_leaf(part, path, piece.render(variables, budget))
        return part


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledMessage:
    """A message whose content is a piece, or a list of parts; neither where there is nothing to render."""

    fields: Mapping[str, Any]
    content: Piece | None = None
    parts: tuple[CompiledPart, ...] | None = None

    def render(self, variables: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        """A new message; the version's own is never handed out."""
        message = dict(self.fields)
        if self.content is not None:
            message["content"] = self.content.render(variables, budget)
        elif self.parts is not None:
            message["content"] = [part.render(variables, budget) for part in self.parts]
        return message


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledContent:
    """Content, ready to render any number of times from any thread."""

    content: Content
    messages: tuple[CompiledMessage, ...]
    placeholders: tuple[str, ...]
    """Variables whose messages go where the placeholder of their name stands."""
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
    """Check and compile every template of a content, its fragments included; done once per version.

    Raises PromptInvalidError that names the message, the line and what is wrong.
    """
    limits = limits or Limits()
    check_shape(content)
    own = _check_source(content, limits)
    sandbox = Sandbox(most_nodes=limits.nodes)
    compiler = _Compiler(
        sandbox=sandbox,
        discovery=Discovery(globals=frozenset(sandbox.globals)),
        inlining=Inlining(sandbox, content.includes, room=limits.source - own),
    )
    messages: tuple[CompiledMessage, ...]
    if content.kind == "text":
        text = compiler.piece(content.text or "", "text")
        messages = (CompiledMessage(fields={"role": "system", "content": ""}, content=text),)
    else:
        messages = tuple(
            compiler.message(message, f"messages[{index}]") for index, message in enumerate(content.messages)
        )
    placeholders = names_of(content)
    used = compiler.discovery.found
    used.update((name, True) for name in placeholders)
    declared = inherited(declaration(content.variables), content.includes, used)
    check = check_for(declared, used, messages=placeholders)
    return CompiledContent(content=content, messages=messages, placeholders=placeholders, check=check, limits=limits)


def render(compiled: CompiledContent, variables: Mapping[str, Any], *, clock: Clock = time.monotonic) -> Rendered:
    """Check the variables and render every message, all of them within one budget.

    Raises PromptVariableMissingError, PromptVariableInvalidError, PromptRenderLimitError or PromptRenderFailedError.
    """
    values = compiled.check.complete(variables)
    budget = Budget(compiled.limits, clock=clock)
    messages = [message.render(values, budget) for message in compiled.messages]
    text = messages[0]["content"] if compiled.content.kind == "text" else None
    if compiled.placeholders:
        messages = filled(messages, compiled.placeholders, values)
    return Rendered(messages=messages, text=text, variables=values)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compiler:
    """What all templates of one content share while they are compiled."""

    sandbox: Sandbox
    discovery: Discovery
    inlining: Inlining

    def piece(self, source: str, where: str) -> Piece:
        return compile_piece(self.sandbox, source, where, self.discovery, self.inlining)

    def message(self, message: Mapping[str, Any], where: str) -> CompiledMessage:
        body = message.get("content")
        if isinstance(body, str):
            return CompiledMessage(fields=message, content=self.piece(body, f"{where}.content"))
        if not isinstance(body, (list, tuple)):
            return CompiledMessage(fields=message)
        parts = tuple(self.part(part, f"{where}.content[{index}]") for index, part in enumerate(body))
        return CompiledMessage(fields=message, parts=parts)

    def part(self, part: Mapping[str, Any], where: str) -> CompiledPart:
        pieces = [(path, self.piece(source, place_of(where, path))) for path, source in leaves(part)]
        text = next((piece for path, piece in pieces if path == TEXT), None)
        return CompiledPart(fields=part, text=text, data=tuple(pair for pair in pieces if pair[0] != TEXT))


def _check_source(content: Content, limits: Limits) -> int:
    """The characters of a content's own templates, if they aren't too many."""
    size = sum(len(source) for _, source in templates_of(content))
    if size > limits.source:
        raise PromptInvalidError(
            f"the templates have {size:,} characters together; at most {limits.source:,} are allowed", param="content"
        )
    return size
