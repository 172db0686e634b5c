"""Access to a registry behind a server, over HTTP: SLUGLINE_URL says where, SLUGLINE_KEY who.

Knows routes and bodies of writes. Refuses to decide anything: the server does, in its one write path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self
from uuid import uuid4

from registry.content import as_mapping
from registry.errors import PromptExistsError, PromptNotFoundError
from registry.reference import check_channel, check_slug
from registry.rules import ANY, Rule
from registry.split import Arm
from registry.storage.reader import STABLE
from registry.values import Content, Move, PromotionRequest, Prompt, ReviewKind, Saved, Schedule
from registry.writing.channels import HOLDBACK_HOURS
from slugline.acting import local_user
from slugline.answers import request_of, saved_of, schedule_of, value_of
from slugline.client import ServerClient, key_text
from slugline.remote_alerts import RemoteAlerts
from slugline.remote_datasets import RemoteDatasets
from slugline.remote_keys import RemoteKeys
from slugline.remote_reads import RemoteReads, channel_path, given, part, prompt_path


def open_remote(url: str, environment: Mapping[str, str]) -> RemoteAccess:
    """The registry of the server at a URL. Nothing is asked yet. Raises SettingsError."""
    return RemoteAccess(ServerClient(url, key=key_text(environment), actor=local_user()))


class RemoteAccess(RemoteReads):
    """The registry behind a server, as the key's holder works on it. Methods: see `slugline.access`."""

    def __init__(self, client: ServerClient) -> None:
        super().__init__(client)
        self.alerts = RemoteAlerts(client)
        self.datasets = RemoteDatasets(client)
        self.keys = RemoteKeys(client)

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
        path = prompt_path(slug)
        body = {"content": as_mapping(content), "message": message, **given(author=author, source=_plain(source))}
        key = idempotency_key or str(uuid4())

        def another() -> Saved:
            return saved_of(self._client.send("POST", f"{path}/versions", body, if_match=if_match, idempotency_key=key))

        def first() -> Saved:
            return saved_of(self._client.send("POST", "/api/prompts", {"slug": slug, **body}, idempotency_key=key))

        if if_match is not None:
            return another() if if_match else first()
        try:
            return another()
        except PromptNotFoundError:
            try:
                return first()
            except PromptExistsError:  # somebody else was faster
                return another()

    def describe(
        self,
        slug: str,
        *,
        owner: str | None = None,
        purpose: str | None = None,
        tags: Sequence[str] | None = None,
        if_match: int | None = None,
    ) -> Prompt:
        body = given(owner=owner, purpose=purpose, tags=None if tags is None else list(tags))
        return value_of(Prompt, self._client.send("PATCH", prompt_path(slug), body, if_match=if_match))

    def archive(self, slug: str, *, reason: str = "", if_match: int | None = None) -> Prompt:
        path = f"{prompt_path(slug)}/archive"
        return value_of(Prompt, self._client.send("POST", path, {"reason": reason}, if_match=if_match))

    def restore(self, slug: str, *, reason: str = "", if_match: int | None = None) -> Prompt:
        path = f"{prompt_path(slug)}/restore"
        return value_of(Prompt, self._client.send("POST", path, {"reason": reason}, if_match=if_match))

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
        body = given(
            version=number,
            reason=reason,
            holdback=holdback,
            holdback_hours=holdback_hours,
            evidence=_plain(evidence),
        )
        return self._move(slug, channel, "promote", body, if_match, idempotency_key)

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
        body = given(to=to, reason=reason, evidence=_plain(evidence))
        return self._move(slug, channel, "rollback", body, if_match, idempotency_key)

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
        shares = [{"version": arm.version, "share": arm.share} for arm in arms]
        body = given(arms=shares, sticky=sticky, reason=reason, evidence=_plain(evidence))
        return self._move(slug, channel, "rollout", body, if_match, idempotency_key)

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
        body = given(version=number, at=at.isoformat(), reason=reason)
        return schedule_of(self._once(f"{channel_path(slug, channel)}/schedule", body, idempotency_key))

    def cancel(self, schedule_id: str, *, reason: str = "") -> Schedule:
        return schedule_of(self._client.send("POST", f"/api/schedules/{part(schedule_id)}/cancel", {"reason": reason}))

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
        asked = {} if policy is None else {"policy": dict(policy)}
        body = {"approvals": approvals, "evaluation": evaluation, "holdback": holdback, "reason": reason, **asked}
        place = ANY if slug == ANY else check_slug(slug)
        return value_of(Rule, self._client.send("PUT", f"/api/rules/{part(place)}/{check_channel(channel)}", body))

    def ask(
        self, slug: str, number: int | None, *, channel: str = STABLE, reason: str, idempotency_key: str = ""
    ) -> PromotionRequest:
        body = given(version=number, channel=channel, reason=reason)
        return request_of(self._once(f"{prompt_path(slug)}/requests", body, idempotency_key))

    def review(self, request: str, kind: ReviewKind, *, text: str = "", idempotency_key: str = "") -> PromotionRequest:
        body = {"kind": kind, "text": text}
        return request_of(self._once(f"/api/requests/{part(request)}/reviews", body, idempotency_key))

    def withdraw(self, request: str, *, reason: str = "") -> PromotionRequest:
        return request_of(self._client.send("POST", f"/api/requests/{part(request)}/withdraw", {"reason": reason}))

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _move(
        self, slug: str, channel: str, what: str, body: Mapping[str, Any], if_match: int | None, key: str
    ) -> Move:
        return value_of(Move, self._once(f"{channel_path(slug, channel)}/{what}", body, key, if_match=if_match))

    def _once(self, path: str, body: Mapping[str, Any], key: str, *, if_match: int | None = None) -> Any:
        """A write that happens once, even if the answer gets lost and it is sent again."""
        return self._client.send("POST", path, body, if_match=if_match, idempotency_key=key or str(uuid4()))


def _plain(data: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if data is None else dict(data)
