"""What a push or a pull would find: every prompt's file against the registry. Pure; nothing here reads a disk, Git or a clock.

The rules:

1. A file has seen a version if it says so (`version: 8`), if whoever pushes says so (`--onto 8`), or if the version came from a commit
   that the checkout contains. The newest of these is its base. Where there is none, a version that says just what the file says is.
2. A file that says what the newest version says is the same, whatever its base.
3. What differs from a newest version that the file has seen is a change. Only changes and new prompts are ever pushed.
4. What equals its base, while the registry went on, is behind. What differs from both is a conflict: it takes a person to decide.
5. A commit that Git doesn't have at all is unseen, except in a shallow clone: there it may only have been cut off, and a note says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from registry.values import Version
from slugline.gitops.comparing import between, same, to_file
from slugline.gitops.values import Change, Entry, Lineage, PromptSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """Which version a file goes back to. `strange` is one newer than that, from a commit that the checkout doesn't contain."""

    number: int | None = None
    strange: Version | None = None
    notes: tuple[str, ...] = field(default=())


def plan(
    files: Iterable[PromptSource],
    registry: Mapping[str, Entry],
    *,
    lineage: Lineage | None = None,
    onto: Mapping[str, int] | None = None,
) -> list[Change]:
    """Every prompt of either side, by slug. `onto` names versions that whoever asks has seen, by slug."""
    lineage, onto = lineage or Lineage(), onto or {}
    sources = {source.slug: source for source in files}
    found = [_of_file(source, registry.get(slug), lineage, onto.get(slug)) for slug, source in sources.items()]
    found += [
        _missing(entry) for slug, entry in registry.items() if slug not in sources and not entry.prompt.archived_at
    ]
    return sorted(found, key=lambda change: change.slug)


def base_of(source: PromptSource, entry: Entry, lineage: Lineage, onto: int | None = None) -> Base:
    """The newest version that a file has seen."""
    newest = entry.newest.number
    notes: list[str] = []
    seen = [onto] if onto is not None else []
    if source.base is not None and source.base <= newest:
        seen.append(source.base)
    elif source.base is not None:
        notes.append(
            f"the file names version {source.base}, and the registry has 1-{newest}: it was pulled from another one"
        )
    strange = None
    for version in _from_git(entry):
        commit = str(version.source["commit"])
        relation = lineage.relation(commit)
        if relation == "unknown" and lineage.shallow:
            notes.append(
                f"version {version.number} came from commit {commit[:12]}, which this shallow clone doesn't have: "
                "fetch more history to be sure that you build on it"
            )
        elif relation != "contained":
            strange = strange or version
            continue
        seen.append(version.number)
        break
    number = max(seen, default=None)
    if number is None:
        number = next((version.number for version in entry.versions if same(source.content, version)), None)
    if strange is not None and number is not None and number >= strange.number:
        strange = None
    return Base(number=number, strange=strange, notes=tuple(notes))


def _of_file(source: PromptSource, entry: Entry | None, lineage: Lineage, onto: int | None) -> Change:
    if entry is None:
        said = (f"the file names version {source.base}: it was pulled from another registry",) if source.base else ()
        return Change(
            slug=source.slug,
            state="new",
            reason="it isn't in the registry yet",
            path=source.path,
            source=source,
            notes=said,
        )
    prompt = entry.prompt
    known = Change(
        slug=source.slug,
        state="same",
        reason=f"it says what version {prompt.latest} says",
        path=source.path,
        source=source,
        newest=prompt.latest,
        revision=prompt.revision,
    )
    equal = source.content_hash == prompt.latest_hash or same(source.content, entry.newest)
    if prompt.archived_at is not None:
        return _archived(known, entry, equal=equal)
    if equal:
        return replace(known, base=prompt.latest)
    base = base_of(source, entry, lineage, onto)
    known = replace(known, base=base.number, notes=base.notes)
    if base.number == prompt.latest:
        why = f"it goes on top of version {prompt.latest}"
        return replace(known, state="change", reason=why, mine=to_file(entry.newest, source.content, source.path))
    old = None if base.number is None else entry.version(base.number)
    theirs = tuple(version for version in entry.versions if old is None or version.number > old.number)
    known = replace(known, theirs=theirs, registry=between(old or entry.versions[-1], entry.newest))
    if old is not None and same(source.content, old):
        why = f"it says what version {old.number} says, and the registry has gone on to {prompt.latest}"
        return replace(known, state="behind", reason=why)
    return replace(
        known,
        state="conflict",
        reason=_conflict(known, base, old),
        mine=to_file(old or entry.newest, source.content, source.path),
        blocks=True,
    )


def _archived(known: Change, entry: Entry, *, equal: bool) -> Change:
    since = f"the prompt was archived by {entry.prompt.archived_by}"
    if equal:
        return replace(known, state="archived", reason=since, base=known.newest)
    why = f"{since}, so its file can't be pushed: `slugline prompt restore {known.slug}`, or take the file away"
    mine = to_file(entry.newest, known.source.content, known.path or "") if known.source else None
    return replace(known, state="archived", reason=why, mine=mine, blocks=True)


def _missing(entry: Entry) -> Change:
    prompt = entry.prompt
    return Change(
        slug=prompt.slug,
        state="missing",
        reason=f"there is no file of it; the registry has version {prompt.latest}",
        newest=prompt.latest,
        revision=prompt.revision,
    )


def _conflict(known: Change, base: Base, old: Version | None) -> str:
    newest = known.newest
    if base.strange is not None:
        commit, place = str(base.strange.source["commit"])[:12], base.strange.source.get("repository")
        whence = f" from {place}" if place else ""
        return (
            f"the registry has commit {commit}{whence} as version {base.strange.number}, which your checkout doesn't contain: "
            "pull or rebase first"
        )
    if old is None:
        return (
            f"nothing says which of the registry's versions 1-{newest} the file builds on: pull it, or say 'version: {newest}' in it "
            f"once you have seen that one"
        )
    return (
        f"the file changes version {old.number}, and the registry has gone on to {newest}: bring the two together and say "
        f"'version: {newest}' in the file, or `--onto {newest}` to put the file on top"
    )


def _from_git(entry: Entry) -> Iterator[Version]:
    return (version for version in entry.versions if version.source.get("commit"))
