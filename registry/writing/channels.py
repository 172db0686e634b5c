"""How a version gets onto a channel: promotion, rollback, rollout. All of them move one channel, and every one is an event.

Knows what each move requires: a role, a reason, and what the channel asks for. A rollback needs no more than a role, because
what it puts back was live there before: whoever is on call never waits for an approval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, update

from registry.errors import (
    PromptChannelEmptyError,
    PromptProtectedError,
    PromptReferenceInvalidError,
    PromptVersionNotFoundError,
)
from registry.reference import check_channel, check_slug
from registry.roles import Principal, permit
from registry.split import Arm, Split, check_share, check_split
from registry.storage import governance, rows
from registry.storage.reader import STABLE, check_number, nothing_on
from registry.storage.rows import LATEST, split_of
from registry.storage.tables import requests
from registry.values import HistoryEntry, Move, Prompt
from registry.writing.ledger import Act, move, repeated
from registry.writing.moves import way_back
from registry.writing.writer import Writer, expected, why

HOLDBACK_HOURS = 24.0
"""How long a hold-back share stays on the version before."""


class ChannelWrites(Writer):
    """Moves of channels. Every method raises PromptNotFoundError, PromptVersionNotFoundError, PromptConflictError, and
    PromptInvalidError without a reason."""

    def promote(
        self,
        slug: str,
        number: int | None,
        *,
        channel: str = STABLE,
        reason: str,
        by: Principal,
        holdback: float | None = None,
        holdback_hours: float = HOLDBACK_HOURS,
        if_match: int | None = None,
        evidence: Mapping[str, Any] | None = None,
        request_id: str = "",
        idempotency_key: str = "",
    ) -> Move:
        """Put a version (None: the newest) on a channel, which is made if it is new.

        `holdback` is the share of callers, in per cent, that stays on the version before for some hours, so that the two can be compared;
        None takes what the channel's rule says, 0 moves everybody. Once this has returned, every LiveRegistry on this database
        resolves the channel so. Raises PromptProtectedError where the channel asks for more than the version has, and PromptArchivedError.
        """
        act = Act(
            action="promote",
            slug=slug,
            by=by,
            reason=self._may_move(by, slug, channel, reason),
            evidence=evidence or {},
            request_id=request_id,
            idempotency_key=idempotency_key,
            asked=["promote", number, channel, holdback, holdback_hours],
        )
        if holdback:
            check_share(holdback, "holdback")
        with self._writing() as connection:
            if (done := repeated(connection, act)) is not None:
                return self._served(_moved_again(done))
            prompt = expected(connection, slug, if_match)
            target = prompt.latest if number is None else check_number(slug, number, prompt)
            held = governance.rule_for(connection, slug, channel).holdback if holdback is None else holdback
            moved = self._promoted(connection, act, channel, target, held, holdback_hours)
        return self._served(moved)

    def rollback(
        self,
        slug: str,
        *,
        channel: str = STABLE,
        to: int | None = None,
        reason: str,
        by: Principal,
        if_match: int | None = None,
        evidence: Mapping[str, Any] | None = None,
        request_id: str = "",
        idempotency_key: str = "",
    ) -> Move:
        """Put back what was live on a channel before, or `to`, which must have been live there once. Everybody gets it at once.

        Rolling back again goes further back. Raises PromptChannelEmptyError if nothing was live before, and
        PromptVersionNotFoundError if `to` never was.
        """
        act = Act(
            action="rollback",
            slug=slug,
            by=by,
            reason=self._may_move(by, slug, channel, reason),
            evidence=evidence or {},
            request_id=request_id,
            idempotency_key=idempotency_key,
            asked=["rollback", to, channel],
        )
        with self._writing() as connection:
            if (done := repeated(connection, act)) is not None:
                return self._served(_moved_again(done))
            prompt = expected(connection, slug, if_match, archived=True)
            if channel not in prompt.channels:
                raise nothing_on(slug, channel, prompt.channels)
            target = _earlier(prompt, channel, rows.read_moves(connection, slug, channel), to)
            moved = move(connection, act, channel, target, self._clock())
        return self._served(moved)

    def rollout(
        self,
        slug: str,
        arms: Sequence[Arm],
        *,
        channel: str = STABLE,
        sticky: str = "session",
        reason: str,
        by: Principal,
        if_match: int | None = None,
        evidence: Mapping[str, Any] | None = None,
        request_id: str = "",
        idempotency_key: str = "",
    ) -> Move:
        """Give versions a share of a channel beside its own; no arms give everybody the channel's own version.

        `sticky` is what callers are told apart by: session, user, trace, or variable:NAME. Raises PromptProtectedError where the channel
        asks for more than one of the versions has, and PromptChannelEmptyError where it has no version of its own yet.
        """
        act = Act(
            action="rollout",
            slug=slug,
            by=by,
            reason=self._may_move(by, slug, channel, reason),
            evidence=evidence or {},
            request_id=request_id,
            idempotency_key=idempotency_key,
            asked=["rollout", [arm.as_json() for arm in arms], sticky, channel],
        )
        with self._writing() as connection:
            if (done := repeated(connection, act)) is not None:
                return self._served(_moved_again(done))
            prompt = expected(connection, slug, if_match, archived=not arms)
            if channel not in prompt.channels:
                raise nothing_on(slug, channel, prompt.channels)
            main = prompt.channels[channel]
            split = check_split(arms, main, sticky, lambda number: check_number(slug, number, prompt))
            for arm in arms:
                if arm.version not in _on(prompt, channel, self._clock()):
                    act = _allowed(connection, act, channel, arm.version, self._clock())
            moved = move(connection, _telling(act, split), channel, main, self._clock(), split)
        return self._served(moved)

    def _may_move(self, by: Principal, slug: str, channel: str, reason: str) -> str:
        """The reason of a move, once all is fit for one that doesn't take the database to know."""
        check_channel(channel)
        permit(by, "move", slug=check_slug(slug), channel=channel)
        if channel == LATEST:
            raise PromptReferenceInvalidError(
                f"'{LATEST}' can't be moved, it follows every save; promote to '{STABLE}' or a channel of your own",
                param="channel",
            )
        return why(reason)

    def _promoted(
        self,
        connection: Connection,
        act: Act,
        channel: str,
        target: int,
        holdback: float,
        hours: float = HOLDBACK_HOURS,
    ) -> Move:
        """Put a version on a channel within a transaction, if that lets it; who asked for it is answered."""
        now = self._clock()
        present = rows.read_channels(connection, act.slug).get(channel)
        if present is None or present.version != target:
            act = _allowed(connection, act, channel, target, now)
        arms: tuple[Arm, ...] = ()
        if holdback and present is not None and present.version != target:
            until = now + timedelta(hours=hours)
            arms = (Arm(version=present.version, share=holdback, kind="holdback", until=until),)
        split = Split(arms=arms, sticky=present.split.sticky if present else "session")
        moved = move(connection, _telling(act, split), channel, target, now, split)
        if moved.changed:
            asked = (requests.c.slug == act.slug) & (requests.c.channel == channel) & (requests.c.version == target)
            closing = update(requests).where(asked, requests.c.state == "open")
            connection.execute(closing.values(state="promoted", closed_at=moved.at, revision=moved.revision))
        return moved


def _allowed(connection: Connection, act: Act, channel: str, version: int, now: datetime) -> Act:
    """The act with what speaks for it, if the channel lets the version in. Raises PromptProtectedError."""
    lacking, evidence = governance.lacking(connection, act.slug, channel, version, now=now)
    if lacking:
        raise PromptProtectedError(
            f"channel '{channel}' of prompt '{act.slug}' is protected: {'; '.join(lacking)}", param="channel"
        )
    return act.about(evidence={**act.evidence, **evidence})


def _telling(act: Act, split: Split) -> Act:
    """The act with the split in its evidence, so that the history says what was live at a time."""
    if not split.arms and act.action != "rollout":
        return act
    told = {"split": [arm.as_json() for arm in split.arms], "sticky": split.sticky}
    return act.about(evidence={**act.evidence, **told})


def _on(prompt: Prompt, channel: str, now: datetime) -> set[int]:
    """The versions that a channel serves already."""
    arms = prompt.splits[channel].at(now) if channel in prompt.splits else ()
    return {prompt.channels[channel], *(arm.version for arm in arms)}


def _moved_again(done: HistoryEntry) -> Move:
    """What was answered to a move that was made already."""
    return Move(
        slug=done.slug,
        channel=done.channel or "",
        from_version=done.from_version,
        to_version=done.to_version or 0,
        revision=done.revision,
        at=done.at,
        changed=True,
        split=split_of(done.evidence.get("split", ()), done.evidence.get("sticky", "session")),
    )


def _earlier(prompt: Prompt, channel: str, moves: list[tuple[str, int]], to: int | None) -> int:
    """The version that a rollback goes back to."""
    if to is not None:
        check_number(prompt.slug, to, prompt)
        if to not in {version for _, version in moves}:
            raise PromptVersionNotFoundError(
                f"version {to} of prompt '{prompt.slug}' was never live on channel '{channel}': promote it instead",
                param="version",
            )
        return to
    path = way_back(moves)
    if len(path) < 2:
        raise PromptChannelEmptyError(
            f"nothing was live on channel '{channel}' of prompt '{prompt.slug}' before version {path[-1]}, so there is "
            "nothing to roll back to; promote another version instead",
            param="channel",
        )
    return path[-2]
