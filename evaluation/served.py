"""Which versions answered a prompt's calls in a window: what was live, as the calls saw it.

Knows the statement in served.sql. Refuses to know what the registry says was live, and to hide ClickHouse's errors.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from evaluation.statements import load_statements
from tracing.clickhouse import ClickHouse

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionCalls:
    """Calls that one version answered on one channel; "pinned" where they named a number. `variant` is main, rollout or holdback
    where the channel was split. `errors` are those whose outcome is neither ok nor client_left."""

    version: int
    channel: str
    variant: str
    calls: int
    errors: int
    first_seen: datetime
    last_seen: datetime


async def versions_served(
    clickhouse: ClickHouse, *, prompt: str, since: datetime, until: datetime
) -> tuple[VersionCalls, ...]:
    """The versions that answered a prompt's production calls in [since, until), by channel and version. Times must carry a zone."""
    window = {"since_ms": _milliseconds(since), "until_ms": _milliseconds(until)}
    statement = load_statements("evaluation", "served.sql")["served"]
    found = (await clickhouse.query(statement, {"prompt": prompt, **window})).dicts()
    return tuple(
        VersionCalls(
            **{name: row[name] for name in ("version", "channel", "variant", "calls", "errors")},
            first_seen=_EPOCH + timedelta(milliseconds=row["first_ms"]),
            last_seen=_EPOCH + timedelta(milliseconds=row["last_ms"]),
        )
        for row in found
    )


def _milliseconds(time: datetime) -> int:
    return max(0, round((time - _EPOCH).total_seconds() * 1000))
