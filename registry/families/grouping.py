"""Which texts are one template filled with different values.

Pure. The method, near to linear in the number of texts:

1. Each text's set of words gets a MinHash signature (Broder, https://doi.org/10.1109/SEQUEN.1997.666900): equal numbers in it are
   as likely as shared words are many. Signatures are cut into bands; texts that agree in a band are candidates for one family.
2. A text is aligned with the candidate families' shared tokens, the likeliest few first, and joins the first one that it leaves
   enough of: 80 % of the words of the family's first text and of its own; 60 % where both have 20 words or more; 50 % where
   whatever the text has of its own looks like values: up to four words each, beginning with a capital, a digit or a sign.
   The first text is the one with the most calls, and the measure stays with it, so a family can't drift.
3. What a family shares shrinks with each member, and never below that measure.

A text of fewer than five words is a family of its own.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from registry.families.alignment import common
from registry.families.tokens import MOST_TEXTS, count_words, is_word, tokens_of

LONGEST_TEXT = 50_000

_BANDS, _ROWS = 24, 2
_CANDIDATES = 4
_MOST_IN_BAND = 32  # families of one band that are looked at: those of common words say little
_FEWEST_WORDS = 5
_SHORT = 20
_KEPT_SHORT, _KEPT_LONG, _KEPT_VALUES = 0.8, 0.6, 0.5
_LONGEST_VALUE = 4

_Numbers = NDArray[np.uint64]


class _Family:
    """What its members share, in order, and the same as counts: most candidates are ruled out by those alone."""

    def __init__(self, tokens: list[str], members: list[int]) -> None:
        self.members = members
        self._share(tokens)
        self.first = self.counts.total()

    def _share(self, tokens: list[str]) -> None:
        self.shared = tokens
        self.counts = Counter(filter(is_word, tokens))

    def take(self, other: _Family, shared: list[str]) -> None:
        """Make the other's members its own; `shared` is what `admits` gave."""
        self.members = [*self.members, *other.members]
        self._share(shared)

    def admits(self, other: _Family) -> list[str] | None:
        """What the family would share with the other in it, or None if that were too little."""
        words, tokens = other.counts.total(), other.shared
        longer = max(self.first, words)
        if (self.counts & other.counts).total() < _KEPT_VALUES * longer:
            return None
        pairs = common(self.shared, tokens)
        shared = [self.shared[at] for at, _ in pairs]
        kept = count_words(shared)
        if kept >= (_KEPT_LONG if min(self.first, words) >= _SHORT else _KEPT_SHORT) * longer:
            return shared
        if kept < _KEPT_VALUES * longer:
            return None
        starts = [0, *(there + 1 for _, there in pairs)]
        own = (
            tokens[start:end] for start, end in zip(starts, [*(there for _, there in pairs), len(tokens)], strict=True)
        )
        return shared if all(map(_like_a_value, own)) else None


def _like_a_value(tokens: list[str]) -> bool:
    said = "".join(tokens).strip()
    return not said or (count_words(tokens) <= _LONGEST_VALUE and not said[0].islower())


def group(texts: Sequence[str]) -> list[list[int]]:
    """Families as lists of indexes into `texts`, in the order of their first members.

    Texts come in the order of their importance. Those beyond MOST_TEXTS, or longer than LONGEST_TEXT, stand alone.
    """
    split = [tokens_of(text) if len(text) <= LONGEST_TEXT else [] for text in texts[:MOST_TEXTS]]
    alone = [[index] for index in range(len(split), len(texts))]
    single = [_Family(tokens, [index]) for index, tokens in enumerate(split)]
    alone += [family.members for family in single if family.first < _FEWEST_WORDS]
    families = _gathered(family for family in single if family.first >= _FEWEST_WORDS)
    families = _gathered(
        families
    )  # what a first text's long values kept apart: by now they are gone from what is shared
    return sorted([*alone, *(sorted(family.members) for family in families)])


def _gathered(found: Iterable[_Family]) -> list[_Family]:
    families: list[_Family] = []
    seen: dict[tuple[int, bytes], list[int]] = {}
    factors, offsets = _multiples(0x9E3779B97F4A7C15) | np.uint64(1), _multiples(0xC2B2AE3D27D4EB4F)
    for family in found:
        bands = _bands(family.counts, factors, offsets)
        hits = Counter(number for band in bands for number in seen.get(band, ())[:_MOST_IN_BAND])
        for number, _ in hits.most_common(_CANDIDATES):
            shared = families[number].admits(family)
            if shared is not None:
                families[number].take(family, shared)
                break
        else:
            for band in bands:
                seen.setdefault(band, []).append(len(families))
            families.append(family)
    for family in families:
        family.first = family.counts.total()
    return families


def _bands(words: Iterable[str], factors: _Numbers, offsets: _Numbers) -> list[tuple[int, bytes]]:
    hashes = np.array([zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in words], np.uint64)
    signature = (factors[:, None] * hashes[None, :] + offsets[:, None]).min(axis=1)
    return [(band, signature[band * _ROWS : (band + 1) * _ROWS].tobytes()) for band in range(_BANDS)]


def _multiples(number: int) -> _Numbers:
    """Multiples modulo 2^64. Odd factors permute the numbers there, so each makes another order of the words."""
    return np.arange(1, _BANDS * _ROWS + 1, dtype=np.uint64) * np.uint64(number)
