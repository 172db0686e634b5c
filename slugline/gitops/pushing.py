"""What a push writes to the registry: versions, then moves of a channel.

Knows how a plan becomes writes that happen once, and on top of nothing that wasn't seen. Refuses to know roles and what channels ask
for: the registry's one write path does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from registry.errors import (
    AuthRoleNotAllowedError,
    PromptConflictError,
    PromptExistsError,
    PromptProtectedError,
    RegistryError,
)
from slugline.gitops.values import Change, Origin, Plan

if TYPE_CHECKING:
    from slugline.access import Access

Outcome = Literal["saved", "same", "conflict", "refused", "promoted", "there", "requested", "held", "left"]

_LONGEST_MESSAGE = 10_000
_LONGEST_AUTHOR = 200
_TRIES = 3
_LOOKS_BACK = 1000
BAD: frozenset[Outcome] = frozenset({"conflict", "refused"})
"""What makes a push end with status 1."""

Again = Callable[[Change], Change]
"""Plans one prompt anew, by what the registry has now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What became of a prompt. `number` is the version in the registry that says what the file says."""

    slug: str
    outcome: Outcome
    number: int | None = None
    reason: str = ""
    change: Change | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What goes with the versions of a push. `message` is given by whoever pushes, in place of the commits'."""

    message: str = ""
    repository: str = ""
    prefix: str = ""


def refusals(plan: Plan, *, allow_dirty: bool, message: str) -> list[str]:
    """Why nothing at all may be pushed, a sentence each; empty where it may."""
    found = [f"{plan.folder}{error}" for error in plan.errors]
    found += [f"{change.slug}: {change.reason}" for change in plan.changes if change.blocks]
    writes = [change for change in plan.changes if change.writes]
    dirty = [change for change in writes if plan.in_git and plan.origin(change).dirty]
    if dirty and not allow_dirty:
        found += [
            f"{change.slug}: {plan.folder}{change.path} has changes that aren't committed: commit them, or push them without a "
            "commit by `--allow-dirty`"
            for change in dirty
        ]
    elif not message and any(_commit(plan.origin(change)) is None for change in writes):
        found.append("there is no commit whose message could say why: say it with -m")
    return found


def save(access: Access, change: Change, origin: Origin, said: Said, again: Again) -> Pushed:
    """Make a version of a file that is new or changed.

    Where somebody wrote to the prompt since it was planned, it is planned anew: what is still the same change is tried again, and what
    is none any more isn't written.
    """
    for _ in range(_TRIES):
        try:
            saved = access.save(change.slug, **_version(change, origin, said))
        except (PromptConflictError, PromptExistsError) as error:
            change = again(change)
            if change.state == "same":
                return Pushed(slug=change.slug, outcome="same", number=change.newest, change=change)
            if not change.writes:
                return Pushed(slug=change.slug, outcome="conflict", reason=error.message, change=change)
            continue
        except RegistryError as error:
            return Pushed(slug=change.slug, outcome="refused", reason=error.message, change=change)
        if change.state == "new":
            _describe(access, change)
        outcome: Outcome = "saved" if saved.created else "same"
        return Pushed(slug=change.slug, outcome=outcome, number=saved.version.number, change=change)
    return Pushed(slug=change.slug, outcome="conflict", reason="somebody else keeps writing to it", change=change)


def promote(access: Access, slug: str, number: int, channel: str, reason: str, *, request: bool) -> Pushed:
    """Put a version on a channel, through the registry's own rules; or ask for it, where they don't let it.

    A version that somebody rolled back from isn't put there again: a pipeline that runs once more would undo what whoever is on call did.
    """
    prompt = access.prompt(slug)
    if prompt.channels.get(channel) == number:
        return Pushed(slug=slug, outcome="there", number=number)
    if (told := _rolled_back(access, slug, number, channel)) is not None:
        return Pushed(slug=slug, outcome="held", number=number, reason=told)
    try:
        access.promote(slug, number, channel=channel, reason=reason)
    except RegistryError as error:
        if isinstance(error, PromptProtectedError | AuthRoleNotAllowedError) and request:
            return _ask(access, slug, number, channel, reason)
        hint = "; `--request` asks for it" if isinstance(error, PromptProtectedError) else ""
        return Pushed(slug=slug, outcome="refused", number=number, reason=error.message + hint)
    return Pushed(slug=slug, outcome="promoted", number=number)


def _ask(access: Access, slug: str, number: int, channel: str, reason: str) -> Pushed:
    try:
        asked = access.ask(slug, number, channel=channel, reason=reason)
    except RegistryError as error:
        return Pushed(slug=slug, outcome="refused", number=number, reason=error.message)
    missing = "; ".join(asked.missing)
    told = f"request {asked.request_id}" + (f", still missing: {missing}" if missing else "")
    return Pushed(slug=slug, outcome="requested", number=number, reason=told)


def reason_for(plan: Plan, change: Change | None, message: str) -> str:
    """Why a version is promoted: what whoever pushes says, or the subject of its commit."""
    commit = plan.origin(change).commit if change is not None else None
    return message or (commit.message.partition("\n")[0] if commit else "") or "pushed from files"


def _version(change: Change, origin: Origin, said: Said) -> dict[str, Any]:
    source, commit = change.source, _commit(origin)
    assert source is not None  # noqa: S101 - only changes with a file are pushed
    place = {"path": said.prefix + source.path, **({"repository": said.repository} if said.repository else {})}
    given: dict[str, Any] = {"content": source.content, "if_match": change.revision, "source": place}
    if commit is None:
        dirty = {"dirty": True} if said.repository or said.prefix or origin.blob else {}
        return {**given, "message": said.message[:_LONGEST_MESSAGE], "source": {**place, **dirty}}
    text = f"{commit.id}\n{change.slug}\n{source.content_hash}\n{change.newest or 0}\n{said.message}"
    return {
        **given,
        "message": (said.message or commit.message)[:_LONGEST_MESSAGE],
        "author": commit.author[:_LONGEST_AUTHOR],
        "source": {"commit": commit.id, **place, **({"blob": origin.blob} if origin.blob else {})},
        "idempotency_key": f"git-{hashlib.sha256(text.encode()).hexdigest()[:40]}",
    }


def _commit(origin: Origin) -> Any:
    return None if origin.dirty else origin.commit


def _describe(access: Access, change: Change) -> None:
    source = change.source
    if source is not None and (source.description or source.tags or source.owner):
        given = {"owner": source.owner or None, "purpose": source.description or None, "tags": source.tags or None}
        access.describe(change.slug, **given)  # type: ignore[arg-type]


def _rolled_back(access: Access, slug: str, number: int, channel: str) -> str | None:
    """Who took a version off a channel, if that was the last that happened to it there."""
    for entry in access.history(slug, limit=_LOOKS_BACK):
        if entry.channel != channel:
            continue
        if entry.action == "rollback" and entry.from_version == number:
            return (
                f"{entry.actor} rolled {channel} back from version {number} ({entry.reason}): it isn't put there again by a push; "
                f"`slugline prompt promote {slug} {number} --channel {channel} -m WHY` does it"
            )
        if number in (entry.to_version, entry.from_version):
            return None
    return None
