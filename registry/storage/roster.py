"""Which workers there are, and which of them have seen a write.

Knows the words for it, and which database needs which roster. Refuses to know how workers reload. The rules:

1. A worker that serves from memory has a seat in the roster from before its first answer until after its last.
2. A seat is acknowledged up to a revision once no later answer can come from an older one.
3. Whoever wrote asks the roster to settle: it waits for those that can answer, and names those that did not.
"""

from __future__ import annotations

from typing import Protocol

from sqlalchemy import Engine

from registry.storage.leases import SETTLE_SECONDS
from registry.values import Served


class Seat(Protocol):
    """A worker's place in the roster."""

    def acknowledge(self, revision: int) -> None:
        """Say that no later answer comes from an older revision than this."""

    def leave(self) -> None:
        """Give up the place: this worker answers no more."""


class Roster(Protocol):
    """The workers of one registry."""

    def settle(self, revision: int, *, seconds: float = SETTLE_SECONDS) -> Served:
        """Wait until every worker has acknowledged the revision or `seconds` have passed; raises nothing."""


def open_roster(engine: Engine) -> Roster:
    """The roster of a registry's database; nothing is opened before it is asked."""
    if engine.dialect.name == "postgresql":
        from registry.storage.roster_postgresql import PostgresRoster

        return PostgresRoster(engine)
    from registry.storage.roster_sqlite import SqliteRoster

    return SqliteRoster.of(str(engine.url.database))
