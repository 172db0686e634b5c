"""What an import gives: prompts as this registry would save them, and what had to stay behind, in sentences.

Knows the one value that every origin ends in, and the check that it can be saved. Refuses to know any origin's format and
to save anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from registry.content import canonical, check_shape
from registry.errors import PromptInvalidError
from registry.templates.limits import Limits
from registry.templates.template import compile_content
from registry.values import Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One version of one prompt, converted. Versions of the same slug come oldest first.

    `channels` are where the origin had this version live, in this registry's names. `notes` say what was changed or could not
    be carried over. `origin` names the place for people ("version 3 of 'Support Agent'"), `source` for programs.
    `includes` are the references to other prompts that the templates hold: those prompts have to be there first.
    """

    slug: str
    content: Content
    message: str = ""
    author: str = ""
    created_at: datetime | None = None
    channels: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    description: str = ""
    notes: tuple[str, ...] = ()
    origin: str = ""
    source: Mapping[str, Any] = field(default_factory=dict)
    includes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Something that can't be imported: where it stands, and why."""

    origin: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What reading an origin gave: what can be imported, and what can't. One bad prompt doesn't keep the others out."""

    imported: tuple[Imported, ...] = ()
    refused: tuple[Refused, ...] = ()


def joined(readings: Iterable[Reading]) -> Reading:
    """Several readings as one, in order."""
    every = list(readings)
    return Reading(
        imported=tuple(version for reading in every for version in reading.imported),
        refused=tuple(refusal for reading in every for refusal in reading.refused),
    )


def checked(imported: Imported) -> Imported:
    """The same, once its content can be saved; raises PromptInvalidError that says what stands in the way.

    What includes other prompts is checked in full only when it is saved: what they say isn't known before.
    """
    check_shape(imported.content)
    canonical(imported.content)
    if not imported.includes:
        compile_content(imported.content, Limits())
    return imported


def refusal(origin: str, error: PromptInvalidError) -> Reading:
    """A reading that holds nothing but the reason why."""
    return Reading(refused=(Refused(origin=origin, reason=error.message),))


def unique(notes: Iterable[str]) -> tuple[str, ...]:
    """Each sentence once, in order."""
    return tuple(dict.fromkeys(notes))
