"""How many sign-ins failed from an address lately, in the registry so that it counts over all workers and machines.

Knows counts and times. Refuses to know what failed. A key can't be guessed; the limit keeps whoever tries from filling the log and
the database, and tells a person with a broken password manager to stop.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import ceil

from sqlalchemy import Engine, delete, insert, select, update

from registry.errors import AuthTooManyTriesError
from registry.storage.database import appending, reading
from registry.storage.session_tables import sign_in_failures

MOST_TRIES = 10
WINDOW = timedelta(minutes=10)


class SignInTries:
    """Counts failed sign-ins by the address that they came from. Methods raise RegistryUnavailableError."""

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine = engine
        self._clock = clock

    def check(self, source: str) -> None:
        """Return if one more try may be made from an address. Raises AuthTooManyTriesError."""
        now = self._clock()
        with reading(self._engine) as connection:
            here = select(sign_in_failures).where(sign_in_failures.c.source == source)
            row = connection.execute(here).mappings().first()
        if row is not None and row["count"] >= MOST_TRIES and now - row["since"] < WINDOW:
            minutes = ceil((row["since"] + WINDOW - now).total_seconds() / 60)
            raise AuthTooManyTriesError(
                f"{MOST_TRIES} sign-ins from {source} failed within {WINDOW.seconds // 60} minutes: "
                f"try again in {minutes} min"
            )

    def failed(self, source: str) -> None:
        """Count a failure, and forget those that are no longer of interest."""
        now = self._clock()
        with appending(self._engine) as connection:
            connection.execute(delete(sign_in_failures).where(sign_in_failures.c.since <= now - WINDOW))
            here = sign_in_failures.c.source == source
            more = update(sign_in_failures).where(here).values(count=sign_in_failures.c.count + 1)
            if connection.execute(more).rowcount == 0:
                connection.execute(insert(sign_in_failures).values(source=source, count=1, since=now))
