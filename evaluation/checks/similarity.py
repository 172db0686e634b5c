"""`similar`: is an answer near to a reference in the space of an embedding model? Asks for vectors, knows none of its own.

Semantics: https://www.promptfoo.dev/docs/configuration/expected-outputs/similar/: near to one of several references is enough; by the
cosine, the dot product, or the Euclidean distance, whose threshold is the most that may lie between.
"""

from __future__ import annotations

import numpy as np

from evaluation.checks.outcome import Look, Means, Outcome, measured, undecided
from evaluation.checks.values import NotNegative, Number, References, Share, Takes

NO_MODEL = (
    "there is no embedding model to ask: name one, or compare words alone with 'similar:words', which knows no meaning"
)


class Cosine(Takes):
    """`similar` and `similar:cosine`."""

    value: References
    threshold: Share = 0.75


class Dot(Takes):
    """`similar:dot`."""

    value: References
    threshold: Number = 0.75


class Distance(Takes):
    """`similar:euclidean`."""

    value: References
    threshold: NotNegative = 0.75


async def similar(takes: Cosine | Dot | Distance, look: Look, means: Means) -> Outcome:
    """The answer and the references are embedded in one call and compared."""
    if means.embed is None:
        return undecided(NO_MODEL)
    if not look.text.strip():
        return Outcome(passed=False, score=0.0, reason="the answer is empty")
    try:
        vectors = np.asarray(await means.embed([look.text, *takes.value]), dtype=np.float64)
    except Exception as error:  # whatever it ran into, the answer can't be judged
        return undecided(f"the embedding model could not be asked: {str(error)[:300] or type(error).__name__}")
    if vectors.shape[:1] != (len(takes.value) + 1,) or vectors.ndim != 2 or not np.isfinite(vectors).all():
        return undecided("the embedding model gave no vector for each text")
    return _compared(takes, vectors[0], vectors[1:])


def _compared(takes: Cosine | Dot | Distance, mine: np.ndarray, others: np.ndarray) -> Outcome:
    if isinstance(takes, Distance):
        least = float(np.linalg.norm(others - mine, axis=1).min())
        reason = f"distance: {least:.3f} (at most {takes.threshold:g})"
        return Outcome(passed=least <= takes.threshold, score=1 / (1 + least), reason=reason)
    dots = others @ mine
    if isinstance(takes, Dot):
        return measured(float(dots.max()), takes.threshold, "dot product")
    lengths = np.linalg.norm(others, axis=1) * np.linalg.norm(mine)
    if not lengths.all():
        return undecided("the embedding model gave a vector of zeros")
    return measured(round(float((dots / lengths).max()), 9), takes.threshold, "similarity (cosine)")
