"""Reads of a registry over HTTP. Knows routes; refuses to decide anything: the server asks for roles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from registry.content import as_mapping
from registry.diffs.compare import Diff
from registry.reference import check_channel, check_slug, parse_reference
from registry.rules import Rule
from registry.storage.reader import STABLE
from registry.values import Content, HistoryEntry, PromotionRequest, Prompt, Schedule, Version
from registry.writing.audit import Verified
from slugline.answers import live_of, named, request_of, schedule_of, value_of, values_of, version_of
from slugline.client import ServerClient

if TYPE_CHECKING:
    from evaluation.served import VersionCalls

_PAGE = 1000


class RemoteReads:
    """The registry behind a server, as the key's holder sees it. Methods: see `slugline.access`."""

    def __init__(self, client: ServerClient) -> None:
        self._client = client

    @property
    def base_url(self) -> str:
        return self._client.base_url

    @property
    def asks_for_keys(self) -> bool:
        return self._client.has_key

    def prompts(self) -> list[Prompt]:
        return values_of(Prompt, self._client.get("/api/prompts", archived=True), "prompts")

    def prompt(self, slug: str) -> Prompt:
        return value_of(Prompt, self._client.get(f"{prompt_path(slug)}/about"))

    def versions(self, slug: str) -> list[Version]:
        return [version_of(each) for each in named(self._client.get(f"{prompt_path(slug)}/versions"), "versions")]

    def version(self, slug: str, number: int) -> Version:
        return self.resolve(f"{slug}@{number}")

    def resolve(self, reference: str) -> Version:
        asked = parse_reference(reference)
        return version_of(self._client.get(f"{prompt_path(asked.slug)}/versions/{asked.selector or STABLE}"))

    def compare(self, reference: str, content: Content) -> Diff:
        asked = parse_reference(reference)
        path = f"{prompt_path(asked.slug)}/diff?from={asked.selector or STABLE}"
        return value_of(Diff, self._client.send("POST", path, {"content": as_mapping(content)}, writes=False))

    def history(
        self, slug: str | None = None, *, limit: int = 100, before_revision: int | None = None
    ) -> list[HistoryEntry]:
        path = "/api/audit" if slug is None else f"{prompt_path(slug)}/history"
        found: list[HistoryEntry] = []
        while len(found) < limit:
            # Pages are sifted by what is in scope, so a short one needn't be the last.
            page = self._client.get(path, limit=min(_PAGE, max(limit, 100)), before=before_revision)
            found += values_of(HistoryEntry, page, "events")
            before_revision = named(page, "next_before")
            if before_revision is None:
                break
        return found[:limit]

    def live_at(self, when: datetime, slug: str | None = None) -> list[HistoryEntry]:
        if slug is None:
            return [live_of(each) for each in named(self._client.get("/api/live", time=when.isoformat()), "live")]
        return values_of(HistoryEntry, self._client.get(f"{prompt_path(slug)}/at", time=when.isoformat()), "moves")

    def calls_between(
        self, slugs: Sequence[str], since: datetime, until: datetime
    ) -> Mapping[str, Sequence[VersionCalls]]:
        from evaluation.served import VersionCalls

        window = {"since": since.isoformat(), "until": until.isoformat()}
        found = {slug: self._client.get(f"{prompt_path(slug)}/served", **window) for slug in slugs}
        return {slug: values_of(VersionCalls, answer, "served") for slug, answer in found.items()}

    def schedules(self, slug: str | None = None, *, state: str | None = None) -> list[Schedule]:
        found = self._client.get("/api/schedules", prompt=_checked(slug), state=state)
        return [schedule_of(each) for each in named(found, "schedules")]

    def rules(self) -> list[Rule]:
        return values_of(Rule, self._client.get("/api/rules"), "rules")

    def lacking(self, slug: str, channel: str, version: int) -> Sequence[str]:
        return list(named(self._client.get(f"{channel_path(slug, channel)}/missing", version=version), "missing"))

    def requests(self, slug: str | None = None, *, state: str | None = None) -> list[PromotionRequest]:
        found = self._client.get("/api/requests", prompt=_checked(slug), state=state)
        return [request_of(each) for each in named(found, "requests")]

    def request(self, request_id: str) -> PromotionRequest:
        return request_of(self._client.get(f"/api/requests/{part(request_id)}"))

    def verify(self, *, head: str | None = None) -> Verified:
        return value_of(Verified, self._client.get("/api/audit/verify", head=head))


def prompt_path(slug: str) -> str:
    """Where a prompt is. Raises PromptReferenceInvalidError for what can't be a slug, as the registry itself does."""
    return f"/api/prompts/{check_slug(slug)}"


def channel_path(slug: str, channel: str) -> str:
    """Where a channel of a prompt is."""
    return f"{prompt_path(slug)}/channels/{check_channel(channel)}"


def part(text: str) -> str:
    """Some text as one part of a path: servers take an escaped slash for one of their own, and clients walk along dots."""
    return quote(text.replace("/", "∕"), safe="") if text.strip(".") else "-"


def given(**fields: Any) -> Mapping[str, Any]:
    """A body of those fields that say something."""
    return {name: value for name, value in fields.items() if value is not None}


def _checked(slug: str | None) -> str | None:
    return None if slug is None else check_slug(slug)
