"""How often the lines of findings changed in Git, for all of them in one reading of the history.

`git log -L` follows one range of lines at the price of one walk through the history each. This reads the patches of all files
with findings once, newest first, and moves every finding's lines back through each patch: a patch that touches them counts,
one above them shifts them. Where the lines didn't exist before a patch, the history of the finding ends. A file's renaming
ends it too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from registry.scanning import git
from registry.scanning.finding import Changes, Finding

HISTORY_SECONDS = 20.0
MOST_FILES = 2_000

_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines `old` to `old + removed` became lines `new` to `new + added`, as a patch without context says it."""

    old: int
    removed: int
    new: int
    added: int


@dataclass(slots=True)
class _Range:
    """A finding's lines at the point of the history that has been read so far; `first` is None once they didn't exist."""

    first: int | None
    last: int
    commits: int = 0
    newest: str | None = None
    uncommitted: bool = False


def with_changes(findings: Sequence[Finding], root: Path, *, seconds: float = HISTORY_SECONDS) -> list[Finding]:
    """The findings (paths relative to `root`) with their changes; as they were outside of a repository, or without Git.

    Git gets at most `seconds`; what it had not read by then is missing, and `Changes.complete` says so.
    """
    base = git.prefix(root)
    paths = sorted({finding.path for finding in findings})[:MOST_FILES]
    if base is None or not paths or git.head(root) is None:
        return list(findings)
    ranges = [_Range(finding.line, finding.end_line) for finding in findings]
    by_path: dict[str, list[_Range]] = {}
    for finding, span in zip(findings, ranges, strict=True):
        by_path.setdefault(base + finding.path, []).append(span)
    for path, hunks in patches(git.uncommitted(root, paths)):
        for span in by_path.get(path, ()):
            span.uncommitted = _through(span, hunks)
    complete = True
    commit, lines = "", list[str]()
    for line in git.history(root, paths, seconds=seconds):
        if line.startswith(git.COMMIT_MARK):
            _count(commit, lines, by_path)
            commit, lines = line[1:], []
            complete = complete and bool(commit)
        else:
            lines.append(line)
    _count(commit, lines, by_path)
    read = set(paths)
    return [
        replace(
            finding,
            changes=Changes(
                commits=span.commits,
                last=span.newest,
                uncommitted=span.uncommitted or not span.commits,
                complete=complete,
            ),
        )
        if finding.path in read
        else finding
        for finding, span in zip(findings, ranges, strict=True)
    ]


def patches(lines: Iterable[str]) -> Iterable[tuple[str, list[Hunk]]]:
    """The files of a patch without context, each with its hunks from the top down."""
    path, hunks = "", list[Hunk]()
    skip = 0
    for line in lines:
        found = _HUNK.match(line) if skip == 0 else None
        if found:
            hunk = Hunk(*(1 if group is None else int(group) for group in found.groups()))
            hunks.append(hunk)
            skip = hunk.removed + hunk.added
        elif skip and line[:1] in "+-":
            skip -= 1
        elif line.startswith("diff --git ") and skip == 0:
            if hunks:
                yield path, hunks
            path, hunks = "", []
        elif line.startswith(("--- a/", "+++ b/")) and skip == 0:
            path = line[6:].removesuffix("\t")
    if hunks:
        yield path, hunks


def _count(commit: str, lines: list[str], by_path: dict[str, list[_Range]]) -> None:
    for path, hunks in patches(lines):
        for span in by_path.get(path, ()):
            if _through(span, hunks):
                span.commits += 1
                span.newest = span.newest or commit.partition(" ")[2]


def _through(span: _Range, hunks: Sequence[Hunk]) -> bool:
    """Move a range back through a patch, and say whether the patch touched it."""
    if span.first is None:
        return False
    first, last = span.first, span.last
    shift = 0
    touched = False
    old_first = old_last = None
    for hunk in hunks:
        # A hunk without new lines names the line above what it removed, one without old lines the line above what it added.
        new_first = hunk.new if hunk.added else hunk.new + 1
        new_end = new_first + hunk.added
        if new_end <= first:
            shift += hunk.removed - hunk.added
            continue
        if new_first > last:
            break
        if not touched:
            old_start = hunk.old if hunk.removed else hunk.old + 1
            old_first = old_start if new_first <= first else first + shift
        touched = True
        old_end = (hunk.old if hunk.removed else hunk.old + 1) + hunk.removed - 1
        shift += hunk.removed - hunk.added
        old_last = old_end if new_end > last else last + shift
    if not touched:
        span.first, span.last = first + shift, last + shift
        return False
    assert old_first is not None  # noqa: S101 - a touched range has both ends
    assert old_last is not None  # noqa: S101
    if old_last < old_first:
        span.first = None
    else:
        span.first, span.last = old_first, old_last
    return True
