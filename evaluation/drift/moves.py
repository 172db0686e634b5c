"""The registry's moves as events of a drift report: promotions, rollbacks and rollouts, of one prompt or of all.

Knows where the registry keeps them. Refuses to know what they did.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from evaluation.drift.events import moves
from evaluation.drift.values import Event
from registry.storage.reader import Reader
from registry.values import HistoryEntry

_MOST = 10_000
"""So many of the newest writes are looked through."""


def moves_of(store: Reader, slug: str) -> tuple[Event, ...]:
    """A prompt's moves, oldest first. Raises PromptNotFoundError."""
    return moves(store.history(slug, limit=_MOST))


def all_moves(store: Reader) -> Mapping[str, Sequence[Event]]:
    """Every prompt's moves, oldest first, by slug."""
    by_slug: dict[str, list[HistoryEntry]] = defaultdict(list)
    for entry in store.history(limit=_MOST):
        by_slug[entry.slug].append(entry)
    return {slug: moves(entries) for slug, entries in by_slug.items()}
