"""What GitOps speaks of: files, what Git knows of them, what the registry has, and what is to be done.

Knows the shape of data only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from registry.diffs.compare import Diff
from registry.values import Content, Prompt, Version

State = Literal["same", "new", "change", "behind", "conflict", "archived", "missing"]
Relation = Literal["contained", "elsewhere", "unknown"]

STATES: tuple[str, ...] = get_args(State)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSource:
    """A prompt's file. `path` is relative to the folder, with `/`; `base` the version that the file says it was made from."""

    slug: str
    path: str
    text: str
    content: Content
    content_hash: str
    base: int | None = None
    description: str = ""
    tags: tuple[str, ...] = ()
    owner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileError:
    """A file that can't be used, and why. `line` is the file's, from 1, where that is known; `slug` the prompt it would be."""

    path: str
    message: str
    line: int | None = None
    slug: str | None = None

    def __str__(self) -> str:
        at = f":{self.line}" if self.line else ""
        return f"{self.path}{at}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit, by its full id."""

    id: str
    author: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What Git knows of a file: the commit that changed it last and the blob it has there; `dirty` if the disk has something else."""

    commit: Commit | None = None
    blob: str = ""
    dirty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Which of the registry's commits a checkout contains; without Git, none.

    `contained` are commits in the history of HEAD, `elsewhere` are known and not there. What is in neither is unknown: to a `shallow`
    clone that may mean nothing.
    """

    contained: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()
    shallow: bool = False

    def relation(self, commit: str) -> Relation:
        """How a commit stands to the checkout."""
        if commit in self.contained:
            return "contained"
        return "elsewhere" if commit in self.elsewhere else "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A prompt in the registry. `versions` are newest first; left out where no file says anything else than the newest."""

    prompt: Prompt
    versions: tuple[Version, ...] = ()

    @property
    def newest(self) -> Version:
        """The newest version."""
        return self.versions[0]

    def version(self, number: int) -> Version:
        """One version; numbers have no gaps."""
        return self.versions[len(self.versions) - number]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How a prompt's file and the registry stand to each other.

    `base` is the newest version that the file has seen, None where there is no telling. `revision` is what the prompt was planned at,
    for If-Match; 0 for a new one. `reason` says a state in a sentence, `notes` what else there is to know. `theirs` are the versions
    that the file hasn't seen, `mine` is what the file would change of the version it is compared with, `registry` what the registry
    changed since the base.
    """

    slug: str
    state: State
    reason: str
    path: str | None = None
    source: PromptSource | None = None
    base: int | None = None
    newest: int | None = None
    revision: int = 0
    theirs: tuple[Version, ...] = ()
    mine: Diff | None = None
    registry: Diff | None = None
    notes: tuple[str, ...] = ()
    blocks: bool = False
    """A push writes nothing at all while this is among what it is to push."""

    @property
    def drifted(self) -> bool:
        """Whether file and registry say different things."""
        return self.state in ("new", "change", "behind", "conflict") or (self.state == "archived" and self.blocks)

    @property
    def writes(self) -> bool:
        """Whether a push makes a version of it."""
        return self.state in ("new", "change")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All of it. `errors` are files that can't be used; `origins` what Git knows of the others, by path."""

    changes: tuple[Change, ...] = ()
    errors: tuple[FileError, ...] = ()
    origins: Mapping[str, Origin] = field(default_factory=dict)
    folder: str = ""
    """The folder as it was named, with `/` at the end."""
    prefix: str = ""
    """The folder's path in its checkout, "" or with `/` at the end."""
    repository: str = ""
    """Where the checkout came from, without credentials."""
    in_git: bool = False

    def counts(self) -> dict[str, int]:
        """How many prompts are in each state, those that there are none of left out."""
        return {state: n for state in STATES if (n := sum(change.state == state for change in self.changes))}

    def origin(self, change: Change) -> Origin:
        """What Git knows of a change's file; nothing without Git."""
        return self.origins.get(change.path or "", Origin(dirty=self.in_git))
