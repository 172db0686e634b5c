"""A plan in words for a terminal, and as JSON for a program. Pure.

Knows how to say it. Refuses to decide what it means for an exit status.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from registry.diffs.compare import Diff, as_text
from registry.values import Version
from slugline.gitops.values import Change, Plan

_SHORT = 12
_IN_WORDS = {"missing": "no file", "same": "same", "conflict": "CONFLICT"}


def plan_in_words(plan: Plan, *, everything: bool = False) -> Iterator[str]:
    """Lines: first what can't be used, then each prompt that differs with the difference, then the sum of it.

    `everything` tells of prompts without a file one by one, too.
    """
    for error in plan.errors:
        yield f"error      {plan.folder}{error}"
    for change in plan.changes:
        if change.state == "same" or (change.state == "missing" and not everything):
            continue
        yield from change_in_words(change)
        if plan.in_git and change.writes:
            origin = plan.origin(change)
            if origin.dirty or origin.commit is None:
                yield "    the file has changes that aren't committed"
            else:
                subject = origin.commit.message.partition("\n")[0]
                yield f"    commit {origin.commit.id[:_SHORT]} by {origin.commit.author}: {subject}"
        yield ""
    yield summary(plan)


def change_in_words(change: Change) -> Iterator[str]:
    """One prompt: its state, why, and what differs."""
    where = f" ({change.path})" if change.path else ""
    yield f"{_IN_WORDS.get(change.state, change.state):<10} {change.slug}{where}: {change.reason}"
    yield from (f"    note: {note}" for note in change.notes)
    if change.theirs:
        yield "    in the registry:"
        yield from (f"      {_told(version)}" for version in change.theirs[:5])
        if len(change.theirs) > 5:
            yield f"      and {len(change.theirs) - 5} versions before"
    if change.registry is not None and not change.registry.empty:
        yield from _indented(change.registry)
    if change.mine is not None:
        if change.theirs:
            yield "    in the file:"
        yield from _indented(change.mine)


def summary(plan: Plan) -> str:
    """How many prompts are in which state."""
    told = [f"{number} {_IN_WORDS.get(state, state).lower()}" for state, number in plan.counts().items()]
    told += [f"{len(plan.errors)} with errors"] if plan.errors else []
    return f"{', '.join(told) or 'no prompts at all'}"


def as_json(plan: Plan) -> dict[str, Any]:
    """All of it."""
    return {
        "counts": plan.counts(),
        "errors": [
            {"path": plan.folder + e.path, "line": e.line, "slug": e.slug, "message": e.message} for e in plan.errors
        ],
        "prompts": [_change(change, plan) for change in plan.changes],
    }


def _change(change: Change, plan: Plan) -> dict[str, Any]:
    origin = plan.origin(change)
    return {
        "slug": change.slug,
        "state": change.state,
        "reason": change.reason,
        "path": None if change.path is None else plan.folder + change.path,
        "base": change.base,
        "newest": change.newest,
        "revision": change.revision,
        "notes": [*change.notes],
        "commit": origin.commit.id if origin.commit and not origin.dirty else None,
        "uncommitted": plan.in_git and change.writes and origin.dirty,
        "theirs": [
            {
                "version": version.number,
                "author": version.author,
                "created_at": version.created_at.isoformat(),
                "message": version.message,
                "source": dict(version.source),
            }
            for version in change.theirs
        ],
        "file_changes": _diff(change.mine),
        "registry_changes": _diff(change.registry),
    }


def _diff(found: Diff | None) -> dict[str, Any] | None:
    if found is None:
        return None
    messages = [
        {
            "role": message.role,
            "old": message.old,
            "new": message.new,
            "segments": [{"operation": each.operation, "text": each.text} for each in message.segments],
        }
        for message in found.messages
    ]
    return {"from": found.old, "to": found.new, "sentences": [*found.sentences], "messages": messages}


def _told(version: Version) -> str:
    commit = version.source.get("commit")
    whence = f", from commit {str(commit)[:_SHORT]}" if commit else ""
    why = f": {version.message.partition(chr(10))[0]}" if version.message else ""
    return f"version {version.number} by {version.author} at {version.created_at:%Y-%m-%d %H:%M} UTC{whence}{why}"


def _indented(found: Diff) -> Iterator[str]:
    yield from (f"    {line}" if line else "" for line in as_text(found).splitlines())
