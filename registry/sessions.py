"""People who sign in to the pages, as values: who they are, what a sign-in lets them do, and until when.

Pure: the clock and randomness are arguments. Refuses to know storage, cookies and how somebody proved who they are. The rules:

1. A session's text is in the browser's cookie and nowhere else; its SHA-256 is kept. It has 256 bits of randomness: nobody finds one
   by trying.
2. A session speaks for a key or for a person, and never for more than they may at the moment of the request: a key that was revoked or
   a person who was blocked is nobody from then on.
3. It ends when it wasn't used for a while, and in any case after some hours.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from registry.keys import CallerKey, principal_of
from registry.roles import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """How long a session lasts: unused, and in any case."""

    idle: timedelta = timedelta(hours=8)
    absolute: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody whom an identity provider vouched for. `roles` are those of the last sign-in; `issuer` and `subject` tell people apart
    (https://openid.net/specs/openid-connect-core-1_0.html#ClaimStability), names and addresses don't."""

    person_id: str
    issuer: str
    subject: str
    name: str
    email: str
    roles: tuple[str, ...]
    first_seen_at: datetime
    last_seen_at: datetime
    blocked_at: datetime | None = None
    blocked_by: str | None = None

    @property
    def identity(self) -> str:
        """What tells this person from everybody else in the history."""
        return f"person:{self.person_id}"

    @property
    def principal(self) -> Principal:
        """This person as somebody who acts; a key whose owner has the same address or name counts as the same person."""
        return Principal(
            name=self.name or self.email or self.subject,
            identity=self.identity,
            roles=frozenset(self.roles),
            aliases=tuple(each for each in (self.email, self.name) if each),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """What an identity provider says of somebody, with the roles that follow from it."""

    issuer: str
    subject: str
    name: str
    email: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A sign-in that holds: with a key or of a person, never both. `hash` is kept in place of the text."""

    hash: str = field(repr=False)
    key: CallerKey | None
    person: Person | None
    created_at: datetime
    seen_at: datetime
    expires_at: datetime

    @property
    def principal(self) -> Principal:
        """Whoever signed in."""
        if self.key is not None:
            return principal_of(self.key)
        if self.person is None:
            raise ValueError("a session is of a key or of a person")
        return self.person.principal


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSession:
    """A session that was just opened, with its text: the only moment at which there is one. `seconds` is how long it lasts at most."""

    text: str = field(repr=False)
    principal: Principal
    seconds: int


def session_hash(text: str) -> str:
    """What is kept of a session's text: SHA-256, as lower-case hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def is_over(created_at: datetime, seen_at: datetime, limits: SessionLimits, now: datetime) -> bool:
    """Whether a session has ended by itself."""
    return now - seen_at >= limits.idle or now - created_at >= limits.absolute
