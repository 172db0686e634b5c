"""The reads that people and pages ask for: prompts, versions, channels, history, and what was live when.

Knows what to answer and what to say when there is nothing. Refuses to write, and is not on the request path: calls
are answered from `registry.serving.live`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime

from sqlalchemy import Connection, Engine

from registry.errors import RegistryError, channel_empty, channel_not_found, prompt_not_found, version_not_found
from registry.storage import rows
from registry.storage.database import reading
from registry.storage.tables import prompts
from registry.values import Channel, HistoryEntry, Prompt, Version

STABLE = "stable"
"""The channel that every prompt is meant to have, moved by promotion only."""


class Reader:
    """Reads of the registry's database; safe to use from many threads at once.

    All methods raise RegistryUnavailableError when the database can't be read.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def engine(self) -> Engine:
        """What it reads with."""
        return self._engine

    def prompts(self) -> list[Prompt]:
        """Every prompt, by slug."""
        with self._reading() as connection:
            return rows.read_prompts(connection)

    def prompt(self, slug: str) -> Prompt:
        """One prompt. Raises PromptNotFoundError."""
        with self._reading() as connection:
            return known(connection, slug)

    def versions(self, slug: str) -> list[Version]:
        """A prompt's versions, newest first. Raises PromptNotFoundError."""
        with self._reading() as connection:
            known(connection, slug)
            return rows.read_versions(connection, slug)

    def version(self, slug: str, number: int) -> Version:
        """One version. Raises PromptNotFoundError or PromptVersionNotFoundError."""
        with self._reading() as connection:
            prompt = known(connection, slug)
            found = rows.read_version(connection, slug, check_number(slug, number, prompt))
            if found is None:
                raise version_not_found(slug, number, prompt.latest)
            return found

    def channels(self, slug: str) -> list[Channel]:
        """A prompt's channels with who moved them last and when. Raises PromptNotFoundError."""
        with self._reading() as connection:
            known(connection, slug)
            return list(rows.read_channels(connection, slug).values())

    def history(
        self, slug: str | None = None, *, limit: int = 100, before_revision: int | None = None
    ) -> list[HistoryEntry]:
        """Writes, newest first, of one prompt or of all; pass the last revision seen to read on."""
        with self._reading() as connection:
            if slug is not None:
                known(connection, slug)
            return rows.read_history(connection, slug, limit, before_revision)

    def live_at(self, when: datetime, slug: str | None = None) -> list[HistoryEntry]:
        """What stood on each channel at an aware datetime, as the moves that put it there; of one prompt or of all.

        An entry's `to_version` is the channel's version; where others had a share, its evidence has the split. Empty before the
        first save.
        """
        with self._reading() as connection:
            if slug is not None:
                known(connection, slug)
            return rows.read_live_at(connection, when, slug)

    def revision(self) -> int:
        """The registry's revision; 0 before the first write."""
        with self._reading() as connection:
            return rows.read_revision(connection)

    def _reading(self) -> AbstractContextManager[Connection]:
        return reading(self._engine)


def known(connection: Connection, slug: str) -> Prompt:
    """The prompt, or PromptNotFoundError with the nearest slug."""
    found = rows.read_prompts(connection, prompts.c.slug == slug)
    if not found:
        raise prompt_not_found(slug, rows.read_slugs(connection))
    return found[0]


def check_number(slug: str, number: int, prompt: Prompt) -> int:
    """The number itself if the prompt has that version, else PromptVersionNotFoundError."""
    if not 1 <= number <= prompt.latest:
        raise version_not_found(slug, number, prompt.latest)
    return number


def nothing_on(slug: str, channel: str, pointers: Mapping[str, int]) -> RegistryError:
    """Why a prompt's channel leads nowhere: not yet, or no such channel."""
    if channel == STABLE:
        return channel_empty(slug, channel, pointers[rows.LATEST])
    return channel_not_found(slug, channel, pointers)
