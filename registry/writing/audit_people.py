"""Do people and shared pages stand as the history says? A part of `registry.writing.audit`, which it is written like."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, select

from registry.storage.session_tables import people, shares
from registry.values import HistoryEntry


def check_people(connection: Connection, history: Iterable[HistoryEntry]) -> Iterator[str]:
    """What is wrong with the people who signed in: roles are those of the last sign-in, and who was blocked stays so."""
    roles: dict[str, Any] = {}
    blocked: set[str] = set()
    for entry in history:
        person_id = entry.evidence.get("person_id")
        if person_id is None:
            continue
        if entry.action == "session.open":
            roles[person_id] = entry.evidence["roles"]
        elif entry.action == "person.block":
            blocked.add(person_id)
        elif entry.action == "person.unblock":
            blocked.discard(person_id)
    for row in connection.execute(select(people).order_by(people.c.person_id)).mappings():
        person_id = row["person_id"]
        told = roles.pop(person_id, None)
        if told is None:
            yield f"the person {person_id} is there without an event"
        elif told != row["roles"] or (row["blocked_at"] is not None) != (person_id in blocked):
            yield f"the person {person_id} may do something else than what the history says"
    for person_id in roles:
        yield f"the person {person_id} is gone"


def check_shares(connection: Connection, history: Iterable[HistoryEntry]) -> Iterator[str]:
    """What is wrong with the links to shared pages."""
    told: dict[str, Any] = {}
    ended: set[str] = set()
    for entry in history:
        if entry.action == "share.create":
            said = entry.evidence
            told[said["share_id"]] = (said["path"], said["slugs"], said["bodies"], said["until"])
        elif entry.action == "share.revoke":
            ended.add(entry.evidence["share_id"])
    for row in connection.execute(select(shares).order_by(shares.c.share_id)).mappings():
        share_id = row["share_id"]
        made = told.pop(share_id, None)
        if made is None:
            yield f"the shared page {share_id} is there without an event"
        elif made != (row["path"], row["slugs"], row["bodies"], row["expires_at"].isoformat()) or (
            row["revoked_at"] is not None
        ) != (share_id in ended):
            yield f"the shared page {share_id} isn't what was shared"
    for share_id in told:
        yield f"the shared page {share_id} is gone"
