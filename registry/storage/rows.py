"""Rows to values, and the statements that read them.

Knows how each value lies in the tables. Refuses to know transactions and to write: it is handed a connection.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, select

from registry.content import parse_content
from registry.keys import SCOPES, CallerKey, KeyTerms
from registry.split import Split, arm_of
from registry.storage.tables import caller_keys, channels, events, prompts, versions
from registry.values import Channel, HistoryEntry, Prompt, Version

LATEST = "latest"


def version_of(row: Mapping[Any, Any]) -> Version:
    """A version from its row."""
    return Version(**{**row, "content": parse_content(json.loads(row["content"]))})


def channel_of(row: RowMapping) -> Channel:
    """A channel from its row."""
    own = {name: value for name, value in row.items() if name not in {"split", "sticky"}}
    return Channel(**own, split=split_of(row["split"], row["sticky"]))


def split_of(arms: Sequence[Mapping[str, Any]], sticky: str) -> Split:
    """A split from how it is stored."""
    return Split(arms=tuple(arm_of(arm) for arm in arms), sticky=sticky)


def read_revision(connection: Connection) -> int:
    """The registry's revision: that of its last event, 0 before the first."""
    newest: int = connection.execute(select(func.coalesce(func.max(events.c.revision), 0))).scalar_one()
    return newest


def read_prompts(connection: Connection, where: Any = None) -> list[Prompt]:
    """Prompts with their channels, by slug; all of them, or those that meet a condition on the table prompts."""
    at_newest = (channels.c.slug == prompts.c.slug) & (channels.c.name == LATEST)
    newest = (versions.c.slug == prompts.c.slug) & (versions.c.number == channels.c.version)
    query = (
        select(prompts, versions.c.content_hash.label("latest_hash")).join(channels, at_newest).join(versions, newest)
    )
    pointers = select(channels)
    if where is not None:
        query = query.where(where)
        pointers = pointers.join(prompts, prompts.c.slug == channels.c.slug).where(where)
    by_slug: dict[str, list[Channel]] = {}
    for row in _sorted(connection.execute(pointers).mappings(), "name"):
        by_slug.setdefault(row["slug"], []).append(channel_of(row))
    found = _sorted(connection.execute(query).mappings(), "slug")
    return [_prompt_of(row, by_slug[row["slug"]]) for row in found]


def read_slugs(connection: Connection) -> list[str]:
    """Every slug."""
    return list(connection.execute(select(prompts.c.slug)).scalars())


def read_channels(connection: Connection, slug: str) -> dict[str, Channel]:
    """A prompt's channels by name; empty if there is no such prompt."""
    rows = connection.execute(select(channels).where(channels.c.slug == slug)).mappings()
    return {row["name"]: channel_of(row) for row in _sorted(rows, "name")}


def read_version(connection: Connection, slug: str, number: int) -> Version | None:
    """One version, or None."""
    row = connection.execute(_versions(slug).where(versions.c.number == number)).mappings().first()
    return None if row is None else version_of(row)


def read_number(connection: Connection, slug: str, version_id: str) -> int | None:
    """The number of a prompt's version that has this id, or None."""
    query = select(versions.c.number).where(versions.c.version_id == version_id, versions.c.slug == slug)
    number: int | None = connection.execute(query).scalar_one_or_none()
    return number


def read_versions(connection: Connection, slug: str) -> list[Version]:
    """A prompt's versions, newest first."""
    return [
        version_of(row) for row in connection.execute(_versions(slug).order_by(versions.c.number.desc())).mappings()
    ]


def read_events(connection: Connection, where: Any) -> list[HistoryEntry]:
    """Events that meet a condition on the table events, oldest first."""
    query = select(events).where(where).order_by(events.c.revision)
    return [HistoryEntry(**row) for row in connection.execute(query).mappings()]


def read_history(
    connection: Connection, slug: str | None, limit: int, before_revision: int | None
) -> list[HistoryEntry]:
    """Events, newest first."""
    query = select(events).order_by(events.c.revision.desc()).limit(limit)
    if slug is not None:
        query = query.where(events.c.slug == slug)
    if before_revision is not None:
        query = query.where(events.c.revision < before_revision)
    return [HistoryEntry(**row) for row in connection.execute(query).mappings()]


def read_moves(connection: Connection, slug: str, channel: str) -> list[tuple[str, int]]:
    """A channel's moves as (action, to_version), oldest first."""
    query = select(events.c.action, events.c.to_version).where(events.c.slug == slug, events.c.channel == channel)
    return [(action, version) for action, version in connection.execute(query.order_by(events.c.revision))]


def read_live_at(connection: Connection, when: datetime, slug: str | None = None) -> list[HistoryEntry]:
    """The last move of each channel up to a moment, by slug and channel; of one prompt or of all."""
    last = select(func.max(events.c.revision)).where(events.c.channel.is_not(None), events.c.at <= when)
    if slug is not None:
        last = last.where(events.c.slug == slug)
    query = select(events).where(events.c.revision.in_(last.group_by(events.c.slug, events.c.channel)))
    found = _sorted(connection.execute(query).mappings(), "slug", "channel")
    return [HistoryEntry(**row) for row in found]


def read_keys(connection: Connection, where: Any = None) -> list[CallerKey]:
    """Caller keys, oldest first; all of them, or those that meet a condition on the table caller_keys."""
    query = select(caller_keys).order_by(caller_keys.c.created_at, caller_keys.c.key_id)
    if where is not None:
        query = query.where(where)
    return [_key_of(row) for row in connection.execute(query).mappings()]


def _key_of(row: RowMapping) -> CallerKey:
    terms = {each.name: row[each.name] for each in fields(KeyTerms) if each.name != "roles"}
    for scope in SCOPES:
        terms[scope] = tuple(terms[scope])
    terms["roles"] = tuple(row["role"].split(","))
    if terms["budget_usd"] is not None:
        terms["budget_usd"] = Decimal(terms["budget_usd"])
    own = {name: value for name, value in row.items() if name not in terms and name != "role"}
    return CallerKey(**own, terms=KeyTerms(**terms))


def _sorted(rows: Iterable[RowMapping], *columns: str) -> list[RowMapping]:
    """By their names' characters: PostgreSQL would sort by the rules of the database's language."""
    return sorted(rows, key=lambda row: [row[column] for column in columns])


def _versions(slug: str) -> Select[Any]:
    return select(versions).where(versions.c.slug == slug)


def _prompt_of(row: RowMapping, found: Sequence[Channel]) -> Prompt:
    pointers = {channel.name: channel.version for channel in found}
    splits = {channel.name: channel.split for channel in found if channel.split.arms}
    about = {**row, "tags": tuple(row["tags"])}
    return Prompt(**about, channels=pointers, splits=splits, latest=pointers[LATEST])
