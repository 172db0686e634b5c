"""Templates that know nothing but `{{ name }}`: read as text and names, and written as Jinja2.

Knows two readings: the scanner of Langfuse's Python SDK (an opening, then the next closing, whatever stands between), and
the plain pattern of the pages where OpenAI's prompts are written. Refuses to know includes, types and messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from registry.importing.writing import Part, Print

_NAME = re.compile(r"\w(?:[\w .-]{0,98}\w)?")
_PATTERN = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_.-]*)\s*\}\}")
_MUSTACHE = re.compile(r"[#^/>!&={]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Blank:
    """A place for a variable's value, by the name that the origin gave it."""

    name: str


Braced = Sequence[str | Blank]
Reader = Callable[[str], Braced]


def scanned(text: str) -> Braced:
    """Text and blanks as Langfuse's Python SDK finds them (`TemplateParser` in langfuse/model.py, MIT).

    What stands between braces and can't be a variable's name, such as JSON, is text: the SDK leaves it as it is, too, as
    long as no value of that name is given.
    """
    parts: list[str | Blank] = []
    position = 0
    while (start := text.find("{{", position)) >= 0 and (end := text.find("}}", start)) >= 0:
        name = text[start + 2 : end].strip()
        parts.append(text[position:start])
        parts.append(Blank(name=name) if _NAME.fullmatch(name) else text[start : end + 2])
        position = end + 2
    parts.append(text[position:])
    return parts


def matched(text: str) -> Braced:
    """Text and blanks where a blank is `{{name}}`, spaces inside or not, and all else is text."""
    parts: list[str | Blank] = []
    position = 0
    for match in _PATTERN.finditer(text):
        parts += [text[position : match.start()], Blank(name=match.group(1))]
        position = match.end()
    return [*parts, text[position:]]


def names_in(parts: Braced) -> list[str]:
    """Names of the blanks, in order."""
    return [part.name for part in parts if isinstance(part, Blank)]


def filled(parts: Braced, names: dict[str, str]) -> list[Part]:
    """The parts of a template, each blank printing the variable that `names` gives for it."""
    return [part if isinstance(part, str) else Print(expression=names[part.name]) for part in parts]


def left_as_text(parts: Iterable[str | Blank]) -> list[str]:
    """Sentences about tags of Mustache, which stay text here."""
    found = []
    for part in parts:
        if isinstance(part, str):
            found += [
                f"'{_short(match.group())}' stays text: it looks like a section or partial of Mustache; write it in Jinja2"
                for match in re.finditer(r"\{\{(\{?[^{}]*)\}\}", part)
                if _MUSTACHE.match(match.group(1).strip())
            ]
    return found


def _short(text: str) -> str:
    return " ".join(text.split()) if len(text) <= 40 else " ".join(text[:39].split()) + "…"
