"""Templates for clients that fill in the blanks themselves: text with plain `{{ name }}` in it, and nothing else.

Knows which templates such a client can be given at all, and how a placeholder is written for it. Refuses to know who asks.
A template with logic (loops, conditions, filters, defaults) is refused, never given half-rendered or as source: the client
would send the source to a model as if it were a prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import nodes

from registry.errors import PromptNotPlainError
from registry.serving.live import Resolved
from registry.templates.inlining import Inlining, Lines
from registry.templates.limits import Limits
from registry.templates.sandbox import Sandbox

WAY_OUT = "call it through the proxy, or have it rendered at /api/prompts/{slug}/render"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blank:
    """A place in a template where a variable's value goes."""

    name: str


Plain = Sequence[str | Blank]
"""A template as text and blanks, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How one client writes blanks, and what it would take for a blank though it is text."""

    client: str
    blank: Callable[[str], str]
    misread: Callable[[Plain, Sequence[str]], str]
    """Of a template and the prompt's variables: the text that this client would misread, or an empty string."""


class PlainTemplates:
    """Turns the templates of one version into what a client can fill in itself."""

    def __init__(self, resolved: Resolved, writing: Writing) -> None:
        self._slug = resolved.version.slug
        self._reference = resolved.version.reference
        self._names = resolved.compiled.variables
        self._sandbox = Sandbox(most_nodes=Limits().nodes)
        self._inlining = Inlining(self._sandbox, resolved.version.content.includes, room=Limits().source)
        self._writing = writing
        declared = resolved.compiled.schema.get("properties", {})
        self._defaults = [name for name in self._names if _has_default(declared.get(name))]

    def text(self, source: str, where: str) -> str:
        """A template in the client's writing.

        Raises PromptNotPlainError that says what stands in the way.
        """
        plain = self._plain(source, where)
        wrong = self._writing.misread(plain, self._names)
        if wrong:
            raise self.refusal(
                where, f"holds the text {wrong!r}, which {self._writing.client} would take for a variable"
            )
        return "".join(part if isinstance(part, str) else self._writing.blank(part.name) for part in plain)

    def fixed(self, source: str, where: str) -> str:
        """A template that must have no blanks, because the client fills in none there."""
        plain = self._plain(source, where)
        if any(isinstance(part, Blank) for part in plain):
            raise self.refusal(where, f"holds a variable where {self._writing.client} fills in none")
        return "".join(part for part in plain if isinstance(part, str))

    def refusal(self, where: str, why: str) -> PromptNotPlainError:
        """The error for something in this version that the client can't be given."""
        way_out = WAY_OUT.format(slug=self._slug)
        return PromptNotPlainError(
            f"'{self._reference}' can't be filled in by {self._writing.client}: {where} {why}; {way_out}", param=where
        )

    def _plain(self, source: str, where: str) -> Plain:
        lines = Lines()
        parts: list[str | Blank] = []
        for statement in _flat(self._inlining.into(self._sandbox.parse(source), lines).body):
            if not isinstance(statement, nodes.Output):
                raise self.refusal(where, f"has logic at {lines.say(statement.lineno)}")
            for node in statement.nodes:
                if isinstance(node, nodes.TemplateData):
                    parts.append(node.data)
                elif isinstance(node, nodes.Const) and isinstance(node.value, str):
                    parts.append(node.value)
                elif isinstance(node, nodes.Name) and node.name in self._names:
                    if node.name in self._defaults:
                        raise self.refusal(where, f"uses {node.name!r}, whose default only Slugline knows")
                    parts.append(Blank(name=node.name))
                else:
                    raise self.refusal(
                        where, f"has more than a variable's name between braces at {lines.say(node.lineno)}"
                    )
        return _joined(parts)


def _flat(body: Sequence[nodes.Node]) -> Iterator[nodes.Node]:
    """Statements, with those of fragments in their place."""
    for statement in body:
        if isinstance(statement, nodes.Scope):
            yield from _flat(statement.body)
        else:
            yield statement


def _joined(parts: Sequence[str | Blank]) -> Plain:
    joined: list[str | Blank] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return joined


def _has_default(declared: Any) -> bool:
    return isinstance(declared, Mapping) and "default" in declared
