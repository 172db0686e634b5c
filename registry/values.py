"""The registry's words as values: what a prompt, a version, a channel and an entry of the history are.

Knows the shape of data at the registry's borders. Refuses to know how it is stored, checked or rendered:
nothing here does I/O, reads a clock or parses a template.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from registry.split import Split

Kind = Literal["chat", "text"]
ReviewKind = Literal["approve", "reject", "comment"]
RequestState = Literal["open", "rejected", "withdrawn", "promoted"]
ScheduleState = Literal["waiting", "done", "failed", "cancelled"]

REVIEW_KINDS: tuple[str, ...] = get_args(ReviewKind)
ACTIONS = (
    *("create", "save", "describe", "archive", "restore", "promote", "rollback", "rollout"),
    *("schedule", "schedule.cancel", "schedule.fail", "protect", "verdict", "watch"),
    *("request", "request.withdraw", "review.approve", "review.reject", "review.comment"),
    *("key.create", "key.update", "key.revoke"),
    *("dataset.save", "dataset.archive", "dataset.restore", "dataset.erase"),
    *("probe.add", "probe.reference", "probe.remove", "probe.change"),
    *("monitor.set", "monitor.remove", "alert.acknowledge", "alert.mute"),
    *("session.open", "session.end", "person.block", "person.unblock", "share.create", "share.revoke"),
)
"""What events are about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a version says and asks for; everything in it is JSON.

    `messages` (kind "chat") are mappings with `role` and `content`: a template, or a list of parts in which `text` and every
    other string that holds a tag is a template. `{"role": "placeholder", "name": "messages"}` marks where the caller's own
    messages go; with another name, those in the variable of that name.
    `text` (kind "text") is one template. `variables` is a JSON Schema object for what the templates take.
    `includes` locks the fragments that the templates include, each reference as written: `{"version", "version_id", "hash",
    "text"}`, with `variables` and `includes` where the fragment has them. What is to be saved may name a version's number
    instead, or leave a reference out (`registry.writing.locking`).
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
    includes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """An immutable, numbered snapshot of a prompt. `revision` is the write that made it.

    `source` says where it came from, if not from somebody's hand: `{"commit": …, "path": …, "repository": …}` for Git.
    """

    slug: str
    number: int
    version_id: str
    content: Content
    content_hash: str
    message: str
    author: str
    created_at: datetime
    revision: int
    source: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """How a call pins exactly this version: `support-agent@7`."""
        return f"{self.slug}@{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A named pointer from a prompt to a version, with the versions that have a share beside it.

    `revision` is the write that moved it last.
    """

    slug: str
    name: str
    version: int
    split: Split
    revision: int
    moved_at: datetime
    moved_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One write to the registry: who, when, what, from where to where, why, and on what evidence.

    `action` is one of ACTIONS. A save moves the channel `latest`, so its entry names that channel. `from_version` and
    `to_version` are None where the action moves nothing. Events about a caller key have the slug "", and their evidence names the
    key. `identity` tells two people of one name apart; `hash` is the chain's (`registry.storage.chain`).
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
    identity: str = ""
    idempotency_key: str = ""
    fingerprint: str = ""
    hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A slug with its owner and purpose. `latest` is the newest version's number.

    `splits` holds the channels that serve more than one version. An archived prompt serves whoever still calls it, and nothing about
    it changes any more. `revision` is the last write that touched this prompt: the number that `If-Match` compares.
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
    splits: Mapping[str, Split] = field(default_factory=dict)
    archived_at: datetime | None = None
    archived_by: str | None = None
    latest_hash: str = ""
    """The content hash of the newest version: whoever has its content needn't read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What a save did. `created` is False when the content equals the newest version's: nothing was written."""

    version: Version
    created: bool
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What a move of a channel did. `changed` is False when the channel stood there already.

    `served` says which workers serve it by now; None where nobody asked them.
    """

    slug: str
    channel: str
    from_version: int | None
    to_version: int
    revision: int
    at: datetime
    changed: bool
    split: Split = field(default_factory=Split)
    served: Served | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A worker that has not acknowledged, and how long nothing was heard of it."""

    worker: str
    silent_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Which workers have seen a revision, and which couldn't be reached in time: these serve nothing of what they last knew as fresh.

    Workers are named for people: `worker 2 (pid 1234 on web-1)`.
    """

    acknowledged: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What somebody said of a request: approved or rejected it, or commented on it."""

    review_id: str
    request_id: str
    kind: ReviewKind
    actor: str
    identity: str
    names: tuple[str, ...]
    text: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionRequest:
    """Somebody asks that a version be put on a channel. `missing` says what the channel still asks for, a sentence each."""

    request_id: str
    slug: str
    channel: str
    version: int
    requested_by: str
    identity: str
    reason: str
    state: RequestState
    created_at: datetime
    closed_at: datetime | None
    revision: int
    reviews: tuple[Review, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A move that is to come, or came. `outcome` says why it failed."""

    schedule_id: str
    slug: str
    channel: str
    version: int
    due_at: datetime
    reason: str
    actor: str
    identity: str
    state: ScheduleState
    outcome: str
    created_at: datetime
    revision: int
