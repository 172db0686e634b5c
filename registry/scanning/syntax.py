"""What the finders keep of a source file: the few shapes in which prompts are written, in any language.

Values only. The front ends (`python`, `script`, `yaml_file`) make them; `recognise` reads them. Lines count from 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from registry.scanning.draft import Parts, Style

RETURNS = " returns"
"""Ends the name of a Bind to what a function of that name returns."""
MORE = " +="
"""Ends the name of a Bind to what is added to a text of that name: no use of the name stands for this alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Something that starts in line `line` and ends in line `end`."""

    line: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Words(Node):
    """A literal text. `raw`: its placeholders, if any, have not been looked at."""

    parts: Parts
    raw: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Ref(Node):
    """A name that may stand for a text: `SYSTEM`, `self.prompt`."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined(Node):
    """Texts put together; `glue` stands between them."""

    items: tuple[Node, ...]
    glue: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Formatted(Node):
    """A text whose placeholders are filled (`given`: the expressions for nameless ones), or whose margin is cut."""

    base: Node
    style: Style | Literal["dedent", "strip", "cleandoc"]
    given: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row(Node):
    """A list or tuple."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(Node):
    """A dict or object: keys in their order, None where a key is not a plain text."""

    entries: tuple[tuple[str | None, Node], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Node):
    """A call or construction: `client.messages.create`, with positional and named arguments."""

    callee: str
    args: tuple[Node, ...] = ()
    named: tuple[tuple[str, Node], ...] = ()
    base: Node | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind(Node):
    """A name is given a value."""

    name: str
    value: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Block(Node):
    """Anything else: what stands inside. `scope`: names that are bound inside belong to it."""

    inside: tuple[Node, ...] = field(default=())
    scope: bool = False
