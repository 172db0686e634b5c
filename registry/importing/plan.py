"""What an import would write, decided before anything is written.

Knows imported versions and what the registry holds of the same prompt. Refuses to know where either comes from, and to write.
The rules:

1. Imported versions that the prompt has already, in the same order, are not written again. So importing twice writes nothing.
2. What comes after them is new. It is written if the prompt is new, or if its newest version is the last one found: then
   nobody has edited it here since the last import.
3. Otherwise somebody's work would be covered up: refused, unless the import is told to go onto existing prompts.
4. A channel is set where there is none yet; one that stands elsewhere is moved only onto existing prompts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from registry.content import as_mapping, canonical, parse_content
from registry.errors import PromptReferenceInvalidError
from registry.importing.imported import Imported
from registry.reference import parse_reference
from registry.values import Content, Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """What the registry holds of one prompt; `contents` are its versions' contents, version 1 first."""

    prompt: Prompt
    contents: Sequence[Content]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do for one prompt.

    `known` are imported versions that are here already, with their numbers; `fresh` are to be saved, in this order. `moves`
    are channels with the imported version each belongs on. `refused` says why nothing may be written; "" if it may.
    """

    slug: str
    known: tuple[tuple[Imported, int], ...] = ()
    fresh: tuple[Imported, ...] = ()
    moves: tuple[tuple[str, Imported], ...] = ()
    notes: tuple[str, ...] = ()
    refused: str = ""
    existing: Prompt | None = None


def grouped(versions: Iterable[Imported]) -> list[list[Imported]]:
    """Versions by prompt; a prompt comes after those that it includes, as far as they are here and don't go in a circle."""
    by_slug: dict[str, list[Imported]] = {}
    for version in versions:
        by_slug.setdefault(version.slug, []).append(version)
    ordered: dict[str, list[Imported]] = {}
    for start, own in by_slug.items():
        trail = [(start, iter(_included(own)))]
        seen = {start}
        while trail:
            slug, rest = trail[-1]
            following = next((name for name in rest if name in by_slug and name not in seen | ordered.keys()), None)
            if following is not None:
                seen.add(following)
                trail.append((following, iter(_included(by_slug[following]))))
                continue
            trail.pop()
            ordered.setdefault(slug, by_slug[slug])
    return list(ordered.values())


def plan(
    versions: Sequence[Imported], existing: Existing | None, *, onto_existing: bool = False, channels: bool = False
) -> Plan:
    """The plan for one prompt's imported versions, oldest first."""
    slug = versions[0].slug
    known = [] if existing is None else _known(versions, [fingerprint(content) for content in existing.contents])
    fresh = tuple(versions[len(known) :])
    untouched = existing is None or (known and known[-1] == len(existing.contents))
    moves, notes = _moves(versions, known, existing, onto_existing) if channels else ((), ())
    refused = ""
    if fresh and existing is not None and not untouched and not onto_existing:
        refused = (
            f"prompt '{slug}' exists here with other content (its newest version is {existing.prompt.latest}): import under "
            "another name with --prefix, or with --onto-existing to save these as its next versions"
        )
    return Plan(
        slug=slug,
        known=tuple(zip(versions, known, strict=False)),
        fresh=fresh,
        moves=moves,
        notes=notes,
        refused=refused,
        existing=None if existing is None else existing.prompt,
    )


def fingerprint(content: Content) -> str:
    """What two contents share exactly if one was saved from the other: all of it but the locks that a save adds to includes."""
    fields = {name: value for name, value in as_mapping(content).items() if name != "includes"}
    return canonical(parse_content(fields))


def _known(versions: Sequence[Imported], here: Sequence[str]) -> list[int]:
    """Numbers of the versions here that the first imported ones are; as many of them as are found in order."""
    found: list[int] = []
    position = 0
    for version in versions:
        wanted = fingerprint(version.content)
        if found and here[found[-1] - 1] == wanted:  # the origin has it twice in a row, as one version here
            found.append(found[-1])
            continue
        number = next((i + 1 for i in range(position, len(here)) if here[i] == wanted), None)
        if number is None:
            break
        found.append(number)
        position = number
    return found


def _moves(
    versions: Sequence[Imported], known: Sequence[int], existing: Existing | None, onto_existing: bool
) -> tuple[tuple[tuple[str, Imported], ...], tuple[str, ...]]:
    wanted = {channel: index for index, version in enumerate(versions) for channel in version.channels}
    stands: Mapping[str, int] = {} if existing is None else existing.prompt.channels
    moves, notes = [], []
    for channel, index in wanted.items():
        number = known[index] if index < len(known) else None
        if channel in stands and stands[channel] == number:
            continue
        if channel in stands and not onto_existing:
            notes.append(f"channel '{channel}' stays on version {stands[channel]}; --onto-existing moves it")
            continue
        moves.append((channel, versions[index]))
    return tuple(moves), tuple(notes)


def _included(versions: Sequence[Imported]) -> list[str]:
    slugs = []
    for version in versions:
        for reference in version.includes:
            try:
                slugs.append(parse_reference(reference).slug)
            except PromptReferenceInvalidError:
                continue  # the save says so, better than an order of prompts can
    return slugs
