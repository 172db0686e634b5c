"""Text, variables and includes, written as a Jinja2 template that prints them and nothing else.

Knows how to keep Jinja2 from seeing tags where the origin saw text. Refuses to know which origin that was.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# What Jinja2 would take for the start of a tag; a brace before a tag of ours would make one with it.
_OPENINGS = re.compile(r"\{{2,}[%#]?|\{[%#]")
_OPENINGS_BEFORE_TAG = re.compile(r"\{{2,}[%#]?|\{[%#]|\{\Z")
_MANY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Print:
    """A place where the value of an expression goes, mostly a variable's name."""

    expression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Include:
    """A place where another prompt's text goes; `reference` as calls write it: `tone-guide@stable`."""

    reference: str


Part = str | Print | Include


def jinja(parts: Sequence[Part]) -> str:
    """The template that prints these parts. Line ends become `\\n`, as Jinja2 makes them anyway.

    >>> jinja(["Use {{ and }} for ", Print(expression="name"), "."])
    "Use {{ '{{' }} and }} for {{ name }}."
    """
    written = []
    merged = _merged(parts)
    for index, part in enumerate(merged):
        if isinstance(part, str):
            written.append(literal(part, before_tag=index + 1 < len(merged)))
        elif isinstance(part, Print):
            written.append("{{ " + part.expression + " }}")
        else:
            written.append('{% include "' + part.reference + '" %}')
    return "".join(written)


def literal(text: str, *, before_tag: bool = False) -> str:
    """Text that comes out of a template as it is. `before_tag` says that a tag follows it."""
    text = unified(text)
    pattern = _OPENINGS_BEFORE_TAG if before_tag else _OPENINGS
    found = list(pattern.finditer(text))
    if len(found) >= _MANY and "endraw" not in text:
        start, end = found[0].start(), found[-1].end()
        return f"{text[:start]}{{% raw %}}{text[start:end]}{{% endraw %}}{text[end:]}"
    return pattern.sub(lambda match: "{{ '" + match.group() + "' }}", text)


def unified(text: str) -> str:
    """The text with `\\n` for every line end."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _merged(parts: Sequence[Part]) -> list[Part]:
    merged: list[Part] = []
    for part in parts:
        if part == "":
            continue
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        else:
            merged.append(part)
    return merged
