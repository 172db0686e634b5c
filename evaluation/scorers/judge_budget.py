"""What a judge may still do today: calls and dollars of a UTC day, kept in a file so that a restart doesn't begin the day anew.

Calls whose price isn't known cost nothing here: they are counted apart, so that a budget in dollars that bounds nothing can be seen.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

from evaluation.scorers.judge import Judge


class Budget:
    """What a judge may still do today. Kept in a file, so that a restart doesn't begin the day anew."""

    def __init__(self, judge: Judge, path: Path) -> None:
        self._options = judge.options
        self._path = path
        self._day, self._calls, self._usd, self.unpriced = "", 0, 0.0, 0
        try:
            kept = json.loads(path.read_text("utf-8"))
            self._day, self._calls, self._usd = str(kept["day"]), int(kept["calls"]), float(kept["usd"])
            self.unpriced = int(kept.get("unpriced", 0))
        except (OSError, ValueError, KeyError, TypeError):
            pass  # none yet

    def take(self, at: datetime) -> bool:
        """Counts one call, if it is still in the budget."""
        day = at.astimezone(UTC).date().isoformat()
        if day > self._day:  # a clock that is set back doesn't begin an old day again
            self._day, self._calls, self._usd, self.unpriced = day, 0, 0.0, 0
        options = self._options
        if options.calls_per_day is not None and self._calls >= options.calls_per_day:
            return False
        if options.usd_per_day is not None and self._usd >= options.usd_per_day:
            return False
        self._calls += 1
        self._keep()
        return True

    def give_back(self) -> None:
        """Takes back a call that came to nothing: an outage costs no budget."""
        self._calls -= 1
        self._keep()

    def spent(self, usd: float | None) -> None:
        """Adds what an answered call cost; None where that is not known."""
        self.unpriced += usd is None
        self._usd += usd or 0.0
        self._keep()

    @property
    def hint(self) -> str:
        """What to do where the budget in dollars bounds less than it says; empty where it doesn't."""
        if self._options.usd_per_day is None or not self.unpriced:
            return ""
        also = "" if self._options.calls_per_day is not None else "set calls_per_day as well, or "
        return (
            f"{self.unpriced:,} calls of {self._day} have no known price and count as 0 in usd_per_day: {also}give the model a price "
            "([providers.NAME.prices])"
        )

    def _keep(self) -> None:
        draft = self._path.with_suffix(".tmp")
        draft.write_text(
            json.dumps({"day": self._day, "calls": self._calls, "usd": self._usd, "unpriced": self.unpriced}), "utf-8"
        )
        draft.replace(self._path)
