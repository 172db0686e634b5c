"""Moves that are to come: noted now, made when they are due, by whoever runs the registry's chores.

Knows that a scheduled move is held to what every promotion is held to, at the moment when it happens: the role of whoever
scheduled it, and what the channel asks for. Refuses to know what time it is otherwise than by its clock.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, update

from registry.errors import (
    AuthRoleNotAllowedError,
    PromptInvalidError,
    PromptRequestClosedError,
    PromptRequestNotFoundError,
    RegistryError,
    RegistryUnavailableError,
)
from registry.keys import principal_of
from registry.roles import Principal, owner, permit
from registry.storage import governance, rows
from registry.storage.reader import STABLE, check_number, known
from registry.storage.tables import caller_keys, schedules
from registry.values import Move, Schedule
from registry.writing.channels import ChannelWrites
from registry.writing.ledger import Act, enter, next_stamp, repeated
from registry.writing.writer import expected, note

_KEY = "key:"


class ScheduleWrites(ChannelWrites):
    """Scheduled moves."""

    def schedules(self, slug: str | None = None, *, state: str | None = None) -> list[Schedule]:
        """Scheduled moves of one prompt or of all, those due first in front."""
        where: Any = schedules.c.schedule_id.is_not(None)
        with self._reading() as connection:
            if slug is not None:
                known(connection, slug)
                where &= schedules.c.slug == slug
            if state is not None:
                where &= schedules.c.state == state
            return governance.read_schedules(connection, where)

    def schedule(
        self,
        slug: str,
        number: int | None,
        *,
        at: datetime,
        channel: str = STABLE,
        reason: str,
        by: Principal,
        request_id: str = "",
        idempotency_key: str = "",
    ) -> Schedule:
        """Put a version (None: the newest) on a channel at a time to come. What the channel asks for must be there by then."""
        act = Act(
            action="schedule",
            slug=slug,
            by=by,
            reason=self._may_move(by, slug, channel, reason),
            request_id=request_id,
            idempotency_key=idempotency_key,
            asked=["schedule", number, channel, at.isoformat()],
        )
        if at.tzinfo is None:
            raise PromptInvalidError("'at' needs its time zone, as in 2027-01-31T09:00:00Z", param="at")
        with self._writing() as connection:
            if (done := repeated(connection, act)) is not None:
                return _scheduled(connection, str(done.evidence["schedule"]))
            now = self._clock()
            if at <= now:
                raise PromptInvalidError("'at' lies in the past: name a time to come, or promote now", param="at")
            prompt = expected(connection, slug, None)
            version = prompt.latest if number is None else check_number(slug, number, prompt)
            revision, created = stamp = next_stamp(connection, now)
            row = {
                "schedule_id": self._new_id(),
                "slug": slug,
                "channel": channel,
                "version": version,
                "due_at": at,
                "reason": act.reason,
                "actor": by.name,
                "identity": by.identity,
                "state": "waiting",
                "outcome": "",
                "created_at": created,
                "revision": revision,
            }
            connection.execute(insert(schedules).values(row))
            told = {"schedule": row["schedule_id"], "channel": channel, "version": version, "at": at.isoformat()}
            enter(connection, act.about(evidence=told), stamp)
            return _scheduled(connection, str(row["schedule_id"]))

    def cancel(self, schedule_id: str, *, reason: str = "", by: Principal, request_id: str = "") -> Schedule:
        """Take a scheduled move back. Raises PromptRequestNotFoundError and PromptRequestClosedError."""
        with self._writing() as connection:
            planned = _scheduled(connection, schedule_id)
            permit(by, "move", slug=planned.slug, channel=planned.channel)
            if planned.state != "waiting":
                raise PromptRequestClosedError(
                    f"the move that was scheduled for {planned.due_at:%Y-%m-%d %H:%M} UTC is {planned.state} already",
                    param="schedule_id",
                )
            said = note(reason, "reason")
            act = Act(action="schedule.cancel", slug=planned.slug, by=by, reason=said, request_id=request_id)
            self._close(connection, planned, act, "cancelled", said)
            return _scheduled(connection, schedule_id)

    def run_due(self) -> list[Schedule]:
        """Make every move that is due, each in a transaction of its own, so that it happens once however many do this at a time.

        Gives those that were dealt with: their state is "done" or "failed". Raises RegistryUnavailableError; what is due then stays due.
        """
        now = self._clock()
        due = (schedules.c.state == "waiting") & (schedules.c.due_at <= now)
        with self._reading() as connection:
            waiting = governance.read_schedules(connection, due)
        dealt = []
        for planned in waiting:
            try:
                moved = self._make(planned)
            except RegistryUnavailableError:
                raise
            except RegistryError as error:
                with self._writing() as connection:
                    if _scheduled(connection, planned.schedule_id).state != "waiting":
                        continue
                    by = owner(planned.actor)
                    act = Act(action="schedule.fail", slug=planned.slug, by=by, reason=error.message)
                    self._close(connection, planned, act, "failed", error.message)
            else:
                if moved is None:
                    continue
                self._served(moved)
            with self._reading() as connection:
                dealt.append(_scheduled(connection, planned.schedule_id))
        return dealt

    def _make(self, planned: Schedule) -> Move | None:
        """The move, or None if somebody else made it meanwhile."""
        with self._writing() as connection:
            if _scheduled(connection, planned.schedule_id).state != "waiting":
                return None
            by = _still(connection, planned, self._clock())
            permit(by, "move", slug=planned.slug, channel=planned.channel)
            expected(connection, planned.slug, None)
            told = {"schedule": planned.schedule_id, "due_at": planned.due_at.isoformat()}
            act = Act(action="promote", slug=planned.slug, by=by, reason=planned.reason, evidence=told)
            held = governance.rule_for(connection, planned.slug, planned.channel).holdback
            moved = self._promoted(connection, act, planned.channel, planned.version, held)
            done = {"state": "done", "outcome": "", "revision": moved.revision}
            connection.execute(update(schedules).where(schedules.c.schedule_id == planned.schedule_id).values(done))
            return moved

    def _close(self, connection: Connection, planned: Schedule, act: Act, state: str, outcome: str) -> None:
        revision, _ = stamp = next_stamp(connection, self._clock())
        told = {"schedule": planned.schedule_id, "channel": planned.channel, "version": planned.version}
        enter(connection, act.about(evidence=told), stamp)
        closed = {"state": state, "outcome": outcome, "revision": revision}
        connection.execute(update(schedules).where(schedules.c.schedule_id == planned.schedule_id).values(closed))


def _still(connection: Connection, planned: Schedule, now: datetime) -> Principal:
    """Whoever scheduled a move, with the roles that they have by now."""
    if not planned.identity.startswith(_KEY):
        return Principal(name=planned.actor, identity=planned.identity, roles=owner(planned.actor).roles)
    found = rows.read_keys(connection, caller_keys.c.key_id == planned.identity.removeprefix(_KEY))
    if not found or found[0].revoked_at is not None or found[0].expired(now):
        raise AuthRoleNotAllowedError(f"the key of {planned.actor}, who scheduled the move, has ended")
    by = principal_of(found[0])
    return Principal(name=planned.actor, identity=by.identity, roles=by.roles, prompts=by.prompts, channels=by.channels)


def _scheduled(connection: Connection, schedule_id: str) -> Schedule:
    there = governance.read_schedules(connection, schedules.c.schedule_id == schedule_id)
    if not there:
        raise PromptRequestNotFoundError(
            f"no scheduled move has the id '{schedule_id[:80]}'; `slugline prompt schedules` shows those that exist",
            param="schedule_id",
        )
    return there[0]
