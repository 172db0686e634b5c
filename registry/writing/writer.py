"""What every write of the registry has in common: one transaction at a time, terms on which it is made, and who serves it afterwards.

Knows locks, clocks and ids. Refuses to know what is written.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

import uuid_utils
from sqlalchemy import Connection, Engine

from registry.errors import PromptArchivedError, PromptConflictError, PromptExistsError, PromptInvalidError
from registry.storage import rows
from registry.storage.database import writing
from registry.storage.reader import Reader, known
from registry.storage.roster import open_roster
from registry.storage.tables import prompts
from registry.templates.limits import Limits
from registry.values import Move, Prompt, Served

_LONGEST_NOTE = 10_000


class Workers(Protocol):
    """Whoever serves this registry, and can say what they have seen of it."""

    def settle(self, revision: int) -> Served:
        """Wait, a bounded time, until every worker that can be reached has seen a revision."""
        ...


class Writer(Reader):
    """A reader that may write; safe to use from many threads at once.

    `clock` gives the time of events as an aware datetime, `new_id` the ids of versions, requests and schedules. `workers` are waited for
    after a move; they are those of the registry's roster.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        limits: Limits | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        new_id: Callable[[], str] = lambda: str(uuid_utils.uuid7()),
        workers: Workers | None = None,
    ) -> None:
        super().__init__(engine)
        self._limits = limits or Limits()
        self._clock = clock
        self._new_id = new_id
        self._workers = open_roster(engine) if workers is None else workers
        # Within a process writers queue here, instead of polling the database's lock.
        self._turn = threading.Lock()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._turn, writing(self._engine) as connection:
            yield connection

    def _served(self, move: Move) -> Move:
        """The move, once the workers have seen it: no request that starts after this is served what was there before."""
        served = self._workers.settle(move.revision)
        return replace(move, served=served) if served.acknowledged or served.missing else move


def found(connection: Connection, slug: str, if_match: int | None) -> Prompt | None:
    """The prompt to save to, or None if the save is to make it. Raises PromptExistsError and what `expected` raises."""
    there = rows.read_prompts(connection, prompts.c.slug == slug)
    if not there and not if_match:
        return None
    if there and if_match == 0:
        raise PromptExistsError(
            f"prompt '{slug}' exists already (its newest version is {there[0].latest}): save a new version of it, or "
            "choose another slug",
            param="slug",
        )
    return expected(connection, slug, if_match)


def expected(connection: Connection, slug: str, if_match: int | None, *, archived: bool = False) -> Prompt:
    """The prompt, if nobody wrote to it since `if_match`, and it isn't archived unless that doesn't matter.

    Raises PromptNotFoundError, PromptConflictError and PromptArchivedError.
    """
    prompt = known(connection, slug)
    if if_match is not None and if_match != prompt.revision:
        raise PromptConflictError(
            f"prompt '{slug}' was changed by somebody else: If-Match names revision {if_match}, it is at revision "
            f"{prompt.revision} now; read it again and decide anew",
            param="If-Match",
        )
    if prompt.archived_at is not None and not archived:
        raise PromptArchivedError(
            f"prompt '{slug}' was archived at {prompt.archived_at:%Y-%m-%d %H:%M} UTC by {prompt.archived_by}: it serves "
            f"whoever still calls it; `slugline prompt restore {slug}` lets it change again",
            param="slug",
        )
    return prompt


def note(text: str, param: str) -> str:
    """A message or reason, trimmed. Raises PromptInvalidError for one that is too long or can't be kept."""
    if len(text) > _LONGEST_NOTE:
        raise PromptInvalidError(f"'{param}' has more than {_LONGEST_NOTE:,} characters", param=param)
    if "\0" in text:  # PostgreSQL keeps none in text
        raise PromptInvalidError(f"'{param}' holds a NUL character, which is no text", param=param)
    return text.strip()


def why(reason: str) -> str:
    """The reason of a move. Raises PromptInvalidError without one."""
    given = note(reason, "reason")
    if not given:
        raise PromptInvalidError("a channel moves for a reason: say why, for whoever reads the history", param="reason")
    return given
