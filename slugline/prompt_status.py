"""What there is to know about one prompt, put together from the registry's answers: what runs, since when and by whom, what changed
against the version before, how to try the newest version, and the way back.

Knows which version was live before which. Refuses to print.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from registry.diffs.compare import Diff, diff
from registry.diffs.words import MessageDiff
from registry.errors import RegistryError
from registry.split import Split
from registry.storage.reader import STABLE
from registry.storage.rows import LATEST, split_of
from registry.templates.template import compile_content
from registry.values import Content, HistoryEntry, Prompt, Version
from registry.writing.moves import way_back
from slugline.access import Access
from slugline.next_step import next_step

_MOST_EVENTS = 10_000
_LONGEST_WORDS = 60
_MOST_WORDS = 6
_EXAMPLES: Mapping[str, Any] = {"integer": 1, "number": 1.0, "boolean": True, "array": [], "object": {}, "null": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What changed between two versions, a sentence each; `diff` has every word."""

    old: str
    new: str
    sentences: tuple[str, ...]
    diff: Diff


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelMove:
    """A move of a channel: what was done, by whom, when and why."""

    action: str
    by: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStatus:
    """What a channel serves. `placed` is the move that put its version there, `moved` its last one, which may be about shares only.

    `before` is the version that a rollback puts back, by the command in `rollback`; None and "" where there is none. `changes` are
    those from it; those of `latest` are from what is on stable, None where that is the same. `asked_at` is when this was asked.
    """

    name: str
    version: int
    split: Split
    placed: ChannelMove
    moved: ChannelMove
    before: int | None
    changes: Changes | None
    rollback: str
    asked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptStatus:
    """A prompt's channels, stable first; `trial` is the command that calls the newest version. Where that isn't on stable, `missing`
    says what stable still asks for, and `next` is the command that leads on."""

    prompt: Prompt
    channels: tuple[ChannelStatus, ...]
    newest: Version
    trial: str
    missing: tuple[str, ...]
    next: str

    def to_json(self) -> dict[str, Any]:
        """As JSON has it."""
        from registry.http.schemas import PromptOut, VersionOut

        return {
            "prompt": PromptOut.of(self.prompt).model_dump(mode="json"),
            "channels": [_channel_json(channel) for channel in self.channels],
            "newest": VersionOut.of(self.newest).model_dump(mode="json", exclude={"content"}),
            "try": self.trial,
            "missing": list(self.missing),
            "next": self.next,
        }


def status_of(access: Access, slug: str) -> PromptStatus:
    """The status of one prompt. Raises what `access` raises."""
    now = datetime.now(UTC)
    prompt = access.prompt(slug)
    past = access.history(slug, limit=_MOST_EVENTS)
    newest = access.version(slug, prompt.latest)
    live = {entry.channel or "": entry for entry in access.live_at(now, slug)}
    names = sorted(live, key=lambda name: (name != STABLE, name == LATEST, name))
    stable = live.get(STABLE)
    waits = prompt.archived_at is None and (stable is None or stable.to_version != prompt.latest)
    return PromptStatus(
        prompt=prompt,
        channels=tuple(_channel(access, live[name], stable, past, now) for name in names),
        newest=newest,
        trial=trial(access, newest),
        missing=tuple(access.lacking(slug, STABLE, prompt.latest)) if waits else (),
        next=next_step(access, slug, STABLE, [prompt.latest]) if waits else "",
    )


def trial(access: Access, version: Version) -> str:
    """The command that calls a prompt's newest version, with a value for each variable that it needs."""
    variables = example_of(version.content)
    prompt = {"id": f"{version.slug}@{LATEST}", **({"variables": variables} if variables else {})}
    body: dict[str, Any] = {"prompt": prompt, "messages": [{"role": "user", "content": "Hello"}]}
    if not version.content.model:
        body = {"model": "gpt-4o-mini", **body}
    key = ' -H "authorization: Bearer $SLUGLINE_KEY"' if access.asks_for_keys else ""
    text = shlex.quote(json.dumps(body, ensure_ascii=False))
    return f"curl {access.base_url}/v1/chat/completions -H 'content-type: application/json'{key} -d {text}"


def example_of(content: Content) -> dict[str, Any]:
    """A value for each variable that must be given: its first example or enum, else one of its type."""
    try:
        schema = compile_content(content).schema
    except RegistryError:  # what it stands on may be in another registry
        schema = content.variables
    declared = schema.get("properties", {})
    return {name: _example(declared.get(name), name) for name in schema.get("required", ())}


def changes_between(old: Version, new: Version) -> Changes:
    """What changed, in sentences: those of the diff, and one for each message whose words changed."""
    found = diff(old, new)
    reworded = [message for message in found.messages if message.old is not None and message.new is not None]
    said = [*found.sentences, *(_wording(message) for message in reworded)]
    return Changes(old=old.reference, new=new.reference, sentences=tuple(said or ["nothing"]), diff=found)


def _channel(
    access: Access, entry: HistoryEntry, stable: HistoryEntry | None, past: Sequence[HistoryEntry], now: datetime
) -> ChannelStatus:
    slug, name, version = entry.slug, entry.channel or "", entry.to_version or 0
    mine = [each for each in past if each.channel == name]
    path = way_back((each.action, each.to_version or 0) for each in reversed(mine))
    before = path[-2] if len(path) > 1 else None
    compared = before
    if name == LATEST:  # it follows saves, and nobody rolls it back: what counts is what would come to users
        compared = before if stable is None else stable.to_version
        before = None
    changes = None
    if compared not in (None, version):
        changes = changes_between(access.version(slug, compared), access.version(slug, version))
    split = split_of(entry.evidence.get("split", ()), entry.evidence.get("sticky", "session"))
    channel = "" if name == STABLE else f" --channel {name}"
    return ChannelStatus(
        name=name,
        version=version,
        split=Split(arms=split.at(now), sticky=split.sticky),
        placed=_move(next((each for each in mine if each.from_version != each.to_version), entry)),
        moved=_move(entry),
        before=before,
        changes=changes,
        rollback=f'slugline prompt rollback {slug}{channel} -m "why"' if before else "",
        asked_at=now,
    )


def _move(entry: HistoryEntry) -> ChannelMove:
    return ChannelMove(action=entry.action, by=entry.actor, at=entry.at, reason=entry.reason)


def _example(declared: Any, name: str) -> Any:
    if not isinstance(declared, Mapping):
        return name
    for values in (declared.get("examples"), declared.get("enum")):
        if isinstance(values, list) and values:
            return values[0]
    for fixed in ("default", "const"):
        if fixed in declared:
            return declared[fixed]
    kind = declared.get("type")
    return _EXAMPLES.get(str(kind[0] if isinstance(kind, list) and kind else kind), name)


def _wording(message: MessageDiff) -> str:
    marks = {"removed": ("[-", "-]"), "added": ("{+", "+}")}
    words = [
        f"{marks[segment.operation][0]}{_short(segment.text)}{marks[segment.operation][1]}"
        for segment in message.segments
        if segment.operation != "same"
    ]
    more = f" … and {len(words) - _MOST_WORDS} more" if len(words) > _MOST_WORDS else ""
    shown = " … ".join(words[:_MOST_WORDS])
    return f"the words of the {message.role} message {(message.new or 0) + 1} change: {shown}{more}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_WORDS else line[: _LONGEST_WORDS - 1] + "…"


def _channel_json(channel: ChannelStatus) -> dict[str, Any]:
    from registry.http.move_schemas import SplitOut
    from registry.http.schemas import DiffOut

    changes = None
    if channel.changes is not None:
        changes = {**DiffOut.of(channel.changes.diff).model_dump(), "sentences": list(channel.changes.sentences)}
    return {
        **{name: getattr(channel, name) for name in ("name", "version", "before", "rollback")},
        "split": SplitOut.of(channel.split).model_dump(mode="json"),
        **{name: asdict(getattr(channel, name)) for name in ("placed", "moved")},
        "changes": changes,
    }
