"""Where people sign in: with a key, or at the identity provider, and out again. Puts together what the others know.

Knows the order of things. Refuses to know cookies and pages.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec
from anyio import to_thread
from fastapi import Request

from dashboards.signing import Arrived, Leaving, SignInRefusedError
from proxy.auth import authenticate
from proxy.errors import NotAuthenticated
from registry.serving.live import LiveRegistry
from registry.sessions import OpenedSession, Session
from registry.shares import Share
from registry.writing.session_store import SessionStore
from registry.writing.sign_in_tries import SignInTries
from slugline.signing.identity import vouched_for
from slugline.signing.oidc import Oidc, Pending
from slugline.signing.settings import OidcSettings
from slugline.signing.visits import NOBODY, VISIT, Visit


class SignInDesk:
    """Signs people in, as `dashboards.signing.SigningIn` has it.

    `secret` gives what `env:NAME` or `file:PATH` leads to, and raises SettingsError.
    """

    def __init__(
        self,
        *,
        live: LiveRegistry,
        sessions: SessionStore,
        tries: SignInTries,
        oidc: OidcSettings,
        secret: Callable[[str], str],
        now: Callable[[], datetime],
    ) -> None:
        self._live = live
        self._sessions = sessions
        self._tries = tries
        self._oidc = oidc
        self._provider = Oidc(oidc, secret)
        self._now = now
        self.provider = oidc.name if oidc.issuer else ""

    def session(self, request: Request) -> Session | None:
        """As SigningIn says."""
        return _visit(request).session

    def share(self, request: Request) -> Share | None:
        """As SigningIn says."""
        return _visit(request).share

    def needed(self, request: Request) -> bool:
        """As SigningIn says."""
        return _visit(request).principal is NOBODY

    def with_key(self, text: str, *, source: str, replacing: str) -> OpenedSession:
        """As SigningIn says. Raises AuthTooManyTriesError."""
        self._tries.check(source)
        try:
            key = authenticate({"x-slugline-key": text.strip()}, self._live, self._now(), required=True)
        except NotAuthenticated as error:
            self._tries.failed(source)
            raise SignInRefusedError(_for_people(error)) from error
        if key is None:
            raise SignInRefusedError("a key is needed")
        return self._sessions.open_with_key(key, replacing=replacing)

    async def leave(self, *, answer_at: str, back: str) -> Leaving:
        """As SigningIn says."""
        self._check_provider()
        pending = Pending(
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            back=back,
        )
        url = await self._provider.address(pending, answer_at)
        return Leaving(url=url, pending=msgspec.json.encode(pending).hex())

    async def arrive(self, answer: Mapping[str, str], *, pending: str, answer_at: str, replacing: str) -> Arrived:
        """As SigningIn says."""
        self._check_provider()
        try:
            begun = msgspec.json.decode(bytes.fromhex(pending), type=Pending)
        except (ValueError, msgspec.MsgspecError):
            raise SignInRefusedError(
                "this browser has begun no sign-in, or more than ten minutes ago: begin again"
            ) from None
        claims = await self._provider.claims(answer, begun, answer_at, self._oidc.claim)
        vouched = vouched_for(claims, self._oidc)
        opened = await to_thread.run_sync(lambda: self._sessions.open_for_person(vouched, replacing=replacing))
        return Arrived(opened=opened, back=begun.back)

    def end(self, text: str) -> None:
        """As SigningIn says."""
        self._sessions.end(text)

    def end_all(self, request: Request) -> int:
        """As SigningIn says."""
        session = self.session(request)
        return 0 if session is None else self._sessions.end_all(session.principal)

    def count(self, request: Request) -> int:
        """As SigningIn says."""
        session = self.session(request)
        return 0 if session is None else self._sessions.count(session.principal)

    def _check_provider(self) -> None:
        if not self.provider:
            raise SignInRefusedError("this server has no identity provider: sign in with a key")


def _visit(request: Request) -> Visit:
    visit: Visit = request.scope[VISIT]
    return visit


def _for_people(error: NotAuthenticated) -> str:
    if error.code == "auth_key_missing":
        return "that is no Slugline key: one is 'slk_' and 40 letters and digits"
    return error.message
