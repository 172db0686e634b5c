"""The registry's words as values: what a prompt, a version, a channel and an entry of the history are.

Knows the shape of data at the registry's borders. Refuses to know how it is stored, checked or rendered:
nothing here does I/O, reads a clock or parses a template.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Kind = Literal["chat", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a version says and asks for; everything in it is JSON.

    `messages` (kind "chat") are mappings with `role` and `content`: a template, or a list of parts whose `text`
    is a template. `{"role": "placeholder", "name": "messages"}` marks where the caller's own messages go.
    `text` (kind "text") is one template. `variables` is a JSON Schema object for what the templates take.
    `locked` names keys of the request body that a caller may not override. `fallbacks` are models to ask, in turn, where
    `model` doesn't answer.
    """

    kind: Kind = "chat"
    messages: tuple[Mapping[str, Any], ...] = ()
    text: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    model: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tools: Sequence[Mapping[str, Any]] | None = None
    response_format: Mapping[str, Any] | None = None
    locked: tuple[str, ...] = ()
    fallbacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """An immutable, numbered snapshot of a prompt. `revision` is the write that made it."""

    slug: str
    number: int
    version_id: str
    content: Content
    content_hash: str
    message: str
    author: str
    created_at: datetime
    revision: int

    @property
    def reference(self) -> str:
        """How a call pins exactly this version: `support-agent@7`."""
        return f"{self.slug}@{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A named pointer from a prompt to a version; `revision` is the write that moved it last."""

    slug: str
    name: str
    version: int
    revision: int
    moved_at: datetime
    moved_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One write to the registry: who, when, what, from where to where, why, and on what evidence.

    `action` is "create", "save", "promote", "rollback" or "describe". A save moves the channel `latest`, so its entry
    names that channel. `from_version` and `to_version` are None where the action moves nothing. "key.create", "key.update"
    and "key.revoke" are about a caller key: their slug is "" and their evidence names the key.
    """

    revision: int
    at: datetime
    actor: str
    action: str
    slug: str
    channel: str | None
    from_version: int | None
    to_version: int | None
    reason: str
    evidence: Mapping[str, Any]
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A slug with its owner and purpose. `latest` is the newest version's number.

    `revision` is the last write that touched this prompt: the number that `If-Match` compares.
    """

    slug: str
    owner: str
    purpose: str
    tags: tuple[str, ...]
    created_at: datetime
    created_by: str
    channels: Mapping[str, int]
    latest: int
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What a save did. `created` is False when the content equals the newest version's: nothing was written."""

    version: Version
    created: bool
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What a promotion or rollback did. `changed` is False when the channel stood there already."""

    slug: str
    channel: str
    from_version: int | None
    to_version: int
    revision: int
    at: datetime
    changed: bool
