"""Reads of the registry's own database for the command line, each for whoever has a role for it, as `/api` does it.

Knows which role each read takes. Refuses to write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from registry.diffs.compare import Diff, diff
from registry.errors import version_id_not_found
from registry.reference import check_slug, is_version_id, parse_reference
from registry.roles import Principal, permit, permit_version
from registry.rules import ANY, Rule
from registry.split import Split
from registry.storage.reader import STABLE, nothing_on
from registry.values import Content, HistoryEntry, PromotionRequest, Prompt, Schedule, Version
from registry.writing.audit import Verified, verify
from registry.writing.store import Store

SENT = "what was sent"
"""What content is called in a diff that is in nobody's registry yet."""

_PAGE = 1000


class LocalReads:
    """The registry in a database, as `by` sees it. Methods: see `slugline.access`."""

    def __init__(self, store: Store, by: Principal) -> None:
        self._store = store
        self._by = by

    def prompts(self) -> list[Prompt]:
        permit(self._by, "inspect")
        return [prompt for prompt in self._store.prompts() if self._by.sees(prompt.slug)]

    def prompt(self, slug: str) -> Prompt:
        self._inspect(slug)
        return self._store.prompt(slug)

    def versions(self, slug: str) -> list[Version]:
        self._inspect(slug)
        return self._store.versions(slug)

    def version(self, slug: str, number: int) -> Version:
        return self.resolve(f"{slug}@{number}")

    def resolve(self, reference: str) -> Version:
        asked = parse_reference(reference)
        slug, selector = asked.slug, asked.selector
        permit(self._by, "read", slug=slug)
        prompt = self._store.prompt(slug)
        channel = None
        if isinstance(selector, int):
            version = self._store.version(slug, selector)
        elif isinstance(selector, str) and is_version_id(selector):
            version = self._by_id(prompt, selector)
        else:
            channel = selector or STABLE
            if channel not in prompt.channels:
                raise nothing_on(slug, channel, prompt.channels)
            version = self._store.version(slug, prompt.channels[channel])
        permit_version(self._by, slug, channel, _standing(prompt, version.number))
        return version

    def compare(self, reference: str, content: Content) -> Diff:
        self._inspect(parse_reference(reference).slug)
        version = self.resolve(reference)
        there = self._store.locked(version.slug, content, by=self._by)
        return replace(diff(version, replace(version, number=0, content=there)), new=SENT)

    def history(
        self, slug: str | None = None, *, limit: int = 100, before_revision: int | None = None
    ) -> list[HistoryEntry]:
        if slug is not None:
            self._inspect(slug)
            return self._store.history(slug, limit=limit, before_revision=before_revision)
        permit(self._by, "inspect")
        found: list[HistoryEntry] = []
        while len(found) < limit:
            page = self._store.history(limit=_PAGE, before_revision=before_revision)
            found += [entry for entry in page if self._by.sees(entry.slug)]
            if len(page) < _PAGE:
                break
            before_revision = page[-1].revision
        return found[:limit]

    def live_at(self, when: datetime, slug: str | None = None) -> list[HistoryEntry]:
        self._inspect(slug)
        return [entry for entry in self._store.live_at(when, slug) if self._by.sees(entry.slug)]

    def schedules(self, slug: str | None = None, *, state: str | None = None) -> list[Schedule]:
        self._inspect(slug)
        return [each for each in self._store.schedules(slug, state=state) if self._by.sees(each.slug)]

    def rules(self) -> list[Rule]:
        permit(self._by, "inspect")
        return [rule for rule in self._store.rules() if rule.slug == ANY or self._by.sees(rule.slug)]

    def lacking(self, slug: str, channel: str, version: int) -> Sequence[str]:
        self._inspect(slug)
        self._store.version(slug, version)  # says so where there is no such version
        return self._store.lacking(slug, channel, version)

    def requests(self, slug: str | None = None, *, state: str | None = None) -> list[PromotionRequest]:
        self._inspect(slug)
        return [each for each in self._store.requests(slug, state=state) if self._by.sees(each.slug)]

    def request(self, request_id: str) -> PromotionRequest:
        permit(self._by, "inspect")
        found = self._store.request(request_id)
        self._inspect(found.slug)
        return found

    def verify(self, *, head: str | None = None) -> Verified:
        permit(self._by, "inspect")
        return verify(self._store, head=head)

    def _inspect(self, slug: str | None) -> None:
        permit(self._by, "inspect", slug=None if slug is None else check_slug(slug))

    def _by_id(self, prompt: Prompt, version_id: str) -> Version:
        for version in self._store.versions(prompt.slug):
            if version.version_id == version_id:
                return version
        raise version_id_not_found(prompt.slug, version_id, prompt.latest)


def _standing(prompt: Prompt, number: int) -> list[str]:
    """The channels that serve a version now."""
    now = datetime.now(UTC)
    return [
        name
        for name, version in prompt.channels.items()
        if version == number or any(arm.version == number for arm in prompt.splits.get(name, Split()).at(now))
    ]
