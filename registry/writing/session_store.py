"""The one write path for sign-ins: who signed in, with what, and until when.

Knows what each write requires and changes. Refuses to know cookies, HTTP and identity providers. A sign-in, a sign-out everywhere and the
blocking of a person are events of the history; that a session was used is not.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, delete, insert, select, update

from registry.errors import AuthKeyEndedError, AuthPersonBlockedError, AuthPersonNotFoundError
from registry.keys import CallerKey, principal_of
from registry.roles import Principal, permit
from registry.sessions import OpenedSession, Person, Session, SessionLimits, Vouched, is_over, session_hash
from registry.storage import rows
from registry.storage.database import appending, reading, writing
from registry.storage.session_tables import people, sessions
from registry.storage.tables import caller_keys
from registry.writing.ledger import Act, enter, next_stamp

_SEEN_EVERY = timedelta(minutes=1)  # each look would be a write otherwise
_KEY = "key:"


class SessionStore:
    """Reads and writes sessions and people; safe to use from many threads at once.

    `new_text` gives the text of a session and must be fit for secrets, `new_id` a person's id. All methods raise
    RegistryUnavailableError when the database can't be used.
    """

    def __init__(
        self,
        engine: Engine,
        limits: SessionLimits,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        new_text: Callable[[], str] = lambda: secrets.token_urlsafe(32),
        new_id: Callable[[], str] = lambda: f"p_{secrets.token_hex(8)}",
    ) -> None:
        self._engine = engine
        self._limits = limits
        self._clock = clock
        self._new_text = new_text
        self._new_id = new_id

    def open_with_key(self, key: CallerKey, *, replacing: str = "") -> OpenedSession:
        """Sign somebody in with a key. `replacing` is the text of the session that their browser had: it ends.

        Raises AuthKeyEndedError.
        """
        now = self._clock()
        if key.revoked_at is not None or key.expired(now):
            raise AuthKeyEndedError(f"the key '{key.terms.name}' ({key.key_id}) has ended: sign in with another")
        with writing(self._engine) as connection:
            return self._open(connection, principal_of(key), {"key_id": key.key_id}, replacing, now)

    def open_for_person(self, vouched: Vouched, *, replacing: str = "") -> OpenedSession:
        """Sign somebody in whom an identity provider vouches for; their roles are what it says now, in their other sessions as well.

        Raises AuthPersonBlockedError.
        """
        now = self._clock()
        with writing(self._engine) as connection:
            same = (people.c.issuer == vouched.issuer) & (people.c.subject == vouched.subject)
            known = _people(connection, same)
            if known and known[0].blocked_at is not None:
                raise AuthPersonBlockedError(
                    f"{known[0].principal.name} was blocked by {known[0].blocked_by}: ask an admin to be let in again"
                )
            told = {"name": vouched.name, "email": vouched.email, "roles": list(vouched.roles), "last_seen_at": now}
            if known:
                connection.execute(update(people).where(same).values(told))
            else:
                own = {"person_id": self._new_id(), "issuer": vouched.issuer, "subject": vouched.subject}
                connection.execute(insert(people).values({**own, **told, "first_seen_at": now}))
            person = _people(connection, same)[0]
            evidence = {"person_id": person.person_id, "issuer": person.issuer, "roles": list(person.roles)}
            return self._open(connection, person.principal, evidence, replacing, now)

    def find(self, text: str) -> Session | None:
        """The session with this text, if it holds now: it hasn't ended, its key is good and its person isn't blocked."""
        now = self._clock()
        with reading(self._engine) as connection:
            row = connection.execute(select(sessions).where(sessions.c.hash == session_hash(text))).mappings().first()
            session = None if row is None else self._session(connection, row, now)
        if session is not None and now - session.seen_at >= _SEEN_EVERY:
            with appending(self._engine) as connection:
                connection.execute(update(sessions).where(sessions.c.hash == session.hash).values(seen_at=now))
        return session

    def end(self, text: str) -> None:
        """Sign out: this session is over. One that is already over stays so."""
        with appending(self._engine) as connection:
            connection.execute(delete(sessions).where(sessions.c.hash == session_hash(text)))

    def end_all(self, by: Principal) -> int:
        """Sign somebody out everywhere; gives how many sessions that ended."""
        with writing(self._engine) as connection:
            return _end_all(connection, by, self._clock())

    def count(self, by: Principal) -> int:
        """How many sessions somebody has that hold."""
        now = self._clock()
        with reading(self._engine) as connection:
            found = connection.execute(select(sessions).where(sessions.c.identity == by.identity)).mappings().all()
        return sum(not is_over(row["created_at"], row["seen_at"], self._limits, now) for row in found)

    def people(self) -> list[Person]:
        """Everybody who ever signed in through an identity provider, the last seen first."""
        with reading(self._engine) as connection:
            return _people(connection)

    def block(self, person_id: str, *, reason: str, by: Principal) -> Person:
        """Keep a person out, from this moment on, whatever the identity provider says. Raises AuthPersonNotFoundError."""
        return self._bar(person_id, "person.block", reason, by)

    def unblock(self, person_id: str, *, reason: str, by: Principal) -> Person:
        """Let a person sign in again. Raises AuthPersonNotFoundError."""
        return self._bar(person_id, "person.unblock", reason, by)

    def _bar(self, person_id: str, action: str, reason: str, by: Principal) -> Person:
        permit(by, "manage keys", slug="" if by.prompts else None)
        with writing(self._engine) as connection:
            found = _people(connection, people.c.person_id == person_id)
            if not found:
                raise AuthPersonNotFoundError(f"nobody who signed in has the id '{person_id[:40]}'", param="person_id")
            person, blocking = found[0], action == "person.block"
            if (person.blocked_at is not None) == blocking:
                return person
            _, at = stamp = next_stamp(connection, self._clock())
            told = {"blocked_at": at if blocking else None, "blocked_by": by.name if blocking else None}
            connection.execute(update(people).where(people.c.person_id == person_id).values(told))
            connection.execute(delete(sessions).where(sessions.c.identity == person.identity))
            evidence = {"person_id": person_id, "name": person.principal.name}
            act = Act(action=action, slug="", by=by, reason=reason.strip()[:10_000], evidence=evidence)
            enter(connection, act, stamp)
            return _people(connection, people.c.person_id == person_id)[0]

    def _open(
        self, connection: Connection, who: Principal, evidence: dict[str, Any], replacing: str, now: datetime
    ) -> OpenedSession:
        text = self._new_text()
        over = (sessions.c.seen_at <= now - self._limits.idle) | (sessions.c.created_at <= now - self._limits.absolute)
        connection.execute(delete(sessions).where(over | (sessions.c.hash == session_hash(replacing))))
        row = {"hash": session_hash(text), "identity": who.identity, "created_at": now, "seen_at": now}
        connection.execute(insert(sessions).values(row))
        enter(connection, Act(action="session.open", slug="", by=who, evidence=evidence), next_stamp(connection, now))
        seconds = int(self._limits.absolute.total_seconds())
        return OpenedSession(text=text, principal=who, seconds=seconds)

    def _session(self, connection: Connection, row: RowMapping, now: datetime) -> Session | None:
        if is_over(row["created_at"], row["seen_at"], self._limits, now):
            return None
        key, person, identity = None, None, str(row["identity"])
        if identity.startswith(_KEY):
            found = rows.read_keys(connection, caller_keys.c.key_id == identity.removeprefix(_KEY))
            key = next((each for each in found if each.revoked_at is None and not each.expired(now)), None)
        else:
            known = _people(connection, people.c.person_id == identity.removeprefix("person:"))
            person = next((each for each in known if each.blocked_at is None), None)
        if key is None and person is None:
            return None
        return Session(
            hash=row["hash"],
            key=key,
            person=person,
            created_at=row["created_at"],
            seen_at=row["seen_at"],
            expires_at=row["created_at"] + self._limits.absolute,
        )


def _end_all(connection: Connection, by: Principal, now: datetime) -> int:
    ended = connection.execute(delete(sessions).where(sessions.c.identity == by.identity)).rowcount
    if ended:
        act = Act(action="session.end", slug="", by=by, evidence={"sessions": ended})
        enter(connection, act, next_stamp(connection, now))
    return ended


def _people(connection: Connection, where: Any = None) -> list[Person]:
    query = select(people).order_by(people.c.last_seen_at.desc(), people.c.person_id)
    if where is not None:
        query = query.where(where)
    found = connection.execute(query).mappings()
    return [Person(**{**row, "roles": tuple(row["roles"])}) for row in found]
