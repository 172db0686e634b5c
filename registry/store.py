"""The registry's one write path, on top of its reads.

Knows what each operation requires and changes. Refuses to know HTTP, templates beyond "does it compile", and who may
do what. The rules, all of them held inside one write transaction:

1. Every write makes one event; its revision is the one before plus one, and its time never lies before that one's.
2. A version's number is the prompt's newest plus one. `latest` follows every save; only moves touch other channels.
3. Content equal to the newest version's writes nothing.
4. With `if_match`, a write happens only if nobody wrote to the prompt since that revision; 0 stands for "must be new".
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import uuid_utils
from sqlalchemy import Connection, Engine, insert, update

from registry import rows
from registry.content import canonical, content_hash, parse_content
from registry.database import writing
from registry.errors import (
    PromptChannelEmptyError,
    PromptConflictError,
    PromptExistsError,
    PromptInvalidError,
    PromptReferenceInvalidError,
    PromptVersionNotFoundError,
)
from registry.ledger import Act, enter, move, next_stamp
from registry.limits import Limits
from registry.moves import way_back
from registry.reader import STABLE, Reader, check_number, known, nothing_on
from registry.reference import check_channel, check_slug
from registry.roster import Acknowledged, open_roster
from registry.rows import LATEST
from registry.tables import prompts, versions
from registry.template import compile_content
from registry.values import Content, Move, Prompt, Saved, Version

_LONGEST_NOTE = 10_000


class Store(Reader):
    """Writes to the registry's database, beside what a Reader reads; safe to use from many threads at once.

    `clock` gives the time of events as an aware datetime, `new_id` the ids of versions. All methods raise
    RegistryUnavailableError when the database can't be used, and PromptReferenceInvalidError for malformed names.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        limits: Limits | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        new_id: Callable[[], str] = lambda: str(uuid_utils.uuid7()),
    ) -> None:
        super().__init__(engine)
        self._roster = open_roster(engine)
        self._limits = limits or Limits()
        self._clock = clock
        self._new_id = new_id
        # Within a process writers queue here, instead of polling SQLite's lock.
        self._turn = threading.Lock()

    def acknowledged(self, revision: int) -> Acknowledged:
        """Which workers have seen a write, by its revision, and which have not: those serve nothing old as fresh, either.

        Every write has been waited for when it returns, as long as need be; this asks for the names.
        """
        return self._roster.settle(revision)

    def save(
        self,
        slug: str,
        content: Content,
        *,
        message: str,
        author: str,
        if_match: int | None = None,
        request_id: str = "",
    ) -> Saved:
        """Store content as the prompt's next version; the first save makes the prompt.

        Raises PromptInvalidError if the content doesn't compile, PromptConflictError or PromptExistsError by
        `if_match`, PromptNotFoundError if `if_match` expects a prompt that isn't there.
        """
        check_slug(slug)
        text = canonical(content)
        content = parse_content(json.loads(text))  # exactly what every later read returns
        compile_content(content, self._limits)
        note = _note(message, "message")
        with self._turn, writing(self._engine) as connection:
            prompt = _found(connection, slug, if_match)
            newest = None if prompt is None else rows.read_version(connection, slug, prompt.latest)
            if newest is not None and newest.content_hash == content_hash(text):
                return Saved(version=newest, created=False, revision=newest.revision)
            revision, at = stamp = next_stamp(connection, self._clock())
            if newest is None:
                about = {"owner": "", "purpose": "", "tags": [], "created_at": at, "created_by": author}
                connection.execute(insert(prompts).values({"slug": slug, **about, "revision": revision}))
            version = Version(
                slug=slug,
                number=1 if newest is None else newest.number + 1,
                version_id=self._new_id(),
                content=content,
                content_hash=content_hash(text),
                message=note,
                author=author,
                created_at=at,
                revision=revision,
            )
            row = {column.name: getattr(version, column.name) for column in versions.columns}
            connection.execute(insert(versions).values({**row, "content": text}))
            action = "create" if newest is None else "save"
            act = Act(action=action, slug=slug, actor=author, reason=note, request_id=request_id)
            before = None if newest is None else newest.number
            enter(connection, act, stamp, channel=LATEST, from_version=before, to_version=version.number)
        return Saved(version=version, created=True, revision=revision)

    def promote(
        self,
        slug: str,
        number: int | None,
        *,
        channel: str = STABLE,
        reason: str,
        actor: str,
        if_match: int | None = None,
        evidence: Mapping[str, Any] | None = None,
        request_id: str = "",
    ) -> Move:
        """Put a version (None: the newest) on a channel, which is made if it is new.

        Once this has returned, every LiveRegistry on this database resolves the channel to the version. Raises
        PromptNotFoundError, PromptVersionNotFoundError, PromptConflictError, and PromptInvalidError without a reason.
        """
        why = _why(channel, reason)
        act = Act(action="promote", slug=slug, actor=actor, reason=why, evidence=evidence or {}, request_id=request_id)
        with self._turn, writing(self._engine) as connection:
            prompt = _expected(connection, check_slug(slug), if_match)
            target = prompt.latest if number is None else check_number(slug, number, prompt)
            return move(connection, act, channel, target, self._clock())

    def rollback(
        self,
        slug: str,
        *,
        channel: str = STABLE,
        to: int | None = None,
        reason: str,
        actor: str,
        if_match: int | None = None,
        evidence: Mapping[str, Any] | None = None,
        request_id: str = "",
    ) -> Move:
        """Put back what was live on a channel before, or `to`, which must have been live there once.

        Rolling back again goes further back. Raises PromptChannelEmptyError if nothing was live before,
        PromptVersionNotFoundError if `to` never was, and what `promote` raises.
        """
        why = _why(channel, reason)
        act = Act(action="rollback", slug=slug, actor=actor, reason=why, evidence=evidence or {}, request_id=request_id)
        with self._turn, writing(self._engine) as connection:
            prompt = _expected(connection, check_slug(slug), if_match)
            if channel not in prompt.channels:
                raise nothing_on(slug, channel, prompt.channels)
            target = _earlier(prompt, channel, rows.read_moves(connection, slug, channel), to)
            return move(connection, act, channel, target, self._clock())

    def describe(
        self,
        slug: str,
        *,
        owner: str | None = None,
        purpose: str | None = None,
        tags: Sequence[str] | None = None,
        actor: str,
        if_match: int | None = None,
        request_id: str = "",
    ) -> Prompt:
        """Change who owns a prompt, what it is for and its tags; None leaves a field as it is."""
        given = {"owner": owner, "purpose": purpose, "tags": None if tags is None else list(tags)}
        with self._turn, writing(self._engine) as connection:
            prompt = _expected(connection, check_slug(slug), if_match)
            current = {"owner": prompt.owner, "purpose": prompt.purpose, "tags": list(prompt.tags)}
            changes = {name: value for name, value in given.items() if value not in (None, current[name])}
            if not changes:
                return prompt
            connection.execute(update(prompts).where(prompts.c.slug == slug).values(changes))
            evidence = {name: {"from": current[name], "to": value} for name, value in changes.items()}
            act = Act(action="describe", slug=slug, actor=actor, evidence=evidence, request_id=request_id)
            enter(connection, act, next_stamp(connection, self._clock()))
            return known(connection, slug)


def _found(connection: Connection, slug: str, if_match: int | None) -> Prompt | None:
    """The prompt to save to, or None if the save is to make it."""
    found = rows.read_prompts(connection, prompts.c.slug == slug)
    if not found and not if_match:
        return None
    if found and if_match == 0:
        raise PromptExistsError(
            f"prompt '{slug}' exists already (its newest version is {found[0].latest}): save a new version of it, or "
            "choose another slug",
            param="slug",
        )
    return _expected(connection, slug, if_match)


def _expected(connection: Connection, slug: str, if_match: int | None) -> Prompt:
    """The prompt, if nobody wrote to it since `if_match`."""
    prompt = known(connection, slug)
    if if_match is not None and if_match != prompt.revision:
        raise PromptConflictError(
            f"prompt '{slug}' was changed by somebody else: If-Match names revision {if_match}, it is at revision "
            f"{prompt.revision} now; read it again and decide anew",
            param="If-Match",
        )
    return prompt


def _why(channel: str, reason: str) -> str:
    """The reason of a move, once channel and reason are fit for one."""
    check_channel(channel)
    if channel == LATEST:
        raise PromptReferenceInvalidError(
            f"'{LATEST}' can't be moved, it follows every save; promote to '{STABLE}' or a channel of your own",
            param="channel",
        )
    why = _note(reason, "reason")
    if not why:
        raise PromptInvalidError("a channel moves for a reason: say why, for whoever reads the history", param="reason")
    return why


def _note(text: str, param: str) -> str:
    if len(text) > _LONGEST_NOTE:
        raise PromptInvalidError(f"'{param}' has more than {_LONGEST_NOTE:,} characters", param=param)
    return text.strip()


def _earlier(prompt: Prompt, channel: str, moves: list[tuple[str, int]], to: int | None) -> int:
    """The version that a rollback goes back to."""
    if to is not None:
        check_number(prompt.slug, to, prompt)
        if to not in {version for _, version in moves}:
            raise PromptVersionNotFoundError(
                f"version {to} of prompt '{prompt.slug}' was never live on channel '{channel}': promote it instead",
                param="version",
            )
        return to
    path = way_back(moves)
    if len(path) < 2:
        raise PromptChannelEmptyError(
            f"nothing was live on channel '{channel}' of prompt '{prompt.slug}' before version {path[-1]}, so there is "
            "nothing to roll back to; promote another version instead",
            param="channel",
        )
    return path[-2]
