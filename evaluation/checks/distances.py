"""How near two texts are by their letters and words: pure functions of strings, each with the source of its formula.

Knows no meaning: "not good" is near "good" here. Words are runs of letters and digits in lower case, whatever the script.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_LONGEST_GRAM = 4


def words(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return _WORD.findall(text.lower())


def alike_at_first(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def apart_from_ends(one: str, other: str) -> tuple[str, str]:
    """Two texts without what both begin with and what both end with; their distance is the same."""
    start = alike_at_first(one, other)
    one, other = one[start:], other[start:]
    end = alike_at_first(one[::-1], other[::-1])
    return one[: len(one) - end], other[: len(other) - end]


def levenshtein(one: str, other: str) -> int:
    """How many letters must be put in, taken out or replaced to make one text of the other.

    Bit-parallel: a text's letters are the bits of one integer, so a row of the table costs a few operations on it
    (Hyyrö 2003, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances", Nordic Journal of Computing 10).
    """
    if len(one) < len(other):
        one, other = other, one
    if not other:
        return len(one)
    places: dict[str, int] = {}
    for index, letter in enumerate(other):
        places[letter] = places.get(letter, 0) | 1 << index
    everything, last = (1 << len(other)) - 1, 1 << (len(other) - 1)
    up, down, distance = everything, 0, len(other)
    for letter in one:
        same = places.get(letter, 0)
        diagonal = (((same & up) + up) ^ up) | same | down
        right = down | ~(diagonal | up) & everything
        left = up & diagonal
        distance += bool(right & last) - bool(left & last)
        right = (right << 1 | 1) & everything
        left = (left << 1) & everything
        up = left | ~(diagonal | right) & everything
        down = right & diagonal
    return distance


def rouge_n(text: str, reference: str, n: int = 1) -> float:
    """The share of the reference's n-grams that the text has, each counted as often as both have it: recall.

    (Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries", https://aclanthology.org/W04-1013/.)
    """
    wanted = _grams(words(reference), n)
    return sum((wanted & _grams(words(text), n)).values()) / wanted.total() if wanted else 0.0


def bleu(text: str, references: Sequence[str]) -> float:
    """The geometric mean of the n-gram precisions for n = 1 to 4, times the penalty for brevity; not smoothed.

    Texts of fewer than four words are measured by the n-grams that they have, as a sentence of two words has none of four.
    (Papineni et al. 2002, "BLEU: a Method for Automatic Evaluation of Machine Translation", https://aclanthology.org/P02-1040/.)
    """
    said, others = words(text), [found for reference in references if (found := words(reference))]
    if not said or not others:
        return 0.0
    logarithms = []
    for n in range(1, min(_LONGEST_GRAM, len(said)) + 1):
        have = _grams(said, n)
        most: Counter[tuple[str, ...]] = Counter()
        for other in others:
            most |= _grams(other, n)
        hits = (have & most).total()
        if not hits:
            return 0.0
        logarithms.append(math.log(hits / have.total()))
    nearest = min((abs(len(other) - len(said)), len(other)) for other in others)[1]
    brevity = 0.0 if len(said) >= nearest else 1 - nearest / len(said)
    return math.exp(brevity + sum(logarithms) / len(logarithms))


def gleu(text: str, references: Sequence[str]) -> float:
    """The lesser of precision and recall over all n-grams for n = 1 to 4, against the nearest reference.

    (Wu et al. 2016, "Google's Neural Machine Translation System", https://arxiv.org/abs/1609.08144, section 5.2.)
    """
    have = _all_grams(words(text))
    best = 0.0
    for reference in references:
        wanted = _all_grams(words(reference))
        most = max(have.total(), wanted.total())
        best = max(best, (have & wanted).total() / most if most else 0.0)
    return best


def shared_words(one: str, other: str) -> float:
    """The cosine of the angle between two texts' counts of words: 1 for the same words in any order, 0 for none in common."""
    mine, others = Counter(words(one)), Counter(words(other))
    dot = sum(count * others[word] for word, count in mine.items())
    length = math.sqrt(sum(count**2 for count in mine.values()) * sum(count**2 for count in others.values()))
    return min(1.0, dot / length) if length else float(not mine and not others)


def _grams(of: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(of[start : start + n]) for start in range(len(of) - n + 1))


def _all_grams(of: Sequence[str]) -> Counter[tuple[str, ...]]:
    grams: Counter[tuple[str, ...]] = Counter()
    for n in range(1, _LONGEST_GRAM + 1):
        grams += _grams(of, n)
    return grams
