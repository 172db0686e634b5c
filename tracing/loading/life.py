"""Lives of a server: whether the one that answers now is the one that was sent something, or was started since.

A server's start is told by its age, which it gives in whole seconds, and its clock. When that clock is set, it looks like another life:
then rows are looked for without need, and nothing worse.
"""

import time
from dataclasses import dataclass

from tracing.clickhouse import ClickHouse

ASK_SECONDS = 5.0
_SAME_MILLISECONDS = 1_500


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One life of a server: its host, when it was started (milliseconds since 1970, by its own clock), and its age in seconds."""

    host: str
    started: int
    age: float

    @property
    def text(self) -> str:
        """As it stands in a note."""
        return f"{self.host}@{self.started}"

    def is_that_of(self, text: str) -> bool:
        """Whether a note was written in this life."""
        host, _, started = text.rpartition("@")
        return host == self.host and started.isdigit() and abs(int(started) - self.started) <= _SAME_MILLISECONDS


class Lives:
    """Asks for the life of the server that answers now; what it said holds for a few seconds, or until it is forgotten.

    An answer that is older than the server only makes a note that names the life before: its rows are looked for then.
    """

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse
        self._last: Life | None = None
        self._asked_at = float("-inf")

    def forget(self) -> None:
        """The connection broke: whoever answers next may be another."""
        self._last = None

    async def now(self) -> Life:
        """The life of the server that answers. Raises ClickHouseUnavailable or ClickHouseRefused."""
        if self._last is None or time.monotonic() - self._asked_at > ASK_SECONDS:
            self._asked_at = time.monotonic()
            found = await self._clickhouse.query("SELECT hostName(), toUnixTimestamp64Milli(now64(3)), uptime()")
            host, now, age = found.rows[0]
            self._last = Life(host=str(host), started=int(now) - 1000 * int(age), age=float(age))
        return self._last
