"""What the command line reads of a registry, wherever that is; `slugline.access` for it.

Knows the reads, as the Store names them. Refuses to know how they are carried out (`slugline.local_reads`, `slugline.remote_reads`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from evaluation.served import VersionCalls
    from registry.diffs.compare import Diff
    from registry.rules import Rule
    from registry.values import Content, HistoryEntry, PromotionRequest, Prompt, Schedule, Version
    from registry.writing.audit import Verified


class ReadAccess(Protocol):
    """The registry as a command sees it. Methods raise what the Store's raise; `slugline.client.ServerError` where a server can't be
    asked."""

    @property
    def base_url(self) -> str:
        """Where a server answers for this registry, or would if it ran: http://127.0.0.1:4545."""
        ...

    @property
    def asks_for_keys(self) -> bool:
        """Whether calls need a caller key, as far as can be told: there are any, or this access has one."""
        ...

    def prompts(self) -> Sequence[Prompt]:
        """Every prompt in scope, by slug, archived ones too."""
        ...

    def prompt(self, slug: str) -> Prompt:
        """One prompt."""
        ...

    def versions(self, slug: str) -> Sequence[Version]:
        """A prompt's versions, newest first."""
        ...

    def version(self, slug: str, number: int) -> Version:
        """One version."""
        ...

    def resolve(self, reference: str) -> Version:
        """The version that `slug`, `slug@channel`, `slug@number` or `slug@version-id` means now; a split channel's own one."""
        ...

    def compare(self, reference: str, content: Content) -> Diff:
        """What would change if this content were saved: between a version and what is in nobody's registry yet."""
        ...

    def history(
        self, slug: str | None = None, *, limit: int = 100, before_revision: int | None = None
    ) -> Sequence[HistoryEntry]:
        """Writes, newest first, of one prompt or of all in scope. Over HTTP without idempotency keys."""
        ...

    def live_at(self, when: datetime, slug: str | None = None) -> Sequence[HistoryEntry]:
        """What stood on each channel at a time, as the moves that put it there. The evidence has the split, if there was one;
        what else it has is not told for all prompts over HTTP."""
        ...

    def calls_between(
        self, slugs: Sequence[str], since: datetime, until: datetime
    ) -> Mapping[str, Sequence[VersionCalls]]:
        """Which versions answered each prompt's production calls in a half-open window. Raises ClickHouseUnavailable, or
        ServerError, where the calls' database can't be asked."""
        ...

    def schedules(self, slug: str | None = None, *, state: str | None = None) -> Sequence[Schedule]:
        """Scheduled moves, those due first in front."""
        ...

    def rules(self) -> Sequence[Rule]:
        """What channels ask for, those of prompts in scope."""
        ...

    def lacking(self, slug: str, channel: str, version: int) -> Sequence[str]:
        """What a channel still asks for before a version may go onto it, a sentence each."""
        ...

    def requests(self, slug: str | None = None, *, state: str | None = None) -> Sequence[PromotionRequest]:
        """Requests for promotions, newest first. Over HTTP without identities."""
        ...

    def request(self, request_id: str) -> PromotionRequest:
        """One request."""
        ...

    def verify(self, *, head: str | None = None) -> Verified:
        """Whether the history is whole; `head` is `revision:hash` as it was noted once."""
        ...
