"""A circuit breaker for each provider: one that keeps failing is passed over for a while, where there is another to ask.

It never refuses a call by itself: the last provider of a call's list is asked whatever its breaker says, because an answer is
possible there and nowhere else. State is one worker's own. The clock is handed in; nothing here waits.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class _State:
    failures: int = 0
    asked_at: float = 0.0


class Breakers:
    """Opens after `failures` attempts in a row have failed; then lets one attempt through every `seconds`, until one succeeds."""

    def __init__(self, *, failures: int, seconds: float, clock: Callable[[], float]) -> None:
        self._failures = failures
        self._seconds = seconds
        self._clock = clock
        self._states: dict[str, _State] = {}

    def allows(self, provider: str) -> bool:
        """Whether to ask a provider for which there is an alternative; of an open one, a True is the one attempt of its interval."""
        state = self._states.get(provider)
        if state is None or state.failures < self._failures:
            return True
        if self._clock() - state.asked_at < self._seconds:
            return False
        state.asked_at = self._clock()
        return True

    def note(self, provider: str, *, failed: bool) -> None:
        """How an attempt went. An answer is a success unless it says that the provider itself failed."""
        if not failed:
            self._states.pop(provider, None)
            return
        state = self._states.setdefault(provider, _State())
        state.failures += 1
        state.asked_at = self._clock()
