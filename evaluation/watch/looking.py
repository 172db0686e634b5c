"""One look after a promotion: the hours of both versions, what was usual, and what the detector says of each score.

Knows the question to ClickHouse and the windows. Refuses to know who watches when, and what follows from an alarm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import resources
from typing import Any

from evaluation.watch.detector import Bucket, Usual, Watched, limit_for, usual, watch
from tracing.clickhouse import ClickHouse

REFERENCE = timedelta(days=28)
"""How far back before a promotion is learnt what is usual."""

LATE = timedelta(hours=1)
"""Scores come after their calls: an hour is looked at once another one has gone by."""

_HOUR = 3600
_DAY = 24 * _HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoted:
    """What is watched: `version` on a channel since `at`, against the version `before`, by `scores` that may lose `margin` and no more.

    `series` is how many scores are watched at the same time, everywhere: the more, the more evidence each takes for an alarm.
    """

    prompt: str
    channel: str
    version: int
    before: int
    at: datetime
    scores: tuple[str, ...]
    margin: float
    series: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one score looks like. `usual` is None where there is too little history to learn from; nothing is `watched` then."""

    score: str
    usual: Usual | None
    watched: Watched | None
    mean: float | None
    n: float

    @property
    def alarm(self) -> bool:
        """Whether the new version is shown to do worse."""
        return self.watched is not None and self.watched.alarm_at is not None

    def to_json(self) -> dict[str, Any]:
        """For the history."""
        before, found = self.usual, self.watched
        return {
            "score": self.score,
            "mean": self.mean,
            "n": self.n,
            **({} if before is None else {"usual": before.mean, "margin": before.margin, "days": before.days}),
            **({} if found is None else {"evidence": found.evidence, "limit": found.limit, "hours": found.buckets}),
        }


async def look(clickhouse: ClickHouse, promoted: Promoted, now: datetime) -> list[Seen]:
    """Looks at every score. Raises ClickHouseUnavailable and ClickHouseRefused."""
    sql = (resources.files("evaluation.watch") / "buckets.sql").read_text("utf-8")
    at = promoted.at.timestamp()
    found = await clickhouse.query(
        sql,
        {
            "prompt": promoted.prompt,
            "channel": promoted.channel,
            "versions": [promoted.version, promoted.before],
            "names": list(promoted.scores),
            "since": _whole((promoted.at - REFERENCE).timestamp()),
            "until": _whole((now - LATE).timestamp()),
        },
    )
    rows = found.dicts()
    return [_seen(promoted, score, [row for row in rows if row["score"] == score], at) for score in promoted.scores]


def _seen(promoted: Promoted, score: str, rows: Sequence[Mapping[str, Any]], at: float) -> Seen:
    # The hour of the promotion belongs to neither side alone: it is left out of both.
    old = [_bucket(row) for row in rows if row["version"] == promoted.before and row["begin"] + _HOUR <= at]
    new = [_bucket(row) for row in rows if row["version"] == promoted.version and row["begin"] >= at]
    before = usual(old, promoted.margin)
    n = sum(bucket.n for bucket in new)
    return Seen(
        score=score,
        usual=before,
        watched=None if before is None else watch(new, before, limit_for(promoted.series)),
        mean=sum(bucket.total for bucket in new) / n if n else None,
        n=n,
    )


def _bucket(row: Mapping[str, Any]) -> Bucket:
    n = float(row["n"])
    return Bucket(
        day=int(row["begin"]) // _DAY, n=n, total=n * float(row["mean"]), squares=n * float(row["mean_square"])
    )


def _whole(seconds: float) -> int:
    return max(0, int(seconds) // _HOUR * _HOUR)
