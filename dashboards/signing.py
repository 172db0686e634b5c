"""What the pages need of whoever knows how people sign in, which stands above them and is handed in.

Knows what is asked for. Refuses to know keys' texts, identity providers and where sessions are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from fastapi import Request

from registry.sessions import OpenedSession, Session
from registry.shares import Share


class SignInRefusedError(Exception):
    """Somebody can't sign in; the text says why, for them to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """A sign-in that has begun: where the browser goes, and what it must bring back."""

    url: str
    pending: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A sign-in that has come back: the session, and the page that was asked for."""

    opened: OpenedSession
    back: str


class SigningIn(Protocol):
    """Signs people in. Methods raise SignInRefusedError, and RegistryError."""

    provider: str
    """What stands behind "Sign in with"; "" where there is no identity provider."""

    def session(self, request: Request) -> Session | None:
        """The session by which a request is whose it is."""
        ...

    def share(self, request: Request) -> Share | None:
        """The shared page that a request came for by its link."""
        ...

    def needed(self, request: Request) -> bool:
        """Whether a request came from nobody, and this server asks everybody who they are."""
        ...

    def with_key(self, text: str, *, source: str, replacing: str) -> OpenedSession:
        """Signs in with a key; `source` is the address that it comes from, `replacing` the session that the browser had."""
        ...

    async def leave(self, *, answer_at: str, back: str) -> Leaving:
        """Begins a sign-in at the identity provider, which is to answer at a URL of this server."""
        ...

    async def arrive(self, answer: Mapping[str, str], *, pending: str, answer_at: str, replacing: str) -> Arrived:
        """Takes the identity provider's answer, which came with the parameters `answer`."""
        ...

    def end(self, text: str) -> None:
        """Signs out."""
        ...

    def end_all(self, request: Request) -> int:
        """Signs whoever asks out everywhere; gives how many sessions that ended."""
        ...

    def count(self, request: Request) -> int:
        """How many sessions whoever asks has."""
        ...
