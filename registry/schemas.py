"""What the registry's HTTP API takes and gives, as OpenAPI shows it.

Knows JSON shapes and how values become them. Refuses to know routes and where values come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from registry.content import as_mapping
from registry.diff import Diff
from registry.live import Resolved
from registry.split import Split
from registry.values import HistoryEntry, Move, Prompt, Saved, Version

JsonObject = dict[str, Any]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ContentBody(_Body):
    """What a version says: chat `messages`, or one `text`; the rest is optional."""

    kind: Literal["chat", "text"] | None = None
    messages: list[JsonObject] | None = None
    text: str | None = None
    variables: JsonObject | None = Field(default=None, description="JSON Schema object of the variables")
    model: str | None = None
    parameters: JsonObject | None = None
    tools: list[JsonObject] | None = None
    response_format: JsonObject | None = None
    locked: list[str] | None = Field(default=None, description="body keys that a caller may not override")
    fallbacks: list[str] | None = Field(
        default=None, description="models to ask, in turn, where 'model' doesn't answer"
    )
    includes: JsonObject | None = Field(
        default=None,
        description="versions to lock included fragments to, as numbers or whole locks; others are locked anew",
    )


class SaveBody(_Body):
    """A new version."""

    content: ContentBody
    message: str = Field(default="", description="why, for whoever reads the history")
    author: str | None = Field(default=None, max_length=200, description="who wrote it, if not who saves it")
    source: JsonObject | None = Field(default=None, description="where it came from: commit, path and repository")


class CreateBody(SaveBody):
    """A new prompt with its first version."""

    slug: str


class PromoteBody(_Body):
    """Put a version on the channel; without one, the newest."""

    version: Annotated[int, Field(ge=1)] | None = None
    reason: str
    holdback: float | None = Field(
        default=None, description="per cent of callers that stay on the version before; null takes what the rule says"
    )
    holdback_hours: Annotated[float, Field(gt=0, le=24 * 365)] = 24.0
    evidence: JsonObject = Field(default_factory=dict)


class ReasonBody(_Body):
    """Why, for whoever reads the history."""

    reason: str = ""


class DescribeBody(_Body):
    """What to change; what is left out stays."""

    owner: Annotated[str, Field(max_length=200)] | None = None
    purpose: Annotated[str, Field(max_length=2000)] | None = None
    tags: list[Annotated[str, Field(max_length=100)]] | None = None


class DiffBody(_Body):
    """Content to compare with."""

    content: ContentBody


class RollbackBody(_Body):
    """Put back what was live before, or a named version that was live once."""

    to: Annotated[int, Field(ge=1)] | None = None
    reason: str
    evidence: JsonObject = Field(default_factory=dict)


class RenderBody(_Body):
    """Values for the template's variables."""

    variables: JsonObject = Field(default_factory=dict)


class ArmOut(BaseModel):
    """A version with a share of a channel."""

    version: int
    share: float = Field(description="per cent of callers")
    kind: Literal["rollout", "holdback"]
    until: datetime | None


class SplitOut(BaseModel):
    """What a channel serves beside its own version."""

    arms: list[ArmOut]
    sticky: str = Field(description="what callers are told apart by")

    @classmethod
    def of(cls, split: Split) -> SplitOut:
        """From the value."""
        names = ("version", "share", "kind", "until")
        return cls(
            arms=[ArmOut(**{name: getattr(arm, name) for name in names}) for arm in split.arms], sticky=split.sticky
        )


class PromptOut(BaseModel):
    """A prompt, without what its versions say."""

    slug: str
    owner: str
    purpose: str
    tags: list[str]
    created_at: datetime
    created_by: str
    channels: dict[str, int]
    splits: dict[str, SplitOut] = Field(description="the channels that serve more than one version")
    latest: int
    archived_at: datetime | None
    archived_by: str | None
    latest_hash: str = Field(description="the content hash of the newest version")
    revision: int = Field(description="the last write to this prompt; what If-Match compares")

    @classmethod
    def of(cls, prompt: Prompt) -> PromptOut:
        """From the value."""
        same = {name: getattr(prompt, name) for name in cls.model_fields if name not in {"tags", "splits"}}
        splits = {name: SplitOut.of(split) for name, split in prompt.splits.items()}
        return cls(**same, tags=[*prompt.tags], splits=splits)


class PromptList(BaseModel):
    """All prompts."""

    prompts: list[PromptOut]


class VersionOut(BaseModel):
    """A version in full."""

    slug: str
    version: int
    version_id: str
    content: JsonObject
    content_hash: str
    message: str
    author: str
    source: JsonObject
    created_at: datetime
    revision: int

    @classmethod
    def of(cls, version: Version) -> VersionOut:
        """From the value."""
        same = ("slug", "version_id", "content_hash", "message", "author", "created_at", "revision")
        fields = {name: getattr(version, name) for name in same}
        return cls(
            **fields,
            version=version.number,
            content=as_mapping(version.content),
            source=dict(version.source),
        )


class VersionList(BaseModel):
    """A prompt's versions, newest first."""

    slug: str
    versions: list[VersionOut]


class SavedOut(VersionOut):
    """What a save did; `created` is false when the newest version said the same already."""

    created: bool

    @classmethod
    def of_saved(cls, saved: Saved) -> SavedOut:
        """From the value."""
        return cls(**VersionOut.of(saved.version).model_dump(), created=saved.created)


class ResolvedOut(BaseModel):
    """What a reference means now. `messages` are templates; render them with /render."""

    slug: str
    version: int
    version_id: str
    channel: str
    variant: str = Field(description="main, rollout or holdback where the channel is split")
    revision: int = Field(description="the last write to this prompt; what If-Match and the ETag compare")
    kind: str
    messages: list[JsonObject]
    text: str | None
    config: JsonObject = Field(description="model, parameters, tools, response_format, locked fields and fallbacks")
    variables: JsonObject = Field(description="effective JSON Schema of the variables")
    includes: JsonObject = Field(description="the fragments that the templates include, as they were locked at save")
    content_hash: str
    message: str
    author: str
    created_at: datetime
    stale: bool = Field(description="true while the database can't be read and this is the last known state")

    @classmethod
    def of(cls, resolved: Resolved, *, revision: int, stale: bool) -> ResolvedOut:
        """From the value."""
        version, content = resolved.version, as_mapping(resolved.version.content)
        settings = ("model", "parameters", "tools", "response_format", "locked", "fallbacks")
        return cls(
            **{name: getattr(version, name) for name in ("slug", "version_id", "content_hash", "message", "author")},
            version=version.number,
            channel=resolved.channel,
            variant=resolved.variant,
            revision=revision,
            kind=content["kind"],
            messages=content.get("messages", []),
            text=content.get("text"),
            config={name: content[name] for name in settings if name in content},
            variables=dict(resolved.compiled.schema),
            includes=content.get("includes", {}),
            created_at=version.created_at,
            stale=stale,
        )


class RenderedOut(BaseModel):
    """A rendered prompt; placeholders stay where the caller's own messages go."""

    slug: str
    version: int
    version_id: str
    channel: str
    variant: str
    messages: list[JsonObject]
    text: str | None
    variables: JsonObject
    config: JsonObject


class MissingOut(BaseModel):
    """A worker that couldn't be reached, because it is stopped or cut off."""

    worker: str
    silent_seconds: float


class ServedOut(BaseModel):
    """Which workers serve it by now, and which couldn't be reached: those serve nothing old as if it were fresh."""

    acknowledged: list[str]
    missing: list[MissingOut]


class MoveOut(BaseModel):
    """What a move of a channel did."""

    slug: str
    channel: str
    from_version: int | None
    to_version: int
    split: SplitOut
    revision: int
    at: datetime
    changed: bool
    served: ServedOut | None = Field(description="null where no server runs on this registry")

    @classmethod
    def of(cls, move: Move) -> MoveOut:
        """From the value."""
        same = {name: getattr(move, name) for name in cls.model_fields if name not in {"split", "served"}}
        served = None
        if move.served is not None:
            served = ServedOut(
                acknowledged=[*move.served.acknowledged],
                missing=[MissingOut(worker=m.worker, silent_seconds=m.silent_seconds) for m in move.served.missing],
            )
        return cls(**same, split=SplitOut.of(move.split), served=served)


class HistoryOut(BaseModel):
    """One write."""

    revision: int
    at: datetime
    actor: str
    identity: str
    action: str
    slug: str
    channel: str | None
    from_version: int | None
    to_version: int | None
    reason: str
    evidence: JsonObject
    request_id: str
    hash: str = Field(description="covers this event and the hash of the one before")

    @classmethod
    def of(cls, entry: HistoryEntry) -> HistoryOut:
        """From the value."""
        return cls(**{name: getattr(entry, name) for name in cls.model_fields})


class HistoryList(BaseModel):
    """Writes, newest first; pass `next_before` as `before` to read on, null at the end."""

    events: list[HistoryOut]
    next_before: int | None

    @classmethod
    def of(cls, entries: Sequence[HistoryEntry], limit: int) -> HistoryList:
        """From a page of at most `limit`."""
        more = entries[-1].revision if len(entries) == limit else None
        return cls(events=[HistoryOut.of(entry) for entry in entries], next_before=more)


class LiveAt(BaseModel):
    """Which version each channel was on at a time, and the moves that put it there."""

    slug: str
    time: datetime
    channels: dict[str, int]
    moves: list[HistoryOut]

    @classmethod
    def of(cls, slug: str, time: datetime, entries: Sequence[HistoryEntry]) -> LiveAt:
        """From the last move of each channel."""
        channels = {entry.channel: entry.to_version for entry in entries}
        return cls(slug=slug, time=time, channels=channels, moves=[HistoryOut.of(entry) for entry in entries])


class SegmentOut(BaseModel):
    """A run of words that stayed, went or came."""

    operation: Literal["same", "removed", "added"]
    text: str


class MessageDiffOut(BaseModel):
    """One message that differs; places count from 0, null where it isn't there."""

    role: str
    old: int | None
    new: int | None
    segments: list[SegmentOut]


class DiffOut(BaseModel):
    """What changed, in sentences and words."""

    old: str
    new: str
    sentences: list[str]
    messages: list[MessageDiffOut]

    @classmethod
    def of(cls, found: Diff) -> DiffOut:
        """From the value."""
        messages = [
            MessageDiffOut(
                role=message.role,
                old=message.old,
                new=message.new,
                segments=[SegmentOut(operation=s.operation, text=s.text) for s in message.segments],
            )
            for message in found.messages
        ]
        return cls(old=found.old, new=found.new, sentences=[*found.sentences], messages=messages)
