"""A word diff as rows of two columns: the old text left, the new text right, lines that belong together beside each other. Pure.

Knows segments of a diff (`registry.diffs.words`). Refuses to compare anything itself, and to know HTML.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from registry.diffs.words import Segment

CONTEXT = 2
"""Unchanged lines that are shown around a change."""

Line = tuple[Segment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row. A side is None where it has no line there. `folded` is how many unchanged lines the row stands for, 0 for a real row."""

    left: Line | None = None
    right: Line | None = None
    folded: int = 0

    @property
    def same(self) -> bool:
        """Whether both sides say the same."""
        return self.left is not None and self.left == self.right

    @property
    def sides(self) -> tuple[tuple[str, Line | None], tuple[str, Line | None]]:
        """Both sides with their names."""
        return ("left", self.left), ("right", self.right)


def rows(segments: Iterable[Segment], context: int = CONTEXT) -> list[Row]:
    """The rows of a message's segments, long unchanged stretches folded."""
    return list(_folded(list(_paired(segments)), context))


@dataclass(slots=True)
class _Block:
    """Lines of both sides since they last ended a line together, and which of them share words."""

    left: list[list[Segment]] = field(default_factory=lambda: [[]])
    right: list[list[Segment]] = field(default_factory=lambda: [[]])
    shared: list[tuple[int, int]] = field(default_factory=list)

    def add(self, operation: str, piece: Segment) -> None:
        if operation != "added":
            self.left[-1].append(piece)
        if operation != "removed":
            self.right[-1].append(piece)
        if operation == "same" and piece.text.strip():
            self.shared.append((len(self.left) - 1, len(self.right) - 1))

    def rows(self) -> Iterator[Row]:
        """Lines that share words stand beside each other; those between them are paired as they come."""
        done_left = done_right = 0
        ends = (len(self.left), len(self.right))
        for left, right in [*self.shared, (ends[0] - 1, ends[1] - 1), ends]:
            if (left < done_left or right < done_right) and (left, right) != ends:
                continue
            for old, new in zip_longest(self.left[done_left:left], self.right[done_right:right]):
                yield _row(old, new)
            if (left, right) != ends:
                yield _row(self.left[left], self.right[right])
            done_left, done_right = left + 1, right + 1


def _paired(segments: Iterable[Segment]) -> Iterator[Row]:
    block, empty = _Block(), {"removed": True, "added": True}
    for segment in segments:
        if segment.operation != "added":
            empty["removed"] = False
        if segment.operation != "removed":
            empty["added"] = False
        for place, text in enumerate(segment.text.split("\n")):
            if place and segment.operation == "same":
                yield from block.rows()
                block = _Block()
            elif place:
                (block.left if segment.operation == "removed" else block.right).append([])
            if text:
                block.add(segment.operation, Segment(operation=segment.operation, text=text))
    for row in block.rows():
        yield Row(left=None if empty["removed"] else row.left, right=None if empty["added"] else row.right)


def _row(old: Sequence[Segment] | None, new: Sequence[Segment] | None) -> Row:
    return Row(left=None if old is None else tuple(old), right=None if new is None else tuple(new))


def _folded(found: list[Row], context: int) -> Iterator[Row]:
    changed = [place for place, row in enumerate(found) if not row.same]
    near = {near for place in changed for near in range(place - context, place + context + 1)}
    hidden = 0
    for place, row in enumerate([*found, None]):
        if row is not None and place not in near:
            hidden += 1
            continue
        if hidden == 1:  # a fold would take as much room
            yield found[place - 1]
        elif hidden:
            yield Row(folded=hidden)
        hidden = 0
        if row is not None:
            yield row
