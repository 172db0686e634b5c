"""A look at both sides: the folder, its checkout and the registry, brought together to a plan.

Knows in which order the edges are asked. Decides nothing: `planning` does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from registry.errors import RegistryError, RegistryUnavailableError, nearest
from slugline.gitops.checking import Checker
from slugline.gitops.folder import read_folder
from slugline.gitops.git import find_checkout
from slugline.gitops.planning import plan
from slugline.gitops.reading import at_line, read_files
from slugline.gitops.registry import Reads, commits_of, read_entries
from slugline.gitops.values import Change, Entry, FileError, Lineage, Plan, PromptSource
from slugline.settings import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was found. `entries` is the registry's side by slug; `again` plans one prompt anew, by what the registry has by then."""

    plan: Plan
    entries: Mapping[str, Entry]
    again: Callable[[Change], Change]


def look(registry: Reads, folder: Path, *, only: Collection[str] = (), onto: Mapping[str, int] | None = None) -> Look:
    """The plan for a folder, or for some prompts of it.

    Raises SettingsError where there is no folder, for a slug that neither side has, and for an `onto` that isn't a version.
    """
    files, unread = read_folder(folder)
    found, unusable = read_files(files)
    sources = [source for source in found if not only or source.slug in only]
    broken = [error for error in (*unread, *unusable) if not only or error.slug is None or error.slug in only]
    entries = read_entries(registry, sources, only)
    _check_known(only, {*entries, *(source.slug for source in found), *(error.slug or "" for error in unusable)})
    _check_onto(onto or {}, entries)
    checkout = find_checkout(folder)

    def planned(these: Sequence[PromptSource], known: Mapping[str, Entry]) -> list[Change]:
        lineage = Lineage() if checkout is None else checkout.lineage(commits_of(known, these))
        return plan(these, known, lineage=lineage, onto=onto)

    def again(change: Change) -> Change:
        these = [change.source] if change.source is not None else []
        return planned(these, read_entries(registry, these, {change.slug}))[0]

    taken = {error.slug for error in broken}
    changes = [each for each in planned(sources, entries) if each.state != "missing" or each.slug not in taken]
    written = [change.source for change in changes if change.writes and change.source is not None]
    broken += _refused(changes, registry)
    paths = [source.path for source in written]
    given = Plan(
        changes=tuple(changes),
        errors=tuple(sorted(broken, key=lambda error: error.path)),
        origins=checkout.origins(paths) if checkout is not None and paths else {},
        folder=f"{folder.as_posix()}/",
        prefix=checkout.prefix if checkout is not None else "",
        repository=checkout.repository if checkout is not None else "",
        in_git=checkout is not None,
    )
    return Look(plan=given, entries=entries, again=again)


def _refused(changes: Sequence[Change], registry: Reads) -> Iterator[FileError]:
    """What the registry wouldn't take of what is to be pushed."""
    writes = {change.slug: change for change in changes if change.writes}
    checker = Checker(changes=writes, resolve=registry.resolve)
    for change in writes.values():
        try:
            checker.check(change)
        except RegistryUnavailableError:
            raise
        except RegistryError as error:
            if change.source is not None:
                yield at_line(change.source.path, change.source.text, error)


def _check_known(only: Collection[str], known: Collection[str]) -> None:
    for slug in only:
        if slug not in known:
            guess = nearest(slug, known)
            hint = f"; did you mean '{guess}'?" if guess else ""
            raise SettingsError(f"neither the folder nor the registry has a prompt '{slug}'{hint}")


def _check_onto(onto: Mapping[str, int], entries: Mapping[str, Entry]) -> None:
    for slug, number in onto.items():
        entry = entries.get(slug)
        if entry is None:
            raise SettingsError(
                f"--onto {slug}@{number}: the registry has no prompt '{slug}', so there is nothing to go onto"
            )
        if not 1 <= number <= entry.prompt.latest:
            raise SettingsError(f"--onto {slug}@{number}: prompt '{slug}' has the versions 1-{entry.prompt.latest}")
