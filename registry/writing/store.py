"""The registry's one write path, on top of its reads: what is saved here; channels, requests,
datasets, evaluations and probes in the modules that it stands on.

Knows what each operation requires and changes. Refuses to know HTTP, and templates beyond "does it compile". The rules, all
of them held inside one write transaction:

1. Whoever writes has a role for it (`registry.roles`), and a version gets onto a channel only as that asks (`registry.rules`).
2. Every write makes one event; its revision is the one before plus one, and its time never lies before that one's.
3. A version's number is the prompt's newest plus one. `latest` follows every save; only moves touch other channels.
4. Content equal to the newest version's writes nothing.
5. With `if_match`, a write happens only if nobody wrote to the prompt since that revision; 0 stands for "must be new".
6. With `idempotency_key`, a write that was made already isn't made again: its first answer is given.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert, update

from registry.content import canonical, content_hash, parse_content
from registry.reference import check_slug
from registry.roles import Principal, permit
from registry.storage import rows
from registry.storage.reader import known
from registry.storage.rows import LATEST
from registry.storage.tables import prompts, versions
from registry.templates.template import compile_content
from registry.values import Content, HistoryEntry, Prompt, Saved, Version
from registry.writing.alerts import AlertWrites
from registry.writing.datasets import DatasetWrites
from registry.writing.erasing import ErasureWrites
from registry.writing.evaluations import EvaluationWrites
from registry.writing.fragments import enter_uses, finder
from registry.writing.ledger import Act, enter, next_stamp, repeated
from registry.writing.locking import has_includes, lock_includes
from registry.writing.monitors import MonitorWrites
from registry.writing.probes import ProbeWrites
from registry.writing.requests import RequestWrites
from registry.writing.schedules import ScheduleWrites
from registry.writing.writer import expected, found, note


class Store(
    ScheduleWrites,
    RequestWrites,
    DatasetWrites,
    EvaluationWrites,
    ProbeWrites,
    MonitorWrites,
    AlertWrites,
    ErasureWrites,
):
    """Writes to the registry's database, beside what a Reader reads; safe to use from many threads at once.

    All methods raise RegistryUnavailableError when the database can't be used, PromptReferenceInvalidError for malformed names, and
    AuthRoleNotAllowedError, AuthPromptNotAllowedError or AuthChannelNotAllowedError where `by` may not.
    """

    def save(
        self,
        slug: str,
        content: Content,
        *,
        message: str,
        by: Principal,
        author: str | None = None,
        source: Mapping[str, Any] | None = None,
        if_match: int | None = None,
        request_id: str = "",
        idempotency_key: str = "",
    ) -> Saved:
        """Store content as the prompt's next version; the first save makes the prompt.

        `author` is who wrote it, where that isn't who saves it; `source` where it came from. Raises PromptInvalidError if the content
        doesn't compile, PromptConflictError or PromptExistsError by `if_match`, PromptNotFoundError if `if_match` expects a prompt
        that isn't there, PromptArchivedError, IdempotencyKeyReusedError.
        """
        permit(by, "save", slug=check_slug(slug))
        text = canonical(content)
        content = parse_content(json.loads(text))  # exactly what every later read returns
        includes = has_includes(content)
        if not includes:
            compile_content(content, self._limits)
        said = note(message, "message")
        act = Act(
            action="save",
            slug=slug,
            by=by,
            reason=said,
            request_id=request_id,
            idempotency_key=idempotency_key,
            asked=["save", content_hash(text), author],
        )
        with self._writing() as connection:
            if (done := repeated(connection, act)) is not None:
                return _saved_again(connection, done)
            prompt = found(connection, slug, if_match)
            if includes:  # inside, so that what is locked is what the references mean when the version appears
                text = canonical(lock_includes(content, finder(connection, by), slug=slug, limits=self._limits))
                content = parse_content(json.loads(text))
                compile_content(content, self._limits)
            newest = None if prompt is None else rows.read_version(connection, slug, prompt.latest)
            if newest is not None and newest.content_hash == content_hash(text):
                return Saved(version=newest, created=False, revision=newest.revision)
            revision, at = stamp = next_stamp(connection, self._clock())
            if newest is None:
                about = {"owner": "", "purpose": "", "tags": [], "created_at": at, "created_by": author or by.name}
                connection.execute(insert(prompts).values({"slug": slug, **about, "revision": revision}))
            version = Version(
                slug=slug,
                number=1 if newest is None else newest.number + 1,
                version_id=self._new_id(),
                content=content,
                content_hash=content_hash(text),
                message=said,
                author=author or by.name,
                created_at=at,
                revision=revision,
                source=dict(source or {}),
            )
            row = {column.name: getattr(version, column.name) for column in versions.columns}
            connection.execute(insert(versions).values({**row, "content": text}))
            enter_uses(connection, version)
            evidence = {"version_id": version.version_id, "content_hash": version.content_hash, **_from(version)}
            before = None if newest is None else newest.number
            enter(
                connection,
                act.about(action="create" if newest is None else "save", evidence=evidence),
                stamp,
                channel=LATEST,
                from_version=before,
                to_version=version.number,
            )
        return Saved(version=version, created=True, revision=revision)

    def locked(self, slug: str, content: Content, *, by: Principal) -> Content:
        """Content as a save to `slug` would store it now, its fragments locked: for comparing a file with a version.

        Raises what `save` raises for fragments; nothing is written.
        """
        if has_includes(content):
            with self._reading() as connection:
                content = lock_includes(content, finder(connection, by), slug=check_slug(slug), limits=self._limits)
        return parse_content(json.loads(canonical(content)))

    def describe(
        self,
        slug: str,
        *,
        owner: str | None = None,
        purpose: str | None = None,
        tags: Sequence[str] | None = None,
        by: Principal,
        if_match: int | None = None,
        request_id: str = "",
    ) -> Prompt:
        """Change who owns a prompt, what it is for and its tags; None leaves a field as it is."""
        permit(by, "save", slug=check_slug(slug))
        said = {"owner": owner, "purpose": purpose}
        given: dict[str, Any] = {name: None if text is None else note(text, name) for name, text in said.items()}
        given["tags"] = None if tags is None else list(tags)
        with self._writing() as connection:
            prompt = expected(connection, slug, if_match)
            current = {"owner": prompt.owner, "purpose": prompt.purpose, "tags": list(prompt.tags)}
            changes = {name: value for name, value in given.items() if value not in (None, current[name])}
            if not changes:
                return prompt
            connection.execute(update(prompts).where(prompts.c.slug == slug).values(changes))
            evidence = {name: {"from": current[name], "to": value} for name, value in changes.items()}
            act = Act(action="describe", slug=slug, by=by, evidence=evidence, request_id=request_id)
            enter(connection, act, next_stamp(connection, self._clock()))
            return known(connection, slug)

    def archive(
        self, slug: str, *, reason: str, by: Principal, if_match: int | None = None, request_id: str = ""
    ) -> Prompt:
        """Take a prompt out of use: nothing about it can change until it is restored. Whoever still calls it is served."""
        return self._shelve(
            slug, Act(action="archive", slug=slug, by=by, reason=reason, request_id=request_id), if_match
        )

    def restore(
        self, slug: str, *, reason: str, by: Principal, if_match: int | None = None, request_id: str = ""
    ) -> Prompt:
        """Take an archived prompt into use again."""
        return self._shelve(
            slug, Act(action="restore", slug=slug, by=by, reason=reason, request_id=request_id), if_match
        )

    def _shelve(self, slug: str, act: Act, if_match: int | None) -> Prompt:
        permit(act.by, "archive", slug=check_slug(slug))
        act = act.about(reason=note(act.reason, "reason"))
        archives = act.action == "archive"
        with self._writing() as connection:
            prompt = expected(connection, slug, if_match, archived=True)
            if (prompt.archived_at is not None) == archives:
                return prompt
            _, at = stamp = next_stamp(connection, self._clock())
            put = {"archived_at": at if archives else None, "archived_by": act.by.name if archives else None}
            connection.execute(update(prompts).where(prompts.c.slug == slug).values(put))
            enter(connection, act, stamp)
            return known(connection, slug)


def _from(version: Version) -> dict[str, Any]:
    return {"source": dict(version.source)} if version.source else {}


def _saved_again(connection: Connection, done: HistoryEntry) -> Saved:
    """What was answered to a save that was made already."""
    version = rows.read_version(connection, done.slug, done.to_version or 0)
    assert version is not None  # noqa: S101 - the event is in the same transaction as the version
    return Saved(version=version, created=True, revision=done.revision)
