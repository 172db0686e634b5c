"""Asks about one attempt until there is an answer or an error that is final, with patience for a provider that is away or busy.

Knows which statuses may pass, and what all attempts wait for together. Refuses to know what becomes of an answer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable

from evaluation.runs.terms import Halt, RunOptions
from evaluation.runs.values import Attempt, Complete, Output

log = logging.getLogger("slugline.evaluation")

LOOK_SECONDS = 0.2
_MISPLACED = frozenset({401, 403, 404})
_LATER = frozenset({408, 409, 425, 429})


class Asking:
    """The model behind an evaluation. `may_go_on` raises Halt once the run is over; `told` is called when `waiting` changes."""

    def __init__(
        self, complete: Complete, options: RunOptions, *, may_go_on: Callable[[], None], told: Callable[[], None]
    ) -> None:
        self.waiting = ""
        self._complete = complete
        self._options = options
        self._may_go_on = may_go_on
        self._told = told
        self._answered: Counter[str] = Counter()
        self._pause = 0.0
        self._not_before = 0.0

    def answered(self, label: str) -> None:
        """Notes that a target was answered: its key is taken and its model is there."""
        self._answered[label] += 1

    async def ask(self, attempt: Attempt) -> Output:
        """What the model says, or an error that is this attempt's own.

        Raises Halt for an error that would be every attempt's: a key that isn't taken, a model that isn't there, a provider that answered
        nobody while this attempt was made.
        """
        label = attempt.target.label
        before = self._answered[label]
        output = Output(status=0, error="it was not asked")
        for _ in range(self._options.attempts):
            await self._pause_over()
            output = await self._asked(attempt)
            if output.status in _MISPLACED and not self._answered[label]:
                raise Halt("refused", f"{label} can't be asked ({output.status}): {output.error}")
            if not output.error or not (output.status in _LATER or output.status >= 500):
                self._good(label)
                return output
            self._bad(label, output)
        if self._answered[label] > before:
            return output
        times = "once" if self._options.attempts == 1 else f"{self._options.attempts} times"
        raise Halt("away", f"{label} was asked {times} in vain ({output.status}): {output.error}")

    async def _asked(self, attempt: Attempt) -> Output:
        try:
            return await self._complete(attempt)
        except Exception as error:  # a fault of ours is this attempt's, not the whole evaluation's
            log.exception("%s could not be asked about case %s", attempt.target.label, attempt.case.case_id)
            return Output(status=500, error=f"{type(error).__name__}: {error}")

    def _good(self, label: str) -> None:
        self.answered(label)
        # Not to nothing at once: a provider that takes some of the calls is not to get all of them again.
        self._pause = self._pause / 2 if self._pause > self._options.first_pause_seconds else 0.0
        if self.waiting:
            self.waiting = ""
            self._told()

    def _bad(self, label: str, output: Output) -> None:
        now = time.monotonic()
        if now >= self._not_before:  # attempts that fail together are one failure
            longest = self._options.longest_pause_seconds
            self._pause = min(max(self._pause * 2, self._options.first_pause_seconds), longest)
            self._not_before = now + self._pause
        why = f"{label} can't be asked now ({output.status}): {output.error}"
        if not self.waiting:
            log.info("waiting: %s", why)
        self.waiting = why
        self._told()

    async def _pause_over(self) -> None:
        self._may_go_on()
        while (left := self._not_before - time.monotonic()) > 0:
            await asyncio.sleep(min(left, LOOK_SECONDS))
            self._may_go_on()
