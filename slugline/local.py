"""Access to the registry's own database, with a server running or not.

Knows whose name writes are made in; the Store asks for their roles. Refuses to decide anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import Engine

from registry.roles import Principal
from registry.rules import Rule
from registry.serving.snapshot import check_present
from registry.split import Arm
from registry.storage.database import migrate, open_engine
from registry.storage.reader import STABLE
from registry.values import Content, Move, PromotionRequest, Prompt, ReviewKind, Saved, Schedule
from registry.writing.channels import HOLDBACK_HOURS
from registry.writing.key_store import KeyStore
from registry.writing.store import Store
from slugline.acting import acting
from slugline.folder import DataFolder
from slugline.local_alerts import LocalAlerts
from slugline.local_datasets import LocalDatasets
from slugline.local_keys import LocalKeys
from slugline.local_reads import LocalReads
from slugline.settings import Settings

if TYPE_CHECKING:
    from evaluation.served import VersionCalls


def open_local(settings: Settings, environment: Mapping[str, str]) -> LocalAccess:
    """The settings' registry, made or brought up to date first if need be."""
    engine = open_migrated(settings)
    return LocalAccess(engine, acting(KeyStore(engine), environment), settings)


def open_migrated(settings: Settings) -> Engine:
    """The registry's database with its newest tables, in a data folder that is there.

    Raises RegistryUnavailableError, also where SQLite's file has gone: an empty one must not take its place unasked.
    """
    folder = DataFolder(settings.data)
    folder.make()
    engine = open_engine(settings.registry_url)
    check_present(engine, folder.snapshot)
    migrate(engine)
    return engine


class LocalAccess(LocalReads):
    """The registry in a database, as `by` works on it. Methods: see `slugline.access`."""

    def __init__(self, engine: Engine, by: Principal, settings: Settings) -> None:
        super().__init__(Store(engine), by)
        self._engine = engine
        self._settings = settings
        self._key_store = KeyStore(engine)
        self.alerts = LocalAlerts(self._store, by)
        self.datasets = LocalDatasets(self._store, by)
        self.keys = LocalKeys(self._key_store, by, DataFolder(settings.data))

    @property
    def base_url(self) -> str:
        return DataFolder(self._settings.data).served_at or f"http://{self._settings.host}:{self._settings.port}"

    @property
    def asks_for_keys(self) -> bool:
        return bool(self._key_store.all_keys())

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
        return self._store.save(
            slug,
            content,
            message=message,
            by=self._by,
            author=author,
            source=source,
            if_match=if_match,
            idempotency_key=idempotency_key,
        )

    def describe(
        self,
        slug: str,
        *,
        owner: str | None = None,
        purpose: str | None = None,
        tags: Sequence[str] | None = None,
        if_match: int | None = None,
    ) -> Prompt:
        return self._store.describe(slug, owner=owner, purpose=purpose, tags=tags, by=self._by, if_match=if_match)

    def archive(self, slug: str, *, reason: str = "", if_match: int | None = None) -> Prompt:
        return self._store.archive(slug, reason=reason, by=self._by, if_match=if_match)

    def restore(self, slug: str, *, reason: str = "", if_match: int | None = None) -> Prompt:
        return self._store.restore(slug, reason=reason, by=self._by, if_match=if_match)

    def promote(
        self,
        slug: str,
        number: int | None,
        *,
        channel: str = STABLE,
        reason: str,
        holdback: float | None = None,
        holdback_hours: float = HOLDBACK_HOURS,
        evidence: Mapping[str, Any] | None = None,
        if_match: int | None = None,
        idempotency_key: str = "",
    ) -> Move:
        return self._store.promote(
            slug,
            number,
            channel=channel,
            reason=reason,
            by=self._by,
            holdback=holdback,
            holdback_hours=holdback_hours,
            evidence=evidence,
            if_match=if_match,
            idempotency_key=idempotency_key,
        )

    def rollback(
        self,
        slug: str,
        *,
        channel: str = STABLE,
        to: int | None = None,
        reason: str,
        evidence: Mapping[str, Any] | None = None,
        if_match: int | None = None,
        idempotency_key: str = "",
    ) -> Move:
        return self._store.rollback(
            slug,
            channel=channel,
            to=to,
            reason=reason,
            by=self._by,
            evidence=evidence,
            if_match=if_match,
            idempotency_key=idempotency_key,
        )

    def rollout(
        self,
        slug: str,
        arms: Sequence[Arm],
        *,
        channel: str = STABLE,
        sticky: str = "session",
        reason: str,
        evidence: Mapping[str, Any] | None = None,
        if_match: int | None = None,
        idempotency_key: str = "",
    ) -> Move:
        return self._store.rollout(
            slug,
            [Arm(version=arm.version, share=arm.share) for arm in arms],
            channel=channel,
            sticky=sticky,
            reason=reason,
            by=self._by,
            evidence=evidence,
            if_match=if_match,
            idempotency_key=idempotency_key,
        )

    def schedule(
        self,
        slug: str,
        number: int | None,
        *,
        at: datetime,
        channel: str = STABLE,
        reason: str,
        idempotency_key: str = "",
    ) -> Schedule:
        return self._store.schedule(
            slug, number, at=at, channel=channel, reason=reason, by=self._by, idempotency_key=idempotency_key
        )

    def cancel(self, schedule_id: str, *, reason: str = "") -> Schedule:
        return self._store.cancel(schedule_id, reason=reason, by=self._by)

    def protect(
        self,
        slug: str,
        *,
        channel: str = STABLE,
        approvals: int = 0,
        evaluation: bool = False,
        holdback: float = 0.0,
        policy: Mapping[str, Any] | None = None,
        reason: str = "",
    ) -> Rule:
        return self._store.protect(
            slug,
            channel=channel,
            approvals=approvals,
            evaluation=evaluation,
            holdback=holdback,
            policy=policy,
            reason=reason,
            by=self._by,
        )

    def ask(
        self, slug: str, number: int | None, *, channel: str = STABLE, reason: str, idempotency_key: str = ""
    ) -> PromotionRequest:
        return self._store.ask(
            slug, number, channel=channel, reason=reason, by=self._by, idempotency_key=idempotency_key
        )

    def review(self, request: str, kind: ReviewKind, *, text: str = "", idempotency_key: str = "") -> PromotionRequest:
        return self._store.review(request, kind, text=text, by=self._by, idempotency_key=idempotency_key)

    def withdraw(self, request: str, *, reason: str = "") -> PromotionRequest:
        return self._store.withdraw(request, reason=reason, by=self._by)

    def calls_between(
        self, slugs: Sequence[str], since: datetime, until: datetime
    ) -> Mapping[str, Sequence[VersionCalls]]:
        from evaluation.served import versions_served
        from slugline.records import open_records

        for slug in slugs:
            self._inspect(slug)

        async def ask() -> Mapping[str, Sequence[VersionCalls]]:
            async with open_records(self._settings) as records:
                return {slug: await versions_served(records, prompt=slug, since=since, until=until) for slug in slugs}

        return asyncio.run(ask())

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
