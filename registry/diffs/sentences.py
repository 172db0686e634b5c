"""What is set differently in two contents, a sentence each. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from registry.diffs.words import MessageDiff
from registry.values import Content
from registry.writing.locking import used_in


def sentences_of(old: Content, new: Content, messages: Sequence[MessageDiff], *, locked: bool) -> tuple[str, ...]:
    """The sentences. `messages` are those that differ; `locked` says that the fragments of both are known by their versions."""
    return (
        *_set("kind", old.kind, new.kind),
        *_counted(messages),
        *_variables(old.variables, new.variables),
        *_set("model", old.model, new.model),
        *_set("list of fallbacks", ", ".join(old.fallbacks) or None, ", ".join(new.fallbacks) or None),
        *_named("parameter", old.parameters, new.parameters),
        *_named("tool", _tools(old.tools), _tools(new.tools), show=False),
        *_response_format(old.response_format, new.response_format),
        *_fragments(old, new, locked=locked),
        *_named("locked field", dict.fromkeys(old.locked, True), dict.fromkeys(new.locked, True), show=False),
    )


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
        yield f"the rules for all variables together change from {shortened(rest[0])} to {shortened(rest[1])}"


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
            yield f"{what} '{name}' is removed" + (f" (was {shortened(before)})" if show and before else "")
        elif name not in old:
            yield f"{what} '{name}' is added" + (f": {shortened(after)}" if show and after not in ({}, None) else "")
        elif _ordered(before) != _ordered(after):
            yield f"{what} '{name}' changes" + (f" from {shortened(before)} to {shortened(after)}" if show else "")


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


def shortened(value: Any) -> str:
    """JSON of at most 200 characters."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else text[:199] + "…"
