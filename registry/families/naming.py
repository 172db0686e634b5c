"""What to call a value, by the words around it: a JSON key, a label, a tag, "today is".

Pure. English only beyond labels and keys; where nothing says what a value is, the caller numbers it.
"""

from __future__ import annotations

import re

from registry.scanning.draft import variable_name

_BEFORE = tuple(
    re.compile(pattern + r"\Z", re.IGNORECASE)
    for pattern in (
        r"""["'](?P<name>[^\W\d][\w .-]{0,39})["']\s*:\s*["'\[]?\s*""",  # "customer": "…"
        r"""\b(?P<name>[^\W\d][\w.-]{0,39})\s*=\s*["']?""",  # customer="…"
        r"""<(?P<name>[^\W\d][\w.-]{0,39})>\s*""",  # <customer>…
        r"""(?:^|[\n.;,(|])[\s>*#_-]*(?:(?:the|your|current|user's) )*"""
        r"""(?P<name>[^\W\d][\w'’-]*(?: [^\W\d][\w'’-]*){0,2})[*_]*\s*[:=][*_]*\s*["'`(\[]*""",
    )
)
_PHRASES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern + r"\W*\Z", re.IGNORECASE), name)
    for pattern, name in (
        (r"\b(?:today(?:'s date)?|date|the day) is", "date"),
        (r"\b(?:as of|today,)", "date"),
        (r"\b(?:current )?time is", "time"),
        (r"\b(?:speaking|talking|chatting) (?:to|with)", "user_name"),
        (r"\b(?:named|called|my name is|your name is)", "name"),
        (
            r"\b(?:answer|respond|reply|write|speak|translate(?: it| this| the text)?)(?: only)? (?:in|into|to)",
            "language",
        ),
        (r"\bat most|\bno more than|\bup to|\bwithin", "limit"),
        (r"\b(?:assistant|agent|chatbot|bot)(?: that works)? (?:for|of|at)", "company"),
    )
)
_IS = re.compile(
    r"(?:\b(?:the|a|an|this|their|your|his|her|'s)\s|[’']s )?\b(?P<name>[^\W\d][\w-]*(?: [^\W\d][\w-]*)?) (?:is|are|was)\W*\Z",
    re.IGNORECASE,
)
_SMALL_WORDS = frozenset(
    {
        *("the", "a", "an", "this", "that", "it", "he", "she", "they", "you", "we", "there", "who", "which", "what"),
        *("is", "are", "and", "or", "of", "to", "in", "on", "for"),
    }
)
_LINE = 120


def proposed_name(before: str, kind: str) -> str | None:
    """A name for what stands after `before`; None where that says nothing. `kind` is a date's or a time's last resort."""
    close = before[-_LINE:]
    for pattern in _BEFORE:
        found = pattern.search(close)
        if found:
            name = variable_name(found["name"].replace("-", "_").replace("'s", ""))
            if name != "value" and name not in _SMALL_WORDS:
                return name
    line = close.rpartition("\n")[2]
    for phrase, name in _PHRASES:
        if phrase.search(line):
            return name
    said = _IS.search(line)
    if said:
        words = [word for word in said["name"].lower().split() if word not in _SMALL_WORDS]
        if words:
            return variable_name("_".join(words))
    return {"date": "date", "date-time": "time"}.get(kind)
