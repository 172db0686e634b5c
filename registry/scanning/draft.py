"""Text with holes, as it stands in source code, and the same as a Jinja template.

Knows how placeholders are spelled (Python's `{name}` and `%(name)s`, mustache's `{{name}}`) and how literal braces are kept
from being read as a template. Refuses to know programming languages: it takes text and the names of expressions.
"""

from __future__ import annotations

import keyword
import re
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Style = Literal["format", "percent", "mustache"]

_TAKEN = frozenset(
    {"true", "false", "none", "True", "False", "None", "loop", "range", "dict", "namespace", "cycler", "joiner"}
    | {"and", "or", "not", "in", "is", "if", "else", "self", "super", "varargs", "kwargs", "caller", "messages"}
)
_NOISE = frozenset(
    {
        *("self", "this", "cls", "str", "len", "join", "format", "strip", "trim", "toString", "JSON", "await", "ctx"),
        *(
            "json",
            "dumps",
            "stringify",
            "indent",
            "ensure_ascii",
            "model_dump_json",
            "model_dump",
            "isoformat",
            "strftime",
        ),
        *("True", "False", "None", "true", "false", "null", "undefined", "for", "in", "if", "else", "or", "and", "not"),
    }
)
_BRACES = re.compile(r"\{\{+|\{(?=[%#\r]|\Z)|\r")
_PERCENT = re.compile(r"%(?:\((\w+)\))?[-#0 +]*(?:\d+|\*)?(?:\.\d+)?([diouxXeEfFgGcrsa%])")
_NAMED_PERCENT = re.compile(r"%\(\w+\)[sdrf]")
_MUSTACHE = re.compile(r"\{\{\{?\s*([A-Za-z_][\w.]*)\s*\}?\}\}")
_WORD = re.compile(r"[^\W_]+")
_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class Hole:
    """A place that is filled when the code runs.

    `expression` tells two holes apart; `refers` is the plain name behind it, where it is one that may be a constant.
    """

    expression: str
    refers: str | None = None


Part = str | Hole
Parts = tuple[Part, ...]


def joined(parts: Iterable[Part]) -> Parts:
    """The same parts with neighbouring text in one piece and empty text left out."""
    out: list[Part] = []
    for part in parts:
        if isinstance(part, str) and out and isinstance(out[-1], str):
            out[-1] += part
        elif part != "":
            out.append(part)
    return tuple(out)


def fields(parts: Parts, style: Style, given: Sequence[str] = ()) -> Parts:
    """The placeholders of a style as holes; text whose placeholders don't parse stays as it is.

    `given` are the expressions that fill nameless placeholders, in order.
    """
    split = {"format": _format_fields, "percent": _percent_fields, "mustache": _mustache_fields}[style]
    queue = list(given)
    out: list[Part] = []
    for part in parts:
        out.extend(split(part, queue) if isinstance(part, str) else (part,))
    return joined(out)


def placeholders(text: str) -> Parts | None:
    """Text that looks like a template for `%`, `str.format` or mustache, with its holes; None where it looks like none."""
    if _MUSTACHE.search(text):
        return fields((text,), "mustache")
    if _NAMED_PERCENT.search(text):
        return fields((text,), "percent")
    found = fields((text,), "format")
    if len(found) == 1 or not all(isinstance(part, str) or part.expression.isidentifier() for part in found):
        return None
    return found


def literal(parts: Parts) -> str:
    """The text alone, with a blank where a hole is; what judging and counting words go by."""
    return "".join(part if isinstance(part, str) else " … " for part in parts)


def dedented(parts: Parts, *, strip: bool = False) -> Parts:
    """As `textwrap.dedent` and `str.strip` leave it; holes don't count as text of the margin."""
    lines = literal(parts).split("\n")
    margins = [len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()]
    first = parts[0] if parts and isinstance(parts[0], str) else "x"
    if not first.startswith("\n"):
        margins.append(len(first) - len(first.lstrip()))
    margin = min(margins, default=0)
    out: list[Part] = []
    for index, part in enumerate(parts):
        if isinstance(part, str) and margin:
            start = r"(?:^|(?<=\n))" if index == 0 else r"(?<=\n)"
            part = re.sub(start + rf"[ \t]{{1,{margin}}}", "", part)  # noqa: PLW2901 - the same part, shorter
        out.append(part)
    if strip and out and isinstance(out[0], str):
        out[0] = out[0].lstrip()
    if strip and out and isinstance(out[-1], str):
        out[-1] = out[-1].rstrip()
    return joined(out)


def escaped(text: str, *, before_tag: bool = False) -> str:
    """Text that Jinja gives back exactly as it is: braces that would open a tag, and carriage returns, become values.

    `before_tag` says that a tag follows directly, so that even a single brace at the end would open another one.
    """

    def value(found: re.Match[str]) -> str:
        opens = found[0]
        if opens == "{" and found.end() == len(text) and not before_tag:
            return opens
        return "{{ '" + ("\\r" if opens == "\r" else opens) + "' }}"

    return _BRACES.sub(value, text)


def as_template(parts: Parts) -> tuple[str, tuple[str, ...]]:
    """A Jinja template and its variables, in the order in which they stand in it."""
    names: dict[str, str] = {}
    out = []
    for index, part in enumerate(parts):
        if isinstance(part, str):
            out.append(escaped(part, before_tag=index + 1 < len(parts)))
            continue
        if part.expression not in names:
            names[part.expression] = free_name(variable_name(part.expression), names.values())
        out.append("{{ " + names[part.expression] + " }}")
    return "".join(out), tuple(names.values())


def variable_name(expression: str) -> str:
    """A name for what an expression gives: `user.profile.name` is `user_profile_name`, `len(self.items)` is `items`."""
    without_texts = re.sub(r"""(?<!\[)(["'`])(?:(?!\1).)*\1""", "", expression)
    words = [word for word in re.findall(r"[^\W\d]\w*", without_texts) if word not in _NOISE]
    plain = "_".join(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word).lower().strip("_") for word in words)
    kept: list[str] = []
    for word in _WORD.findall(plain):
        if len("_".join([*kept, word])) > _LONGEST_NAME:
            break
        kept.append(word)
    return "_".join(kept) or "value"


def free_name(wanted: str, used: Iterable[str]) -> str:
    """`wanted` as a name that a template can use and nobody has yet: `name`, then `name_2`."""
    name = wanted if wanted.isidentifier() and wanted.isascii() else "value"
    if name in _TAKEN or keyword.iskeyword(name):
        name = f"{name}_value"
    taken, number = set(used), 2
    unique = name
    while unique in taken:
        unique, number = f"{name}_{number}", number + 1
    return unique


def _format_fields(text: str, given: list[str]) -> Iterable[Part]:
    try:
        pieces = list(string.Formatter().parse(text))
    except ValueError:
        return [text]
    out: list[Part] = []
    for before, name, _, _ in pieces:
        out.append(before)
        if name is None:
            continue
        if name and not re.fullmatch(r"[^\W\d]\w*(?:\.\w+|\[[^\[\]{}\n\"]+\])*|\d+", name):
            return [text]
        out.append(Hole(name if name and not name.isdigit() else _next(given)))
    return out


def _percent_fields(text: str, given: list[str]) -> Iterable[Part]:
    out: list[Part] = []
    at = 0
    for found in _PERCENT.finditer(text):
        out.append(text[at : found.start()])
        out.append("%" if found[2] == "%" else Hole(found[1] or _next(given)))
        at = found.end()
    return [*out, text[at:]]


def _mustache_fields(text: str, _: list[str]) -> Iterable[Part]:
    out: list[Part] = []
    at = 0
    for found in _MUSTACHE.finditer(text):
        out += [text[at : found.start()], Hole(found[1])]
        at = found.end()
    return [*out, text[at:]]


def _next(given: list[str]) -> str:
    return given.pop(0) if given else "value"
