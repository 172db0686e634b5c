"""Asking for a promotion, and what others say of it: review, comment, approve, reject, withdraw.

Knows who may speak for what: nobody for their own work. Refuses to move channels: an approval makes a promotion possible, and
somebody with the role for it makes it happen.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, update

from registry.errors import (
    PromptInvalidError,
    PromptOwnWorkError,
    PromptReferenceInvalidError,
    PromptRequestClosedError,
    PromptRequestNotFoundError,
)
from registry.reference import check_channel, check_slug
from registry.roles import Principal, permit
from registry.rules import names_of
from registry.storage import governance
from registry.storage.reader import check_number, known
from registry.storage.rows import LATEST
from registry.storage.tables import requests, reviews
from registry.values import REVIEW_KINDS, PromotionRequest, ReviewKind
from registry.writing.ledger import Act, enter, next_stamp, repeated
from registry.writing.protection import ProtectionWrites
from registry.writing.writer import expected, note


class RequestWrites(ProtectionWrites):
    """Requests for promotions."""

    def requests(self, slug: str | None = None, *, state: str | None = None) -> list[PromotionRequest]:
        """Requests of one prompt or of all, newest first; only those in a state, if one is named."""
        where = [requests.c.slug == slug] if slug is not None else []
        where += [requests.c.state == state] if state is not None else []
        with self._reading() as connection:
            if slug is not None:
                known(connection, slug)
            return governance.read_requests(connection, _all(where), now=self._clock())

    def request(self, request_id: str) -> PromotionRequest:
        """One request. Raises PromptRequestNotFoundError."""
        with self._reading() as connection:
            return _request(connection, request_id, self._clock())

    def ask(
        self,
        slug: str,
        number: int | None,
        *,
        channel: str = "stable",
        reason: str,
        by: Principal,
        request_id: str = "",
        idempotency_key: str = "",
    ) -> PromotionRequest:
        """Ask that a version (None: the newest) be promoted. Asked twice while it is open, it is the same request."""
        permit(by, "request", slug=check_slug(slug), channel=check_channel(channel))
        if channel == LATEST:
            raise PromptReferenceInvalidError(
                f"nothing is promoted to '{LATEST}': it follows every save", param="channel"
            )
        act = Act(
            action="request",
            slug=slug,
            by=by,
            reason=note(reason, "reason"),
            request_id=request_id,
            idempotency_key=idempotency_key,
            asked=["request", number, channel],
        )
        with self._writing() as connection:
            if (done := repeated(connection, act)) is not None:
                return _request(connection, str(done.evidence["request"]), self._clock())
            prompt = expected(connection, slug, None)
            version = prompt.latest if number is None else check_number(slug, number, prompt)
            same = (requests.c.slug == slug) & (requests.c.channel == channel) & (requests.c.version == version)
            for there in governance.read_requests(connection, same & (requests.c.state == "open"), now=self._clock()):
                if there.identity == by.identity:
                    return there
            revision, at = stamp = next_stamp(connection, self._clock())
            row = {
                "request_id": self._new_id(),
                "slug": slug,
                "channel": channel,
                "version": version,
                "requested_by": by.name,
                "identity": by.identity,
                "reason": act.reason,
                "state": "open",
                "created_at": at,
                "revision": revision,
            }
            connection.execute(insert(requests).values(row))
            told = {"request": row["request_id"], "channel": channel, "version": version}
            enter(connection, act.about(evidence=told), stamp)
            return _request(connection, str(row["request_id"]), self._clock())

    def review(
        self,
        request: str,
        kind: ReviewKind,
        *,
        text: str = "",
        by: Principal,
        request_id: str = "",
        idempotency_key: str = "",
    ) -> PromotionRequest:
        """Approve, reject or comment on a request.

        Raises PromptOwnWorkError for an approval of one's own work, and by somebody whom the server doesn't know;
        PromptRequestNotFoundError and PromptRequestClosedError.
        """
        if kind not in REVIEW_KINDS:
            raise PromptInvalidError(f"a review is one of {', '.join(REVIEW_KINDS)}, not {kind!r}", param="kind")
        said = note(text, "text")
        if not said and kind != "approve":
            raise PromptInvalidError(f"say why, for whoever asked: a {kind} without words helps nobody", param="text")
        with self._writing() as connection:
            asked = _request(connection, request, self._clock())
            permit(by, "request" if kind == "comment" else "review", slug=asked.slug, channel=asked.channel)
            act = Act(
                action=f"review.{kind}",
                slug=asked.slug,
                by=by,
                reason=said,
                evidence={"request": request, "channel": asked.channel, "version": asked.version},
                request_id=request_id,
                idempotency_key=idempotency_key,
                asked=["review", kind, request],
            )
            if repeated(connection, act) is not None:
                return asked
            if kind != "comment":
                _still_open(asked)
            names = names_of(by.name, *by.aliases)
            if kind == "approve":
                _somebody_else(connection, asked, by, names)
            revision, at = stamp = next_stamp(connection, self._clock())
            row = {"review_id": self._new_id(), "request_id": request, "kind": kind, "actor": by.name, "text": said}
            who = {"identity": by.identity, "names": sorted(names), "at": at, "revision": revision}
            connection.execute(insert(reviews).values({**row, **who}))
            enter(connection, act, stamp)
            state = {"state": "rejected", "closed_at": at} if kind == "reject" else {}
            changed = update(requests).where(requests.c.request_id == request)
            connection.execute(changed.values(revision=revision, **state))
            return _request(connection, request, self._clock())

    def withdraw(self, request: str, *, reason: str = "", by: Principal, request_id: str = "") -> PromotionRequest:
        """Take a request back, a rejected one too: whoever made it may, and whoever may move channels."""
        with self._writing() as connection:
            asked = _request(connection, request, self._clock())
            permit(by, "request" if by.identity == asked.identity else "move", slug=asked.slug, channel=asked.channel)
            if asked.state not in ("open", "rejected"):
                raise _closed(asked)
            revision, at = stamp = next_stamp(connection, self._clock())
            told = {"request": request, "channel": asked.channel, "version": asked.version}
            act = Act(action="request.withdraw", slug=asked.slug, by=by, reason=note(reason, "reason"), evidence=told)
            enter(connection, act.about(request_id=request_id), stamp)
            closed = {"state": "withdrawn", "closed_at": at, "revision": revision}
            connection.execute(update(requests).where(requests.c.request_id == request).values(closed))
            return _request(connection, request, self._clock())


def _request(connection: Connection, request_id: str, now: datetime) -> PromotionRequest:
    there = governance.read_requests(connection, requests.c.request_id == request_id, now=now)
    if not there:
        raise PromptRequestNotFoundError(
            f"no request for a promotion has the id '{request_id[:80]}'; `slugline prompt requests` shows those that exist",
            param="request_id",
        )
    return there[0]


def _still_open(asked: PromotionRequest) -> None:
    if asked.state != "open":
        raise _closed(asked)


def _closed(asked: PromotionRequest) -> PromptRequestClosedError:
    return PromptRequestClosedError(
        f"the request for version {asked.version} of prompt '{asked.slug}' on channel '{asked.channel}' was {asked.state} already",
        param="request_id",
    )


def _somebody_else(connection: Connection, asked: PromotionRequest, by: Principal, names: frozenset[str]) -> None:
    if not by.verified:
        raise PromptOwnWorkError(
            "an approval takes somebody whom the server knows: send a key with the role reviewer "
            "(`slugline key create NAME --role reviewer`), or approve on the server's own command line"
        )
    for maker in governance.makers_of(connection, asked):
        if maker.identity == by.identity or maker.names & names:
            raise PromptOwnWorkError(
                f"{by.name} wrote version {asked.version} of prompt '{asked.slug}' or asked for its promotion: "
                "somebody else has to approve it"
            )


def _all(conditions: list[Any]) -> Any:
    where = None
    for condition in conditions:
        where = condition if where is None else where & condition
    return where
