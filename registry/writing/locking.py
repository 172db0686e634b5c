"""Locking at save: each fragment that a content includes is resolved once, and its words become part of the version.

Knows references in templates, what a lock holds, and which locks the author may bring. Refuses to know storage: it is handed
`find`, and the caller decides within which transaction that reads. The rules:

1. A reference without a selector means what is on `stable`, or the newest version where nothing is. `find` knows that.
2. A lock that the content brings (`{"tone-guide": 3}`, or a whole lock as a version shows it) is kept, once it is checked against
   what the registry holds. Without one a reference is resolved anew, so the same text may make a new version after a fragment moved.
3. A lock holds the fragment's text, schema and own locks. So a version never needs its fragments again, and its content hash covers
   their words. That no fragment can be inside itself follows: a version is locked to versions that were there before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from registry.errors import (
    AuthPromptNotAllowedError,
    AuthRoleNotAllowedError,
    PromptInvalidError,
    PromptNotFoundError,
    RegistryError,
    RegistryUnavailableError,
    nearest,
)
from registry.reference import Reference, is_version_id, parse_reference
from registry.templates.limits import Limits
from registry.templates.parts import templates_of
from registry.templates.piece import fragments_in
from registry.templates.sandbox import Sandbox
from registry.values import Content, Version

_INCLUDE = "include"  # a template without this word has no tag of that name, and needn't be parsed to know

Find = Callable[[Reference], Version]
"""The version that a reference means now; raises a RegistryError that says why there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """A fragment inside a content. `direct` if a template of the content itself includes it; `pinned` if its reference can't move."""

    slug: str
    number: int
    direct: bool
    pinned: bool


def has_includes(content: Content) -> bool:
    """Whether there is anything to lock. Raises PromptInvalidError for a template that can't be parsed."""
    sandbox = Sandbox(most_nodes=0)
    return bool(content.includes) or any(
        fragments_in(sandbox, source, where) for where, source in templates_of(content) if _INCLUDE in source
    )


def lock_includes(content: Content, find: Find, *, slug: str = "", limits: Limits | None = None) -> Content:
    """The content with every fragment in its templates locked; `slug` is the prompt it is for.

    Raises PromptInvalidError that names the template, the line and the fragment: for one that isn't there or isn't plain text,
    for a lock that isn't what the registry holds or that no template asks for, and for too much text.
    """
    limits = limits or Limits()
    sandbox = Sandbox(most_nodes=0)
    locks: dict[str, Any] = {}
    size = 0
    for where, source in templates_of(content):
        for reference, line in fragments_in(sandbox, source, where) if _INCLUDE in source else ():
            if reference not in locks:
                try:
                    locks[reference] = _lock(reference, content.includes.get(reference), find, slug)
                except (RegistryUnavailableError, AuthRoleNotAllowedError, AuthPromptNotAllowedError):
                    raise
                except PromptNotFoundError as error:  # says which fragment, and which may be meant
                    raise _refused(where, line, error.message) from error
                except RegistryError as error:
                    raise _refused(where, line, f"fragment '{reference}': {error.message}") from error
                size += _size(locks[reference])
                if size > limits.source:
                    raise _refused(where, line, f"the fragments have more than {limits.source:,} characters together")
    for reference in content.includes:
        if reference not in locks:
            guess = nearest(reference, locks)
            hint = f"did you mean '{guess}'?" if guess else "leave its lock out of 'includes'"
            raise PromptInvalidError(f"no template includes '{reference[:120]}'; {hint}", param="includes")
    return replace(content, includes=locks)


def lock_of(version: Version) -> dict[str, Any]:
    """What another prompt keeps of a version of a fragment. Raises PromptInvalidError for one that isn't plain text."""
    content = version.content
    if content.kind != "text":
        raise PromptInvalidError(
            f"version {version.number} of '{version.slug}' is a chat prompt, whose messages can't stand in another's text: only a "
            "prompt of kind 'text' can be included ('kind: text' in its file)"
        )
    found = {
        "version": version.number,
        "version_id": version.version_id,
        "hash": version.content_hash,
        "text": content.text,
        "variables": content.variables,
        "includes": content.includes,
    }
    return {name: value for name, value in found.items() if name not in ("variables", "includes") or value}


def used_in(includes: Mapping[str, Any], *, direct: bool = True) -> Iterator[Used]:
    """All fragments under these locks, those inside fragments after the one that they are in."""
    for reference, lock in includes.items():
        slug, selector = _parsed(reference)
        yield Used(slug=slug, number=number_of(lock), direct=direct, pinned=_is_pin(selector))
        if isinstance(lock, Mapping):
            yield from used_in(lock.get("includes", {}), direct=False)


def moved(includes: Mapping[str, Any], to: Version) -> dict[str, Any]:
    """The locks as they would be if the fragment `to` is a version of were locked to it now, at every depth.

    References that name a number or an id stay where they are.
    """
    result: dict[str, Any] = {}
    for reference, lock in includes.items():
        slug, selector = _parsed(reference)
        if slug == to.slug and not _is_pin(selector):
            result[reference] = lock_of(to)
        elif "includes" in lock:
            result[reference] = {**lock, "includes": moved(lock["includes"], to)}
        else:
            result[reference] = lock
    return result


def short(includes: Mapping[str, Any]) -> dict[str, int]:
    """Locks as files have them: `{"tone-guide": 3}`."""
    return {reference: number_of(lock) for reference, lock in includes.items()}


def number_of(lock: Any) -> int:
    """The version in a lock, whichever way it is written."""
    number: int = lock["version"] if isinstance(lock, Mapping) else lock
    return number


def _lock(reference: str, brought: Any, find: Find, slug: str) -> dict[str, Any]:
    asked = parse_reference(reference)
    if asked.slug == slug:
        raise PromptInvalidError("a prompt can't include itself: save the text in question as a prompt of its own")
    if brought is None:
        lock = lock_of(find(asked))
    else:
        number = number_of(brought)
        if isinstance(asked.selector, int) and asked.selector != number:
            raise PromptInvalidError(f"its lock names version {number}, the reference itself version {asked.selector}")
        lock = lock_of(find(Reference(slug=asked.slug, selector=number)))
        for name, value in brought.items() if isinstance(brought, Mapping) else ():
            if value != lock.get(name, {}):
                raise PromptInvalidError(
                    f"the '{name}' in its lock isn't that of version {number} here: leave the lock out to have the reference "
                    f"locked anew, or name the version's number alone"
                )
        if is_version_id(asked.selector) and asked.selector != lock["version_id"]:
            raise PromptInvalidError(f"its lock names version {number}, which has another id than the reference")
    return lock


def _parsed(reference: str) -> tuple[str, int | str | None]:
    parsed = parse_reference(reference)
    return parsed.slug, parsed.selector


def _is_pin(selector: int | str | None) -> bool:
    return isinstance(selector, int) or is_version_id(selector)


def _size(lock: Mapping[str, Any]) -> int:
    return len(lock["text"]) + sum(_size(inner) for inner in lock.get("includes", {}).values())


def _refused(where: str, line: int, reason: str) -> PromptInvalidError:
    return PromptInvalidError(f"{where}, line {line}: {reason}", param=where)
