"""Patterns made ready by RE2, one and several, and the user's own checked before anything is recorded. Knows no text."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import re2

from tracing.privacy.patterns import Pattern

_MEMORY = 64 * 1024 * 1024
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


class BadPattern(ValueError):
    """A pattern that can't be used, in words."""


def own_pattern(name: str, regex: str) -> Pattern:
    """A pattern of the user's. Raises BadPattern."""
    if not _NAME.fullmatch(name):
        raise BadPattern(f"{name!r} can't name a pattern: use small letters, digits, - and _")
    ready = compiled(regex)
    if ready.search(b"") is not None:
        raise BadPattern(f"the pattern {name!r} fits an empty text, so it would fit everywhere")
    if ready.groups > 1:
        raise BadPattern(
            f"the pattern {name!r} has {ready.groups} groups: one at most, around what is to go; (?:…) groups without counting"
        )
    return Pattern(kind=name, regex=regex)


def compiled(regex: str, *, groups: bool = True) -> Any:
    """A pattern ready to be used; without `groups` it says faster whether it fits. Raises BadPattern."""
    options = re2.Options()
    options.never_capture = not groups
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        return re2.compile(regex, options)
    except re2.error as error:
        said = error.args[0].decode() if isinstance(error.args[0], bytes) else error
        raise BadPattern(
            f"the pattern {regex[:200]!r} can't be used: {said} (the syntax is RE2's, without look-around and back-references)"
        ) from error


def any_of(regexes: Sequence[str]) -> Any:
    """One pattern that fits where one of several does; None for none."""
    return compiled("|".join(f"(?:{regex})" for regex in regexes), groups=False) if regexes else None


def pattern_set(regexes: Iterable[str]) -> Any:
    """Says which of several patterns fit a text, in one scan."""
    options = re2.Options()
    options.max_mem = _MEMORY
    found = re2.Set.SearchSet(options)
    for regex in regexes:
        found.Add(regex)
    found.Compile()
    return found
