"""What two texts have in common, in order; in time near to linear in their length.

Pure. The method: equal beginnings and ends are taken first; between them, tokens that stand once in each text are anchors, and
the longest run of anchors in the same order splits the texts (patience diff, as Bram Cohen described it for Bazaar); pieces
without anchors are compared in full where they are small, and count as different where they are not.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

_SMALL = 1_024  # cells of a full comparison

Pairs = list[tuple[int, int]]


def common(one: Sequence[str], other: Sequence[str]) -> Pairs:
    """Positions of equal tokens, rising in both; not always the most that are possible."""
    out: Pairs = []
    work = [(0, len(one), 0, len(other))]
    while work:
        start, end, begin, stop = work.pop()
        room = min(end - start, stop - begin)
        same = 0
        while same < room and one[start + same] == other[begin + same]:
            same += 1
        out.extend(zip(range(start, start + same), range(begin, begin + same), strict=True))
        start, begin, room = start + same, begin + same, room - same
        same = 0
        while same < room and one[end - 1 - same] == other[stop - 1 - same]:
            same += 1
        end, stop = end - same, stop - same
        out.extend(zip(range(end, end + same), range(stop, stop + same), strict=True))
        if start == end or begin == stop:
            continue
        anchors = _anchors(one, other, (start, end, begin, stop))
        if anchors:
            last, behind = start, begin
            for at, there in anchors:
                out.append((at, there))
                work.append((last, at, behind, there))
                last, behind = at + 1, there + 1
            work.append((last, end, behind, stop))
        elif (end - start) * (stop - begin) <= _SMALL:
            out.extend((start + at, begin + there) for at, there in _longest(one[start:end], other[begin:stop]))
    return sorted(out)


def embed(part: Sequence[str], whole: Sequence[str]) -> list[int] | None:
    """Where the tokens of `part` stand in `whole`, in order; None if they don't all do.

    The alignment of `common` if it places all of them, since it keeps neighbours together; else each at its first chance.
    """
    pairs = common(part, whole)
    if len(pairs) == len(part):
        return [there for _, there in pairs]
    places, at = [], 0
    for token in part:
        while at < len(whole) and whole[at] != token:
            at += 1
        if at == len(whole):
            return None
        places.append(at)
        at += 1
    return places


def _anchors(one: Sequence[str], other: Sequence[str], bounds: tuple[int, int, int, int]) -> Pairs:
    start, end, begin, stop = bounds
    mine, theirs = _once(one, start, end), _once(other, begin, stop)
    shared = [(at, theirs[token]) for token, at in mine.items() if token in theirs]
    shared.sort()
    return _rising(shared)


def _once(tokens: Sequence[str], start: int, end: int) -> dict[str, int]:
    """Tokens that stand once in a stretch. Blanks and signs alone are no anchors: they stand anywhere."""
    places: dict[str, int] = {}
    for at in range(start, end):
        token = tokens[at]
        if token[0].isalnum():
            places[token] = -1 if token in places else at
    return {token: at for token, at in places.items() if at >= 0}


def _rising(pairs: Pairs) -> Pairs:
    """The longest subsequence whose second numbers rise (the first ones do already)."""
    tops: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for index, (_, there) in enumerate(pairs):
        pile = bisect_left(tops, there)
        before.append(ends[pile - 1] if pile else -1)
        if pile == len(tops):
            tops.append(there)
            ends.append(index)
        else:
            tops[pile], ends[pile] = there, index
    out: Pairs = []
    index = ends[-1] if ends else -1
    while index >= 0:
        out.append(pairs[index])
        index = before[index]
    return out[::-1]


def _longest(one: Sequence[str], other: Sequence[str]) -> Pairs:
    """The longest common subsequence, by the table."""
    rows, columns = len(one), len(other)
    table = [[0] * (columns + 1) for _ in range(rows + 1)]
    for row in range(rows - 1, -1, -1):
        for column in range(columns - 1, -1, -1):
            table[row][column] = (
                table[row + 1][column + 1] + 1
                if one[row] == other[column]
                else max(table[row + 1][column], table[row][column + 1])
            )
    out: Pairs = []
    row = column = 0
    while row < rows and column < columns:
        if one[row] == other[column]:
            out.append((row, column))
            row, column = row + 1, column + 1
        elif table[row + 1][column] >= table[row][column + 1]:
            row += 1
        else:
            column += 1
    return out
