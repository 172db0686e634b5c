"""Several texts as fixed pieces with gaps between them, and what stands in each text's gaps.

Pure. Exact by construction: a text's pieces and values, put together in turn, are the text. What the texts share by chance
inside a value (a blank between two names, an "of" in two titles) is given to the value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from registry.families.alignment import common, embed
from registry.families.tokens import count_words, tokens_of

_JOINS_A_VALUE = frozenset(" -/.:'’_@")
_FREE_TEXT = 4
"""A shared word within gaps counts as chance where the values around it have more words than this for each one shared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skeleton:
    """`pieces` stand around the gaps, so there is one more of them; either end may be empty. `values` has a row for each text."""

    pieces: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]

    def filled(self, values: Sequence[str]) -> str:
        """The text with these values."""
        ends = [*values, ""]
        return "".join(piece + value for piece, value in zip(self.pieces, ends, strict=True))


def skeleton_of(texts: Sequence[str]) -> Skeleton:
    """What the texts have in common. One text has no gaps."""
    split = [tokens_of(text) for text in texts]
    shared = shared_tokens(split)
    rows = [_gaps(shared, tokens) for tokens in split]
    return _merged(shared, rows)


def shared_tokens(texts: Sequence[list[str]]) -> list[str]:
    """Tokens that stand in all texts in this order, as far as comparing them one after another finds them."""
    shared = list(texts[0])
    for tokens in texts[1:]:
        shared = [shared[at] for at, _ in common(shared, tokens)]
    return shared


def _gaps(shared: list[str], tokens: list[str]) -> list[str]:
    """What stands before each shared token of one text, and after the last."""
    places = embed(shared, tokens)
    assert places is not None  # noqa: S101 - every text has kept what is shared
    starts = [0, *(place + 1 for place in places)]
    return ["".join(tokens[start:end]) for start, end in zip(starts, [*places, len(tokens)], strict=True)]


def _merged(shared: list[str], rows: list[list[str]]) -> Skeleton:
    """Pieces between the gaps that are open in any text, without those that are shared by chance."""
    open_gaps = [at for at in range(len(shared) + 1) if any(row[at] for row in rows)]
    spans: list[tuple[int, int]] = []  # a gap, as the first and the last of the positions that it covers
    for at in open_gaps:
        if spans and _by_chance(
            shared[spans[-1][1] : at], _columns(rows, shared, spans[-1]), [row[at] for row in rows]
        ):
            spans[-1] = (spans[-1][0], at)
        else:
            spans.append((at, at))
    ends = [0, *(last for _, last in spans)]
    starts = [*(first for first, _ in spans), len(shared)]
    pieces = tuple("".join(shared[start:end]) for start, end in zip(ends, starts, strict=True))
    columns = [_columns(rows, shared, span) for span in spans]
    return Skeleton(pieces=pieces, values=tuple(zip(*columns, strict=True)) if columns else tuple(() for _ in rows))


def _columns(rows: list[list[str]], shared: list[str], span: tuple[int, int]) -> list[str]:
    """Each text's value over a span of gaps, with the shared tokens between them."""
    first, last = span
    between = [*shared[first:last], ""]
    return ["".join(row[at] + between[at - first] for at in range(first, last + 1)) for row in rows]


def _by_chance(piece: list[str], before: Iterable[str], after: Iterable[str]) -> bool:
    said = count_words(piece)
    if not said:
        return set("".join(piece)) <= _JOINS_A_VALUE
    if said > 2 or "\n" in "".join(piece):
        return False
    around = [
        count_words(tokens_of(one)) + count_words(tokens_of(other)) for one, other in zip(before, after, strict=True)
    ]
    return min(around) > _FREE_TEXT * said
