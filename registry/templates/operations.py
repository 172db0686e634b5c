"""Operations that can make much of little, each charged for what it will produce before it does.

Knows text and numbers. Refuses to know contexts and templates: the filters, methods and operators of the sandbox all
come down to these functions.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable
from typing import Any

from jinja2.exceptions import FilterArgumentError
from jinja2.filters import FILTERS
from jinja2.runtime import Undefined
from markupsafe import escape

from registry.templates.budget import Budget

_FORMAT_SPEC = re.compile(r"%(?:\([^)]*\))?[-#0 +]*(\*|\d*)(?:\.(\*|\d+))?[a-zA-Z]")
_NESTED_KEY = re.compile(r"%\([^)]*\(")
_WIDEST_FIELD = 1000


def replace(budget: Budget, value: Any, old: Any, new: Any, count: int | None = None) -> str:
    """str.replace, charged for what it will produce before it does."""
    text, old, new = budget.text(value), budget.text(old), budget.text(new)
    times = text.count(old)
    if count is not None and count >= 0:
        times = min(times, count)
    budget.build(len(text) + times * max(0, len(new) - len(old)))
    return text.replace(old, new, times)


def join(budget: Budget, value: Iterable[Any], between: Any = "") -> str:
    """The items' text with `between` between them, charged piece by piece."""
    pieces, glue, total = [], budget.text(between), 0
    for item in budget.iterate(value):
        piece = budget.text(item)
        total += len(piece) + len(glue)
        budget.fits(total)
        pieces.append(piece)
    budget.build(total)
    return glue.join(pieces)


def printf(budget: Budget, value: Any, /, *args: Any, **kwargs: Any) -> str:
    """The % operator on text: `"%s: %d" | format(a, b)`. Widths above 1,000 and `*` are refused."""
    template = budget.text(value)
    if _NESTED_KEY.search(template):
        raise FilterArgumentError("the name of a field of a format can't contain '('")
    for width, precision in _FORMAT_SPEC.findall(template):
        if "*" in (width, precision) or any(len(n) > 4 or int(n or 0) > _WIDEST_FIELD for n in (width, precision)):
            raise FilterArgumentError(f"a field of a format is at most {_WIDEST_FIELD} characters wide, and not '*'")
    given: Any = kwargs or args
    heaviest = max((budget.weigh(item) for item in (kwargs.values() if kwargs else args)), default=0)
    # Lists print their items with quotes and escapes, so a field may be some times longer than the value weighs.
    budget.build(len(template) + template.count("%") * (heaviest + _WIDEST_FIELD))
    for item in kwargs.values() if kwargs else args:
        budget.text(item)
    filled: str = template % given
    return filled


def center(budget: Budget, value: Any, width: int = 80) -> str:
    """As str.center."""
    text = budget.text(value)
    budget.build(max(len(text), _whole(width, "width")))
    return text.center(width)


def escape_html(budget: Budget, value: Any) -> str:
    """For prompts that mark sections with tags: &, <, >, ' and " as HTML writes them."""
    text = budget.text(value)
    budget.build(len(text) + 4 * sum(text.count(character) for character in "&<>'\""))
    return str(escape(text))


def indent(budget: Budget, s: Any, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    """As Jinja's filter: every line but the first, unless told."""
    text = budget.text(s)
    lines = text.count("\n") + 1
    budget.build(len(text) + lines * (len(width) if isinstance(width, str) else _whole(width, "width")))
    margin = width if isinstance(width, str) else " " * width
    head, *rest = text.split("\n")
    pieces = [margin + head if first else head]
    pieces += [margin + line if line or blank else line for line in rest]
    return "\n".join(pieces)


def round_number(budget: Budget, value: Any, precision: int = 0, method: str = "common") -> float:
    """As Jinja's filter, to at most 100 places."""
    if abs(_whole(precision, "precision")) > 100:
        raise FilterArgumentError("a number is rounded to at most 100 places")
    rounded: float = FILTERS["round"](value, precision, method)
    return rounded


def tojson(budget: Budget, value: Any, indent: int | None = None) -> str:
    """JSON as a model should read it: no HTML escapes, letters as they are, keys in their own order."""
    if indent is not None and not 0 <= _whole(indent, "indent") <= 16:
        raise FilterArgumentError("JSON is indented by 0 to 16 spaces")
    budget.build(budget.weigh(value))
    if indent is None:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_not_json)
    encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, indent=indent, default=_not_json)
    pieces, total = [], 0
    for piece in budget.iterate(encoder.iterencode(value)):
        total += len(piece)  # deep values are indented by their depth on every line
        budget.fits(total)
        pieces.append(piece)
    return "".join(pieces)


def _not_json(value: Any) -> Any:
    if isinstance(value, Undefined):
        str(value)  # raises, and says which name or attribute is missing
    raise FilterArgumentError(f"'tojson' writes what JSON has, not {type(value).__name__}")


def wordwrap(
    budget: Budget,
    s: Any,
    width: int = 79,
    *,
    break_long_words: bool = True,
    wrapstring: str | None = None,
    break_on_hyphens: bool = True,
) -> str:
    """As Jinja's filter."""
    text = budget.text(s)
    lines = len(text) // max(1, _whole(width, "width")) + text.count("\n") + text.count(" ") + 1
    budget.build(len(text) + lines * len(wrapstring or "\n"))
    budget.step(len(text) >> 5)  # wrapping is slow work for its size
    between = "\n" if wrapstring is None else budget.text(wrapstring)
    return between.join(
        between.join(
            textwrap.wrap(
                line,
                width=width,
                expand_tabs=False,
                replace_whitespace=False,
                break_long_words=break_long_words,
                break_on_hyphens=break_on_hyphens,
            )
        )
        for line in text.splitlines()
    )


def _whole(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise FilterArgumentError(f"'{name}' is a whole number, not {type(value).__name__}")
    return value
