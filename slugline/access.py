"""What the command line needs of a registry, wherever that is: its own database here, or a server that is asked over HTTP.

Knows the operations, as the Store names them, with whoever acts bound already. Refuses to know how they are carried out
(`slugline.local`, `slugline.remote`). Both ways give the same frozen values, raise the same RegistryErrors, and ask for
the same roles.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, Self

from slugline.access_reads import ReadAccess

if TYPE_CHECKING:
    from registry.rules import Rule
    from registry.split import Arm
    from registry.values import (
        Content,
        Move,
        PromotionRequest,
        Prompt,
        ReviewKind,
        Saved,
        Schedule,
    )
    from slugline.access_alerts import AlertAccess
    from slugline.access_datasets import DatasetAccess
    from slugline.access_keys import KeyAccess
    from slugline.settings import Settings


class Access(ReadAccess, Protocol):
    """The registry as a command works on it; a context manager that lets go of what it holds.

    Methods raise what the Store's raise; `slugline.client.ServerError` where a server can't be asked. Writes take `if_match`, the
    prompt's revision that was read, and `idempotency_key`; a write over HTTP makes a key up where none is given, so that it happens
    once even if the answer got lost and it was sent again.
    """

    @property
    def keys(self) -> KeyAccess:
        """Caller keys."""
        ...

    @property
    def alerts(self) -> AlertAccess:
        """Monitors and alerts."""
        ...

    @property
    def datasets(self) -> DatasetAccess:
        """Datasets."""
        ...

    def save(
        self,
        slug: str,
        content: Content,
        *,
        message: str,
        author: str | None = None,
        source: Mapping[str, Any] | None = None,
        if_match: int | None = None,
        idempotency_key: str = "",
    ) -> Saved:
        """Store content as the prompt's next version; the first save makes the prompt. `if_match` 0: it must be new."""
        ...

    def describe(
        self,
        slug: str,
        *,
        owner: str | None = None,
        purpose: str | None = None,
        tags: Sequence[str] | None = None,
        if_match: int | None = None,
    ) -> Prompt:
        """Change owner, purpose and tags; None leaves a field as it is."""
        ...

    def archive(self, slug: str, *, reason: str = "", if_match: int | None = None) -> Prompt:
        """Take a prompt out of use."""
        ...

    def restore(self, slug: str, *, reason: str = "", if_match: int | None = None) -> Prompt:
        """Take an archived prompt into use again."""
        ...

    def promote(
        self,
        slug: str,
        number: int | None,
        *,
        channel: str = "stable",
        reason: str,
        holdback: float | None = None,
        holdback_hours: float = 24.0,
        evidence: Mapping[str, Any] | None = None,
        if_match: int | None = None,
        idempotency_key: str = "",
    ) -> Move:
        """Put a version (None: the newest) on a channel."""
        ...

    def rollback(
        self,
        slug: str,
        *,
        channel: str = "stable",
        to: int | None = None,
        reason: str,
        evidence: Mapping[str, Any] | None = None,
        if_match: int | None = None,
        idempotency_key: str = "",
    ) -> Move:
        """Put back what was live on a channel before."""
        ...

    def rollout(
        self,
        slug: str,
        arms: Sequence[Arm],
        *,
        channel: str = "stable",
        sticky: str = "session",
        reason: str,
        evidence: Mapping[str, Any] | None = None,
        if_match: int | None = None,
        idempotency_key: str = "",
    ) -> Move:
        """Give versions a share of a channel; of an arm, `version` and `share` count."""
        ...

    def schedule(
        self,
        slug: str,
        number: int | None,
        *,
        at: datetime,
        channel: str = "stable",
        reason: str,
        idempotency_key: str = "",
    ) -> Schedule:
        """Put a version on a channel at a time to come."""
        ...

    def cancel(self, schedule_id: str, *, reason: str = "") -> Schedule:
        """Take a scheduled move back."""
        ...

    def protect(
        self,
        slug: str,
        *,
        channel: str = "stable",
        approvals: int = 0,
        evaluation: bool = False,
        holdback: float = 0.0,
        policy: Mapping[str, Any] | None = None,
        reason: str = "",
    ) -> Rule:
        """Say what a channel asks for; `slug` "*" is every prompt, all zero takes the rule away."""
        ...

    def ask(
        self, slug: str, number: int | None, *, channel: str = "stable", reason: str, idempotency_key: str = ""
    ) -> PromotionRequest:
        """Ask that a version (None: the newest) be promoted."""
        ...

    def review(self, request: str, kind: ReviewKind, *, text: str = "", idempotency_key: str = "") -> PromotionRequest:
        """Approve, reject or comment on a request."""
        ...

    def withdraw(self, request: str, *, reason: str = "") -> PromotionRequest:
        """Take a request back."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def open_access(settings: Settings, server: str | None = None, environment: Mapping[str, str] = os.environ) -> Access:
    """The registry of a server, or without one the settings' own, made or brought up to date first if need be.

    `server` is a URL; None takes SLUGLINE_URL's, "" none. In the name of the key in SLUGLINE_KEY, else of the operating system's user.
    Raises SettingsError for a URL that can't be one, and AuthKeyNotFoundError or AuthKeyEndedError for a key.
    """
    url = environment.get("SLUGLINE_URL", "").strip() if server is None else server.strip()
    if url:
        from slugline.remote import open_remote

        return open_remote(url, environment)
    from slugline.local import open_local

    return open_local(settings, environment)
