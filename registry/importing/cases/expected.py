"""A check as one cell of a table says it: `contains: Paris`, `similar(0.8): Hello there`, or just the answer.

Knows the forms that promptfoo's CSV files have (https://www.promptfoo.dev/docs/configuration/test-cases/#csv-with-assertions). Refuses to
know tables.
"""

from __future__ import annotations

import csv
import re

from registry.case_content import CHECK_TYPES, REFUSED_TYPES, check_type
from registry.cases import Check
from registry.errors import PromptInvalidError, nearest

_FORM = re.compile(
    r"(?P<type>(?:not-)?[a-z][a-z0-9-]*(?::words|:cosine|:dot|:euclidean)?)(?:\((?P<threshold>\d+(?:\.\d+)?)\))?\s*(?::(?P<value>.*))?",
    re.DOTALL,
)
_SEVERAL = frozenset({"contains-all", "contains-any", "icontains-all", "icontains-any"})
_OTHER_NAMES = {"grade": "llm-rubric", "fn": "javascript", "eval": "javascript"}
_ALONE = CHECK_TYPES - {"equals", "contains", "cost", "length", "language", "python", "similar", "factuality"}
"""Types that a cell may hold without a value; other words alone are an answer."""


def check_of(text: str, where: str) -> Check:
    """The check that a cell stands for; text without a check's name in front is the whole answer, as `equals` has it.

    Raises PromptInvalidError for a check that there isn't, and for a name that was nearly one.
    """
    text = text.strip()
    form = _FORM.fullmatch(text)
    if form is None:
        return Check(type="equals", value=text)
    name, value, threshold = form["type"], form["value"], form["threshold"]
    base = name.removeprefix("not-")
    base = _OTHER_NAMES.get(base, base)
    name = f"not-{base}" if name.startswith("not-") else base
    said = value is not None or threshold is not None
    if base not in CHECK_TYPES and base not in REFUSED_TYPES:
        if value is not None and " " not in base and (guess := _nearly(base)):
            raise PromptInvalidError(
                f"'{where}' begins with '{base}:', which is no check; did you mean '{guess}:'? (for that very answer write "
                f"'equals: {text[:60]}')",
                param=where,
            )
        return Check(type="equals", value=text)
    if not said and base not in _ALONE:
        return Check(type="equals", value=text)
    check_type(name, where)
    return Check(type=name, value=_value(base, value), threshold=None if threshold is None else float(threshold))


def _value(base: str, text: str | None) -> str | list[str] | None:
    if text is None or not text.strip():
        return None
    if base in _SEVERAL:
        return [each.strip() for each in next(csv.reader([text.strip()], skipinitialspace=True))]
    return text.strip()


def _nearly(word: str) -> str | None:
    """A check's name that differs by a letter or two: a slip of the pen, not the first word of an answer."""
    guess = nearest(word, sorted(CHECK_TYPES))
    close = guess is not None and len(word) >= 4 and abs(len(guess) - len(word)) <= 2 and guess[:1] == word[:1]
    return guess if close else None
