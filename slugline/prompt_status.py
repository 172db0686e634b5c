"""What there is to know about one prompt, put together from the registry's answers.

Knows which version was live before which, what changed between them, and the commands that lead on. Refuses to print.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from registry.diff import Diff, MessageDiff, diff
from registry.errors import RegistryError
from registry.moves import way_back
from registry.reader import STABLE
from registry.rows import LATEST, split_of
from registry.schemas import DiffOut, PromptOut, SplitOut, VersionOut
from registry.split import Split
from registry.template import compile_content
from registry.values import Content, HistoryEntry, Prompt, Version
from slugline.access import Access

_MOST_EVENTS = 10_000
_LONGEST_WORDS = 60
_EXAMPLES: Mapping[str, Any] = {"integer": 1, "number": 1.0, "boolean": True, "array": [], "object": {}, "null": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What changed between two versions, a sentence each; `diff` has every word."""

    old: str
    new: str
    sentences: tuple[str, ...]
    diff: Diff


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStatus:
    """What a channel serves, and the move that put it there: `action` by `by`, at `since`. `before` is the version that a rollback
    puts back, None where there is none; `changes` are those from it. `asked_at` is when this was asked."""

    name: str
    version: int
    split: Split
    action: str
    by: str
    since: datetime
    reason: str
    before: int | None
    changes: Changes | None
    rollback: str
    asked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptStatus:
    """A prompt's channels, stable first; `trial` is the command that calls the newest version, `promote` the one that makes it live,
    where it isn't yet; `missing` what stable still asks for before."""

    prompt: Prompt
    channels: tuple[ChannelStatus, ...]
    newest: Version
    trial: str
    promote: str
    missing: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "prompt": PromptOut.of(self.prompt).model_dump(mode="json"),
            "channels": [_channel_json(channel) for channel in self.channels],
            "newest": VersionOut.of(self.newest).model_dump(mode="json", exclude={"content"}),
            "try": self.trial,
            "promote": self.promote,
            "missing": list(self.missing),
        }


def status_of(access: Access, slug: str) -> PromptStatus:
    """The status of one prompt. Raises what `access` raises."""
    now = datetime.now(UTC)
    prompt = access.prompt(slug)
    past = access.history(slug, limit=_MOST_EVENTS)
    newest = access.version(slug, prompt.latest)
    live = {entry.channel or "": entry for entry in access.live_at(now, slug)}
    names = sorted(live, key=lambda name: (name != STABLE, name == LATEST, name))
    on_stable = prompt.channels.get(STABLE)
    missing: Sequence[str] = ()
    if on_stable != prompt.latest and prompt.archived_at is None:
        missing = access.lacking(slug, STABLE, prompt.latest)
    waits = on_stable != prompt.latest and prompt.archived_at is None
    return PromptStatus(
        prompt=prompt,
        channels=tuple(_channel(access, live[name], past, now) for name in names),
        newest=newest,
        trial=trial(access, newest),
        promote=f'slugline prompt promote {slug} {prompt.latest} -m "why"' if waits and not missing else "",
        missing=tuple(missing),
    )


def trial(access: Access, version: Version) -> str:
    """The command that calls a prompt's newest version, with a value for each variable that it needs."""
    variables = example_of(version.content)
    prompt = {"id": f"{version.slug}@{LATEST}", **({"variables": variables} if variables else {})}
    body = {"prompt": prompt, "messages": [{"role": "user", "content": "Hello"}]}
    if not version.content.model:
        body["model"] = "gpt-4o-mini"
    key = ' -H "authorization: Bearer $SLUGLINE_KEY"' if access.asks_for_keys else ""
    text = shlex.quote(json.dumps(body, ensure_ascii=False))
    return f"curl {access.base_url}/v1/chat/completions -H 'content-type: application/json'{key} -d {text}"


def example_of(content: Content) -> dict[str, Any]:
    """A value for each variable that must be given: its first example or enum, else one of its type."""
    try:
        schema = compile_content(content).schema
    except RegistryError:  # what a file of another registry refers to
        schema = content.variables
    declared = schema.get("properties", {})
    return {name: _example(declared.get(name), name) for name in schema.get("required", ())}


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
    return _EXAMPLES.get(kind[0] if isinstance(kind, list) and kind else str(kind), name)


def _channel(access: Access, entry: HistoryEntry, past: Sequence[HistoryEntry], now: datetime) -> ChannelStatus:
    slug, name, version = entry.slug, entry.channel or "", entry.to_version or 0
    moves = [(each.action, each.to_version or 0) for each in reversed(past) if each.channel == name]
    path = way_back(moves)
    before = path[-2] if len(path) > 1 else None
    split = split_of(entry.evidence.get("split", ()), entry.evidence.get("sticky", "session"))
    channel = "" if name == STABLE else f" --channel {name}"
    return ChannelStatus(
        name=name,
        version=version,
        split=Split(arms=split.at(now), sticky=split.sticky),
        action=entry.action,
        by=entry.actor,
        since=entry.at,
        reason=entry.reason,
        before=None if name == LATEST else before,
        changes=None
        if before is None
        else changes_between(access.version(slug, before), access.version(slug, version)),
        rollback=f'slugline prompt rollback {slug}{channel} -m "why"' if before and name != LATEST else "",
        asked_at=now,
    )


def changes_between(old: Version, new: Version) -> Changes:
    """What changed, in sentences: those of the diff, and one for each message whose words changed."""
    found = diff(old, new)
    said = [*found.sentences, *(_wording(message) for message in found.messages if _reworded(message))]
    return Changes(old=old.reference, new=new.reference, sentences=tuple(said or ["nothing"]), diff=found)


def _reworded(message: MessageDiff) -> bool:
    return message.old is not None and message.new is not None


def _wording(message: MessageDiff) -> str:
    marks = {"removed": "[-{}-]", "added": "{{+{}+}}"}
    words = [marks[s.operation].format(_short(s.text)) for s in message.segments if s.operation != "same"]
    shown = " … ".join(words[:6]) + (f" … and {len(words) - 6} more" if len(words) > 6 else "")
    return f"the words of the {message.role} message {(message.new or 0) + 1} change: {shown}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_WORDS else line[: _LONGEST_WORDS - 1] + "…"


def _channel_json(channel: ChannelStatus) -> dict[str, Any]:
    names = ("name", "version", "action", "by", "reason", "before", "rollback")
    changes = None
    if channel.changes is not None:
        changes = {**DiffOut.of(channel.changes.diff).model_dump(), "sentences": list(channel.changes.sentences)}
    return {
        **{name: getattr(channel, name) for name in names},
        "split": SplitOut.of(channel.split).model_dump(mode="json"),
        "since": channel.since.isoformat(),
        "changes": changes,
    }
