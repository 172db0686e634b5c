"""Imports carried out: files read, prompts written, and what became of each, for the command to print.

Knows the registry's write path and the disk. What a file says is `registry.importing`'s to read, and what may be written is
`registry.importing.plan`'s to decide.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from registry.errors import PromptInvalidError, PromptNotFoundError, RegistryError, RegistryUnavailableError
from registry.importing.imported import Imported, Reading, Refused, joined
from registry.importing.plan import Existing, Plan, grouped, plan
from registry.roles import Principal
from registry.values import Saved
from registry.writing.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """What an import may do, and who imports; `author` is who wrote the versions whose origin names nobody (None: the same)."""

    by: Principal
    author: str | None = None
    channels: bool = False
    onto_existing: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one prompt. `saved` are its new versions (in a dry run: those it would get), `moved` its channels."""

    slug: str
    new: bool = False
    saved: tuple[int, ...] = ()
    moved: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()
    refused: str = ""

    @property
    def status(self) -> str:
        """In one word: new, updated, unchanged or refused."""
        if self.refused:
            return "refused"
        if self.new:
            return "new"
        return "updated" if self.saved or self.moved else "unchanged"


def read_files(files: Sequence[str], read: Callable[[str, str], Reading]) -> Reading:
    """What `read(text, name)` makes of each file, - being standard input; a file that can't be read is refused like a bad prompt."""
    readings = []
    for file in files:
        try:
            reading = read(text_of(file), "standard input" if file == "-" else file)
        except PromptInvalidError as error:
            reading = Reading(refused=(Refused(origin=_named(file), reason=error.message),))
        else:
            placed = tuple(
                Refused(origin=f"{_named(file)}: {each.origin}" if each.origin else _named(file), reason=each.reason)
                for each in reading.refused
            )
            reading = Reading(imported=reading.imported, refused=placed)
        readings.append(reading)
    return joined(readings)


def text_of(file: str) -> str:
    """A file's text, or standard input's for -. Raises PromptInvalidError if it can't be read as UTF-8."""
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise PromptInvalidError(f"it can't be read: {error.strerror}", param="file") from error
    except UnicodeDecodeError as error:
        raise PromptInvalidError("it is not UTF-8 text", param="file") from error


def expanded(paths: Sequence[str], ending: str) -> list[str]:
    """Files as they are, and in place of each folder the files below it that end so, by name."""
    found: list[str] = []
    for path in paths:
        folder = Path(path)
        found += sorted(str(file) for file in folder.rglob(f"*{ending}")) if folder.is_dir() else [path]
    return found


def files_for(config: str, paths: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """The files that a config's paths and patterns stand for, by path: names and texts. What isn't there has no entry.

    Raises PromptInvalidError for one that can't be read.
    """
    base = Path.cwd() if config == "-" else Path(config).parent
    found: dict[str, list[tuple[str, str]]] = {}
    for path in paths:
        plain = base / path
        pattern = str(plain)
        found_names = sorted(glob(pattern, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute patterns
        matches = [plain] if plain.is_file() else [Path(name) for name in found_names]
        for match in matches:
            if match.is_file():
                found.setdefault(path, []).append((str(match), text_of(str(match))))
    return found


def carry_out(store: Store, reading: Reading, how: How) -> list[Outcome]:
    """Write what was read, prompt by prompt. Raises RegistryUnavailableError when the registry can't be written at all."""
    return [_one(store, versions, how) for versions in grouped(reading.imported)]


def _one(store: Store, versions: Sequence[Imported], how: How) -> Outcome:
    decided = plan(versions, _existing(store, versions[0].slug), onto_existing=how.onto_existing, channels=how.channels)
    notes = (*_notes(versions), *decided.notes)
    if decided.refused:
        return Outcome(slug=decided.slug, notes=notes, refused=decided.refused)
    if how.dry_run:
        return _foreseen(decided, notes)
    return _written(store, decided, notes, how)


def _notes(versions: Sequence[Imported]) -> list[str]:
    """Each note once; one that doesn't hold for every version says for which."""
    every = dict.fromkeys(note for version in versions for note in version.notes)
    of = {note: [version.origin for version in versions if note in version.notes] for note in every}
    return [note if len(of[note]) == len(versions) else f"{', '.join(of[note])}: {note}" for note in every]


def _existing(store: Store, slug: str) -> Existing | None:
    try:
        prompt = store.prompt(slug)
        return Existing(prompt=prompt, contents=[version.content for version in reversed(store.versions(slug))])
    except PromptNotFoundError:
        return None


def _foreseen(decided: Plan, notes: tuple[str, ...]) -> Outcome:
    latest = decided.existing.latest if decided.existing else 0
    numbers = [number for _, number in decided.known]
    before = decided.known[-1][0].content if decided.known else None
    for version in decided.fresh:
        latest += version.content != before
        before = version.content
        numbers.append(latest)
    every = [version for version, _ in decided.known] + list(decided.fresh)
    at = {id(version): number for version, number in zip(every, numbers, strict=True)}
    return Outcome(
        slug=decided.slug,
        new=decided.existing is None,
        saved=tuple(dict.fromkeys(numbers[len(decided.known) :])),
        moved=tuple((channel, at[id(version)]) for channel, version in decided.moves),
        notes=notes,
    )


def _written(store: Store, decided: Plan, notes: tuple[str, ...], how: How) -> Outcome:
    saved: list[int] = []
    moved: list[tuple[str, int]] = []
    refused = ""
    at = {id(version): number for version, number in decided.known}
    if_match: int | None = decided.existing.revision if decided.existing else 0
    try:
        for version in decided.fresh:
            done = _save(store, version, how, if_match)
            if_match = None
            at[id(version)] = done.version.number
            if done.created:
                saved.append(done.version.number)
        if decided.existing is None:
            _describe(store, decided.fresh[-1], how)
        for channel, version in decided.moves:
            reason = f"live in {_product(version)} when it was imported"
            number = at[id(version)]
            if store.promote(decided.slug, number, channel=channel, reason=reason, by=how.by).changed:
                moved.append((channel, number))
    except RegistryUnavailableError:
        raise
    except RegistryError as error:
        refused = error.message
    return Outcome(
        slug=decided.slug,
        new=decided.existing is None,
        saved=tuple(saved),
        moved=tuple(moved),
        notes=notes,
        refused=refused,
    )


def _save(store: Store, version: Imported, how: How, if_match: int | None) -> Saved:
    written = {"created_at": version.created_at.isoformat()} if version.created_at else {}
    return store.save(
        version.slug,
        version.content,
        message=version.message or f"imported from {_product(version)}: {version.origin}",
        by=how.by,
        author=version.author or how.author,
        source={**version.source, **written},
        if_match=if_match,
    )


def _describe(store: Store, version: Imported, how: How) -> None:
    if version.tags or version.description:
        store.describe(version.slug, purpose=version.description or None, tags=version.tags or None, by=how.by)


def _product(version: Imported) -> str:
    return str(version.source.get("imported_from", "another product"))


def _named(file: str) -> str:
    return "standard input" if file == "-" else file
