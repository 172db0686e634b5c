"""Where templates stand in a content: its text, its messages, and the fields of their parts.

Knows which strings are templates, and a name for the place of each. Refuses to know what a template is made of beyond the marks
that open a tag. In a message that is a list of parts, each `text` is a template, and so is every other string with a mark in it:
the URL of an image, the data of a file. `type` never is, because it says what a part is, and a variable must not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from registry.values import Content

Path = tuple[str | int, ...]
"""The way from a part to a string in it: `("image_url", "url")`."""

TEXT: Path = ("text",)
"""The way to the part's own text, which is a template with or without a mark."""

_MARKS = ("{{", "{%", "{#")
_NEVER = "type"


def templates_of(content: Content) -> Iterator[tuple[str, str]]:
    """Every template of a content with the name of its place, such as `messages[0].content[1].image_url.url`."""
    if content.kind == "text":
        yield "text", content.text or ""
    for index, message in enumerate(content.messages):
        body, where = message.get("content"), f"messages[{index}].content"
        if isinstance(body, str):
            yield where, body
        elif isinstance(body, (list, tuple)):
            for place, part in enumerate(body):
                for path, source in leaves(part):
                    yield place_of(f"{where}[{place}]", path), source


def leaves(part: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """The strings of a part that are templates, in order: `text` always, others where they hold a mark."""
    for key, value in part.items():
        if key == "text" and isinstance(value, str):
            yield TEXT, value
        else:
            yield from _marked(key, value, ())


def with_leaf(part: Any, path: Path, value: str) -> Any:
    """A copy of a part in which the string at `path` is another; what isn't on the way there is shared, not copied."""
    if not path:
        return value
    copy: Any = dict(part) if isinstance(part, Mapping) else list(part)
    copy[path[0]] = with_leaf(part[path[0]], path[1:], value)
    return copy


def place_of(where: str, path: Path) -> str:
    """The name of a place below `where`: `content[1]` and `("file", "file_data")` are `content[1].file.file_data`."""
    return where + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


def _marked(key: str | int, value: Any, above: Path) -> Iterator[tuple[Path, str]]:
    if key == _NEVER:
        return
    path = (*above, key)
    if isinstance(value, str):
        if any(mark in value for mark in _MARKS):
            yield path, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _marked(name, item, path)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _marked(index, item, path)
