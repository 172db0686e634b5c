"""The one write path for shared pages. Knows what each write requires; refuses to know which pages there are. Each is an event."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from registry.errors import AuthShareNotFoundError
from registry.roles import Principal, permit
from registry.sessions import session_hash
from registry.shares import Share, check_share
from registry.storage.database import reading, writing
from registry.storage.session_tables import shares
from registry.writing.ledger import Act, enter, next_stamp


class ShareStore:
    """Reads and writes shared pages. `new_text` gives a link's text and must be fit for secrets. Raises RegistryUnavailableError."""

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        new_text: Callable[[], str] = lambda: secrets.token_urlsafe(32),
        new_id: Callable[[], str] = lambda: f"s_{secrets.token_hex(8)}",
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._new_text = new_text
        self._new_id = new_id

    def create(
        self, path: str, slugs: tuple[str, ...], *, bodies: bool, note: str, expires_at: datetime, by: Principal
    ) -> tuple[Share, str]:
        """Share a page of some prompts; gives the link's text, too, which is nowhere else. Raises PromptInvalidError."""
        now = self._clock()
        check_share(path, slugs, expires_at, now)
        for slug in slugs:
            permit(by, "share", slug=slug)
        text, share_id = self._new_text(), self._new_id()
        with writing(self._engine) as connection:
            _, at = stamp = next_stamp(connection, now)
            said = note.strip()[:1000]
            row = {
                "share_id": share_id,
                "path": path,
                "slugs": list(slugs),
                "bodies": bodies,
                "note": said,
                "created_at": at,
                "created_by": by.name,
                "identity": by.identity,
                "expires_at": expires_at,
            }
            connection.execute(insert(shares).values({**row, "hash": session_hash(text)}))
            until = expires_at.astimezone(UTC).isoformat()
            evidence = {"share_id": share_id, "path": path, "slugs": list(slugs), "bodies": bodies, "until": until}
            enter(connection, Act(action="share.create", slug="", by=by, reason=said, evidence=evidence), stamp)
            return _shares(connection, shares.c.share_id == share_id)[0], text

    def all_shares(self) -> list[Share]:
        """Every page that was ever shared, the newest first."""
        with reading(self._engine) as connection:
            return _shares(connection)

    def find(self, text: str) -> Share:
        """The page that a link opens now. Raises AuthShareNotFoundError, which doesn't say whether there was one."""
        with reading(self._engine) as connection:
            found = _shares(connection, shares.c.hash == session_hash(text))
        if not found or found[0].over(self._clock()):
            raise AuthShareNotFoundError(
                "this link has ended, or was never one: ask whoever gave it to you for another"
            )
        return found[0]

    def revoke(self, share_id: str, *, by: Principal) -> Share:
        """End a link: who made it may, and whoever manages keys. Ended already, it stays so. Raises AuthShareNotFoundError."""
        with writing(self._engine) as connection:
            found = _shares(connection, shares.c.share_id == share_id)
            if not found:
                raise AuthShareNotFoundError(f"no page was shared as '{share_id[:40]}'", param="share_id")
            share = found[0]
            if share.identity != by.identity:
                permit(by, "manage keys")
            if share.revoked_at is None:
                _, at = stamp = next_stamp(connection, self._clock())
                ended: dict[str, Any] = {"revoked_at": at, "revoked_by": by.name}
                connection.execute(update(shares).where(shares.c.share_id == share_id).values(ended))
                evidence = {"share_id": share_id, "path": share.path}
                enter(connection, Act(action="share.revoke", slug="", by=by, evidence=evidence), stamp)
            return _shares(connection, shares.c.share_id == share_id)[0]


def _shares(connection: Connection, where: Any = None) -> list[Share]:
    query = select(*(column for column in shares.columns if column.name != "hash"))
    query = query.order_by(shares.c.created_at.desc(), shares.c.share_id)
    if where is not None:
        query = query.where(where)
    found = connection.execute(query).mappings()
    return [Share(**{**row, "slugs": tuple(row["slugs"])}) for row in found]
