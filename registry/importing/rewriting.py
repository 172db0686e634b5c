"""Templates of Jinja2's relatives, rewritten tag by tag into the Jinja2 of this registry.

Knows how to find tags and the words in them, and what Nunjucks (https://mozilla.github.io/nunjucks/templating.html) and other
Jinja2 dialects write differently. Refuses to understand expressions: whatever it doesn't name passes through, and compiling
the result tells whether that holds. Text between tags is never touched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from registry.errors import PromptInvalidError
from registry.importing.writing import unified

_OPENING = re.compile(r"\{\{|\{%|\{#")
_RAW = re.compile(r"\{%-?\s*(raw|verbatim)\s*-?%\}")
_WORD = re.compile(
    r"""(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?P<name>[^\W\d]\w*)|(?P<number>\d+(?:\.\d+)?)"""
    r"""|(?P<space>\s+)|(?P<end>[-+]?(?:\}\}|%\}))|(?P<sign>===|!==|==|!=|<=|>=|\*\*|//|.)""",
    re.DOTALL,
)
# Methods of JavaScript's strings and lists, with the filter that does the same; the others have none.
_METHODS = {
    "toUpperCase": "upper",
    "toLowerCase": "lower",
    "trim": "trim",
    "join": "join",
    "toString": "string",
}
_SAME = {"startsWith": "startswith", "endsWith": "endswith"}
_NONE = {
    **{"includes": "write: x in y", "map": "use the filter map", "filter": "use the filter select or selectattr"},
    **{"slice": "write: x[1:2]", "substring": "write: x[1:2]", "charAt": "write: x[0]", "concat": "write: x ~ y"},
    **{"forEach": "use {% for %}", "push": "lists can't be changed", "toFixed": "use the filter round"},
    **{"replaceAll": "use the filter replace", "indexOf": "write: x in y", "reduce": "use the filter sum or join"},
}
Words = list[str]


def without_safe(template: str) -> str:
    """A template of Jinja2 without the filter `safe`: values are never escaped here, so there is nothing to say so for."""
    return _each_tag(template, _unmarked)


def from_nunjucks(template: str, *, samples: Mapping[str, Sequence[Any]] | None = None) -> tuple[str, list[str]]:
    """A template of Nunjucks in this registry's Jinja2, and sentences about what may differ.

    `samples` are values that variables are known to have: `{% for a, b in x %}` runs over pairs where x is a list, and over
    an object's entries otherwise. Raises PromptInvalidError for what has no counterpart.
    """
    notes: list[str] = []
    written = _each_tag(template, lambda words: _rewritten(_unmarked(words), samples or {}, notes))
    return written, list(dict.fromkeys(notes))


def _each_tag(template: str, change: Callable[[Words], Words]) -> str:
    template = unified(template)
    written: list[str] = []
    position = 0
    while match := _OPENING.search(template, position):
        written.append(template[position : match.start()])
        if raw := _RAW.match(template, match.start()):
            text, position = _raw(template, raw)
            written.append(text)
        elif match.group() == "{#":
            end = template.find("#}", match.end())
            position = len(template) if end < 0 else end + 2
            written.append(template[match.start() : position])
        else:
            words, position = _words(template, match.end(), "}}" if match.group() == "{{" else "%}")
            written.append(match.group() + "".join(change(words)))
    written.append(template[position:])
    return "".join(written)


def _raw(template: str, raw: re.Match[str]) -> tuple[str, int]:
    closing = re.compile(r"\{%-?\s*end" + raw.group(1) + r"\s*-?%\}").search(template, raw.end())
    if closing is None:
        raise PromptInvalidError(f"{{% {raw.group(1)} %}} is not closed", param="template")
    opened = raw.group().replace("verbatim", "raw")
    return opened + template[raw.end() : closing.start()] + closing.group().replace("verbatim", "raw"), closing.end()


def _words(template: str, position: int, closing: str) -> tuple[Words, int]:
    """The words of a tag, its end included. A closing inside a string or a bracket of the expression doesn't end it."""
    words: Words = []
    depth = 0
    while match := _WORD.match(template, position):
        word = match.group()
        if match.lastgroup == "end" and not (depth and closing == "}}" and word.startswith("}")):
            if word.endswith(closing):
                return [*words, word], match.end()
        elif match.lastgroup == "end":  # }} closes two objects, or one and the tag: take one brace at a time
            word = word[0]
        depth += (word == "{") - (word == "}")
        words.append(word)
        position = match.start() + len(word)
    raise PromptInvalidError(f"a tag is not closed: {{{''.join(words)[:60]!r}", param="template")


def _unmarked(words: Words) -> Words:
    """The words of a tag without `| safe`."""
    written: Words = []
    index = 0
    while index < len(words):
        if words[index] == "|" and _next(words, index) == "safe":
            index = _skip(words, index, "safe")
            while written and written[-1].isspace():
                written.pop()
        else:
            written.append(words[index])
        index += 1
    return written


def _rewritten(words: Words, samples: Mapping[str, Sequence[Any]], notes: list[str]) -> Words:
    words = _statement(words, samples, notes)
    written: Words = []
    index = 0
    while index < len(words):
        word = words[index]
        before = _last(written)
        if word == "dump" and before == "|":
            written.append("tojson")
            notes.append("JSON has a space after each comma and colon here, where JavaScript writes none")
        elif word in ("===", "!=="):
            written.append(word[:2])
        elif word == "null" and before not in (".", "|"):
            written.append("none")
        elif before == "." and _is_property(words, index):
            _property(written, words, index)
            if word in _METHODS and word != "join":
                index = _skip(words, index, ")")
        else:
            written.append(word)
        index += 1
    return written


def _statement(words: Words, samples: Mapping[str, Sequence[Any]], notes: list[str]) -> Words:
    """Statements that are named or meant otherwise; `words` begin after the opening."""
    first = next((i for i, word in enumerate(words) if not word.isspace() and word not in ("-", "+")), None)
    if first is None or words[-1].endswith("}}"):
        return words
    if words[first] == "elseif":
        return [*words[:first], "elif", *words[first + 1 :]]
    if words[first] == "for" and "in" in words and words[first : words.index("in")].count(",") == 1:
        return _pairs(words, words.index("in"), samples, notes)
    return words


def _pairs(words: Words, place: int, samples: Mapping[str, Sequence[Any]], notes: list[str]) -> Words:
    """A loop with two names: over an object's entries, unless it is known to run over pairs."""
    over = "".join(words[place + 1 : -1]).strip()
    if not re.fullmatch(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*", over):
        notes.append(f"'{{% for … in {over} %}}' runs over pairs here; over an object's entries it needs .items()")
        return words
    if any(isinstance(value, list) for value in samples.get(over, ())):
        return words
    if not samples.get(over):
        notes.append(f"'{over}' is taken for an object, because a loop takes its keys and values")
    return [*words[: place + 1], " ", f"{over}.items()", " ", words[-1]]


def _is_property(words: Words, index: int) -> bool:
    word = words[index]
    called = _next(words, index) == "("
    if word == "length":
        return not called
    return called and (word in _METHODS or word in _SAME or word in _NONE)


def _property(written: Words, words: Words, index: int) -> None:
    """A property or method of JavaScript's; `written` ends with the dot before it."""
    word = words[index]
    if word in _NONE:
        raise PromptInvalidError(f"'.{word}(…)' is JavaScript's: {_NONE[word]}", param="template")
    if word in _SAME:
        written.append(_SAME[word])
        return
    if word == "length" and [each for each in written if not each.isspace()][-2:-1] == ["loop"]:
        written.append(word)
        return
    while written.pop() != ".":
        pass
    written += ["|", "length" if word == "length" else _METHODS[word]]


def _last(words: Words) -> str:
    return next((word for word in reversed(words) if not word.isspace()), "")


def _next(words: Words, index: int) -> str:
    return next((word for word in words[index + 1 :] if not word.isspace()), "")


def _skip(words: Words, index: int, until: str) -> int:
    while words[index] != until:
        index += 1
    return index
