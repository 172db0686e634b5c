"""What changed between two versions, in people's terms: sentences for what is set, words for what is said.

Knows two contents and compares them. Refuses to know where they come from, and to print colours: segments say which
words stayed, went and came, and a page or a terminal shows that in its own way. Fragments are compared as what they say: words
are those of the templates with their fragments in place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

from diff_match_patch import diff_match_patch
from jinja2.exceptions import TemplateSyntaxError

from registry.templates.inlining import expanded
from registry.templates.parts import templates_of
from registry.templates.sandbox import Sandbox
from registry.values import Content, Version
from registry.writing.locking import used_in

Operation = Literal["same", "removed", "added"]
Spell = Callable[[str, Mapping[str, Any]], str]
"""How a template reads, given the locks of its fragments."""
_OPERATIONS: Mapping[int, Operation] = {0: "same", -1: "removed", 1: "added"}

# A tag of the template is one word: it changes as a whole or not at all.
_WORDS = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\w+|\s+|[^\w\s]", re.DOTALL)
_FIRST_CODE = 0x100
_LONGEST_SECONDS = 2.0
_MARKS: Mapping[Operation, tuple[str, str]] = {"same": ("", ""), "removed": ("[-", "-]"), "added": ("{+", "+}")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A run of words that stayed, went or came."""

    operation: Operation
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDiff:
    """One message that differs. `old` and `new` are its places, from 0; None where it isn't there."""

    role: str
    old: int | None
    new: int | None
    segments: tuple[Segment, ...]


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
    messages = tuple(_messages(_texts(old, spell), _texts(new, spell)))
    sentences = [
        *(_set("kind", old.kind, new.kind)),
        *(_counted(messages)),
        *_variables(old.variables, new.variables),
        *_set("model", old.model, new.model),
        *_set("list of fallbacks", ", ".join(old.fallbacks) or None, ", ".join(new.fallbacks) or None),
        *_named("parameter", old.parameters, new.parameters),
        *_named("tool", _tools(old.tools), _tools(new.tools), show=False),
        *_response_format(old.response_format, new.response_format),
        *_fragments(old, new, locked=locked),
        *_named("locked field", dict.fromkeys(old.locked, True), dict.fromkeys(new.locked, True), show=False),
    ]
    return tuple(sentences), messages


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


def words(old: str, new: str) -> tuple[Segment, ...]:
    """The difference between two texts, word by word; together the segments are both texts in full."""
    codes: dict[str, str] = {}
    before, after = _encoded(old, codes), _encoded(new, codes)
    tokens = {code: token for token, code in codes.items()}
    differ = diff_match_patch()
    differ.Diff_Timeout = _LONGEST_SECONDS  # after that the rest is told as one change; nothing gets lost
    found = differ.diff_main(before, after, False)
    differ.diff_cleanupSemantic(found)
    return tuple(
        Segment(operation=_OPERATIONS[operation], text="".join(tokens[code] for code in text))
        for operation, text in found
    )


def _encoded(text: str, codes: dict[str, str]) -> str:
    """One character per word, so that an algorithm for characters works on words."""
    return "".join(codes.setdefault(token, chr(_FIRST_CODE + len(codes))) for token in _WORDS.findall(text))


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
    return "\n".join([*parts, *([_json(extra)] if extra else [])])


def _part(part: Mapping[str, Any], includes: Mapping[str, Any], spell: Spell) -> str:
    if set(part) == {"type", "text"} and part["type"] == "text":
        return spell(part["text"], includes)
    return _json({**part, "text": spell(part["text"], includes)} if "text" in part else part)


def _messages(old: Sequence[tuple[str, str]], new: Sequence[tuple[str, str]]) -> Iterator[MessageDiff]:
    """Pair equal messages first, then those of the same role between them, in order; the rest went or came."""
    for operation, i, i_end, j, j_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if operation == "equal":
            continue
        came = list(range(j, j_end))
        for place in range(i, i_end):
            role, text = old[place]
            partner = next((other for other in came if new[other][0] == role), None)
            if partner is None:
                yield MessageDiff(role=role, old=place, new=None, segments=_whole("removed", text))
                continue
            for other in [other for other in came if other < partner]:
                yield MessageDiff(role=new[other][0], old=None, new=other, segments=_whole("added", new[other][1]))
            came = [other for other in came if other > partner]
            yield MessageDiff(role=role, old=place, new=partner, segments=words(text, new[partner][1]))
        for other in came:
            yield MessageDiff(role=new[other][0], old=None, new=other, segments=_whole("added", new[other][1]))


def _whole(operation: Operation, text: str) -> tuple[Segment, ...]:
    return (Segment(operation=operation, text=text),) if text else ()


def _counted(messages: Sequence[MessageDiff]) -> Iterator[str]:
    for message in messages:
        if message.new is None:
            yield f"the {message.role} message {(message.old or 0) + 1} is removed"
        elif message.old is None:
            yield f"a {message.role} message is added as number {message.new + 1}"


def _variables(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    yield from _named("variable", old.get("properties", {}), new.get("properties", {}))
    before, after = set(old.get("required", ())), set(new.get("required", ()))
    yield from (f"variable '{name}' is required now" for name in sorted(after - before))
    yield from (f"variable '{name}' isn't required any more" for name in sorted(before - after))
    rest = [{k: v for k, v in schema.items() if k not in ("properties", "required", "type")} for schema in (old, new)]
    if rest[0] != rest[1]:
        yield f"the rules for all variables together change from {_json(rest[0])} to {_json(rest[1])}"


def _fragments(old: Content, new: Content, *, locked: bool) -> Iterator[str]:
    """Fragments by slug, those inside others among them: a reference that is written differently is no other fragment.

    What isn't locked may name no versions at all, so of that only moves are known.
    """
    before, after = _versions_used(old), _versions_used(new)
    for slug in dict.fromkeys((*before, *after)):
        if not locked and not (slug in before and slug in after):
            continue
        if slug not in after:
            yield f"fragment '{slug}' ({before[slug]}) is taken out"
        elif slug not in before:
            yield f"fragment '{slug}' ({after[slug]}) is included"
        elif before[slug] != after[slug]:
            yield f"fragment '{slug}' moves from {before[slug]} to {_shorter(before[slug], after[slug])}"


def _shorter(before: str, after: str) -> str:
    """`4` after "version 3", but `versions 1 and 2`."""
    one = before.startswith("version ") and after.startswith("version ")
    return after.removeprefix("version ") if one else after


def _versions_used(content: Content) -> dict[str, str]:
    numbers: dict[str, set[int]] = {}
    for used in used_in(content.includes):
        numbers.setdefault(used.slug, set()).add(used.number)
    return {
        slug: ("version " if len(found) == 1 else "versions ") + " and ".join(map(str, sorted(found)))
        for slug, found in numbers.items()
    }


def _tools(tools: Sequence[Mapping[str, Any]] | None) -> dict[str, Any]:
    named = {}
    for place, tool in enumerate(tools or ()):
        function = tool.get("function", tool)
        name = function.get("name") if isinstance(function, Mapping) else None
        named[str(name or tool.get("type") or f"number {place + 1}")] = tool
    return named


def _response_format(old: Any, new: Any) -> Iterator[str]:
    if _ordered(old) == _ordered(new):
        return
    kinds = [value.get("type", "custom") if value else "none" for value in (old, new)]
    same = f"the response format ({kinds[0]}) has another schema"
    yield same if kinds[0] == kinds[1] else f"the response format changes from {kinds[0]} to {kinds[1]}"


def _named(what: str, old: Mapping[str, Any], new: Mapping[str, Any], *, show: bool = True) -> Iterator[str]:
    for name in [*old, *(name for name in new if name not in old)]:
        before, after = old.get(name), new.get(name)
        if name not in new:
            yield f"{what} '{name}' is removed" + (f" (was {_json(before)})" if show and before else "")
        elif name not in old:
            yield f"{what} '{name}' is added" + (f": {_json(after)}" if show and after not in ({}, None) else "")
        elif _ordered(before) != _ordered(after):
            yield f"{what} '{name}' changes" + (f" from {_json(before)} to {_json(after)}" if show else "")


def _set(what: str, old: Any, new: Any) -> Iterator[str]:
    if old == new:
        return
    if old is None:
        yield f"the {what} is set to {new}"
    elif new is None:
        yield f"the {what} {old} is taken out: the caller's counts"
    else:
        yield f"the {what} changes from {old} to {new}"


def _ordered(value: Any) -> str:
    """As stored: the order of a schema's fields is part of what it says."""
    return json.dumps(value, ensure_ascii=False)


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else text[:199] + "…"
