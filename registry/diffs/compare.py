"""What changed between two versions, in people's terms: sentences for what is set, words for what is said.

Knows two contents and compares them. Refuses to know where they come from, and to print colours: segments say which
words stayed, went and came, and a page or a terminal shows that in its own way. Fragments are compared as what they say: words
are those of the templates with their fragments in place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2.exceptions import TemplateSyntaxError

from registry.diffs.sentences import sentences_of, shortened
from registry.diffs.words import MessageDiff, Operation, paired
from registry.templates.inlining import expanded
from registry.templates.parts import templates_of
from registry.templates.sandbox import Sandbox
from registry.values import Content, Version

Spell = Callable[[str, Mapping[str, Any]], str]
"""How a template reads, given the locks of its fragments."""
_MARKS: Mapping[Operation, tuple[str, str]] = {"same": ("", ""), "removed": ("[-", "-]"), "added": ("{+", "+}")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """All of it. `sentences` tell every change that isn't a change of words; empty if nothing changed but words."""

    old: str
    new: str
    sentences: tuple[str, ...]
    messages: tuple[MessageDiff, ...]

    @property
    def empty(self) -> bool:
        """True when both versions say and set the same."""
        return not self.sentences and not self.messages


def diff(old: Version, new: Version) -> Diff:
    """Compare two versions, of one prompt or of two."""
    sentences, messages = diff_content(old.content, new.content)
    return Diff(old=old.reference, new=new.reference, sentences=sentences, messages=messages)


def diff_content(old: Content, new: Content) -> tuple[tuple[str, ...], tuple[MessageDiff, ...]]:
    """Compare two contents, such as a version's and a file's: sentences, and the messages that differ."""
    # Of what isn't locked yet, such as a file's includes, the words aren't known: then both are compared as they are written.
    locked = _locked(old) and _locked(new)
    spell = _expanded if locked else _as_written
    messages = tuple(paired(_texts(old, spell), _texts(new, spell)))
    return sentences_of(old, new, messages, locked=locked), messages


def as_text(found: Diff) -> str:
    """The diff for a terminal or a log: `[-went-]` and `{+came+}` in the words around them."""
    if found.empty:
        return f"{found.old} and {found.new} say and set the same.\n"
    lines = [f"{found.old} → {found.new}", *(f"  • {sentence}" for sentence in found.sentences)]
    for message in found.messages:
        place = message.new if message.new is not None else message.old
        lines += ["", f"{message.role} (message {(place or 0) + 1}):"]
        marked = "".join(f"{_MARKS[s.operation][0]}{s.text}{_MARKS[s.operation][1]}" for s in message.segments)
        lines += [f"  {line}" for line in marked.splitlines()]
    return "\n".join(lines) + "\n"


def _as_written(source: str, _: Mapping[str, Any]) -> str:
    return source


def _expanded(source: str, includes: Mapping[str, Any]) -> str:
    """A template with its fragments in place; as it is written where it isn't one, such as that of a half-written file."""
    try:
        return expanded(Sandbox(most_nodes=0), source, includes) if includes else source
    except TemplateSyntaxError:
        return source


def _locked(content: Content) -> bool:
    """Whether every fragment that the templates include is there with its words."""
    try:
        for _, source in templates_of(content):
            if "include" in source:
                expanded(Sandbox(most_nodes=0), source, content.includes)
    except TemplateSyntaxError:
        return False
    return True


def _texts(content: Content, spell: Spell) -> list[tuple[str, str]]:
    if content.kind == "text":
        return [("text", spell(content.text or "", content.includes))]
    return [(str(message.get("role")), _text(message, content.includes, spell)) for message in content.messages]


def _text(message: Mapping[str, Any], includes: Mapping[str, Any], spell: Spell) -> str:
    if message.get("role") == "placeholder":
        return f"({message.get('name')} of the call)"
    body = message.get("content")
    parts = [spell(body, includes)] if isinstance(body, str) else [_part(part, includes, spell) for part in body or ()]
    extra = {key: value for key, value in message.items() if key not in ("role", "content")}
    return "\n".join([*parts, *([shortened(extra)] if extra else [])])


def _part(part: Mapping[str, Any], includes: Mapping[str, Any], spell: Spell) -> str:
    if set(part) == {"type", "text"} and part["type"] == "text":
        return spell(part["text"], includes)
    return shortened({**part, "text": spell(part["text"], includes)} if "text" in part else part)
