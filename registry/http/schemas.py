"""What the API takes and gives of prompts: their versions, what a reference means, what renders, and what differs.

Knows JSON shapes, as OpenAPI shows them, and how values become them. Refuses to know routes and where values come from.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from registry.content import as_mapping
from registry.diffs.compare import Diff
from registry.http.body import Body, JsonObject
from registry.http.move_schemas import SplitOut
from registry.serving.live import Resolved
from registry.values import Prompt, Saved, Version


class ContentBody(Body):
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


class SaveBody(Body):
    """A new version."""

    content: ContentBody
    message: str = Field(default="", description="why, for whoever reads the history")
    author: str | None = Field(default=None, max_length=200, description="who wrote it, if not who saves it")
    source: JsonObject | None = Field(default=None, description="where it came from: commit, path and repository")


class CreateBody(SaveBody):
    """A new prompt with its first version."""

    slug: str


class DescribeBody(Body):
    """What to change; what is left out stays."""

    owner: Annotated[str, Field(max_length=200)] | None = None
    purpose: Annotated[str, Field(max_length=2000)] | None = None
    tags: list[Annotated[str, Field(max_length=100)]] | None = None


class DiffBody(Body):
    """Content to compare with."""

    content: ContentBody


class RenderBody(Body):
    """Values for the template's variables."""

    variables: JsonObject = Field(default_factory=dict)


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
