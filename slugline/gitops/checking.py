"""Whether what is to be pushed would be taken, and in which order: fragments before the prompts that include them. Pure but for `find`.

Knows that a fragment may come from the registry or from the same push. Refuses to know how either is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from registry.content import canonical, content_hash
from registry.errors import PromptChannelEmptyError, PromptInvalidError, PromptNotFoundError, PromptVersionNotFoundError
from registry.reference import Reference, parse_reference
from registry.storage.rows import LATEST
from registry.templates.parts import templates_of
from registry.templates.piece import fragments_in
from registry.templates.sandbox import Sandbox
from registry.templates.template import compile_content
from registry.values import Content, Version
from registry.writing.locking import has_includes, lock_includes
from slugline.gitops.values import Change

Resolve = Callable[[str], Version]
"""The version that a reference means in the registry; raises what the registry's reads raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checker:
    """Compiles what is to be pushed, with its fragments as they will be. `changes` are what is to be pushed, by slug."""

    changes: Mapping[str, Change]
    resolve: Resolve
    _inside: list[str] = field(default_factory=list)

    def check(self, change: Change) -> None:
        """Return if the registry would take the file. Raises a RegistryError that says what is wrong."""
        if change.source is not None:
            compile_content(self._locked(change.slug, change.source.content))

    def _locked(self, slug: str, content: Content) -> Content:
        return lock_includes(content, self._find, slug=slug) if has_includes(content) else content

    def _find(self, reference: Reference) -> Version:
        try:
            try:
                return self.resolve(str(reference))
            except PromptChannelEmptyError:
                if reference.selector is not None:
                    raise
                return self.resolve(f"{reference.slug}@{LATEST}")
        except (PromptNotFoundError, PromptVersionNotFoundError):
            change = self.changes.get(reference.slug)
            number = (change.newest or 0) + 1 if change is not None else 0
            if change is None or reference.selector not in (None, LATEST, number):
                raise
            return self._to_come(change, number)

    def _to_come(self, change: Change, number: int) -> Version:
        """The version that this very push will make of a fragment."""
        source = change.source
        if change.slug in self._inside or source is None:
            raise PromptInvalidError(f"'{change.slug}' includes itself, by way of {', '.join(self._inside)}")
        self._inside.append(change.slug)
        try:
            content = self._locked(change.slug, source.content)
        finally:
            self._inside.pop()
        return Version(
            slug=change.slug,
            number=number,
            version_id="",
            content=content,
            content_hash=content_hash(canonical(content)),
            message="",
            author="",
            created_at=datetime.min.replace(tzinfo=UTC),
            revision=0,
        )


def in_order(changes: Iterable[Change]) -> list[Change]:
    """The changes, each after those whose prompts it includes."""
    by_slug = {change.slug: change for change in changes}
    found: dict[str, Change] = {}
    entered: set[str] = set()

    def enter(change: Change) -> None:
        if change.slug in entered:
            return
        entered.add(change.slug)
        for slug in _included(change):
            if slug in by_slug:
                enter(by_slug[slug])
        found[change.slug] = change

    for change in by_slug.values():
        enter(change)
    return list(found.values())


def _included(change: Change) -> list[str]:
    if change.source is None or not change.writes:
        return []
    sandbox = Sandbox(most_nodes=0)
    return [
        parse_reference(reference).slug
        for where, template in templates_of(change.source.content)
        if "include" in template
        for reference, _ in fragments_in(sandbox, template, where)
    ]
