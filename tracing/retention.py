"""How long bodies and rows are kept: ClickHouse's own TTLs, brought to what the settings say.

Bodies go from rows that stay; rows go with everything that belongs to a call. Rollups stay: they hold counts and sums and nobody's text.
ClickHouse removes what is over time when it merges parts, so within hours, not to the minute.
A TTL that isn't of the form written here is somebody's own and is left alone.
"""

import logging
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from tracing.clickhouse import ClickHouse
from tracing.cluster import for_cluster

log = logging.getLogger("slugline.retention")

BODIES = ("variables", "request", "response")
ROWS = {
    "calls": "ts",
    "call_keys": "call_ts",
    "spans": "ts",
    "score_events": "received_at",
    "score_history": "received_at",
    "score_targets": "received_at",
}
"""The tables whose rows go, and the column that says how old a row is. One that isn't there yet is passed over."""
FLOOR = "retention"
_OURS = r"TTL toDateTime\(\w+\) \+ toIntervalDay\((\d+)\)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Days that bodies and rows are kept; 0 is for ever."""

    bodies_days: int = 0
    rows_days: int = 0


def changes(retention: Retention, standing: dict[str, str]) -> list[str]:
    """The ALTER statements that lead from the tables' definitions (`standing`, by name) to `retention`. Pure."""
    wanted = []
    for table, time in ROWS.items():
        if table in standing:
            after_columns = standing[table].partition(" ENGINE = ")[2]
            change = _change(after_columns, retention.rows_days, time)
            if change == "REMOVE TTL":
                wanted.append(f"ALTER TABLE {table} REMOVE TTL")
            elif change:
                wanted.append(f"ALTER TABLE {table} MODIFY {change}")
    covered = 0 < retention.rows_days <= retention.bodies_days
    for column in BODIES if "calls" in standing else ():
        found = re.search(
            rf"[(,]\s*`{column}` (.*?)(?=,\s*(?:`\w+` |INDEX )|\) ENGINE = )", standing["calls"], re.DOTALL
        )
        if change := _change(found[1] if found else "", 0 if covered else retention.bodies_days, "ts"):
            wanted.append(f"ALTER TABLE calls MODIFY COLUMN `{column}` {change}")
    return wanted


def kept_since(retention: Retention, standing: dict[str, str], today: date) -> date | None:
    """The first day that has all its calls under the TTL that stands and the one that is wanted; None when all have."""
    found = re.search(_OURS, standing.get("calls", "").partition(" ENGINE = ")[2])
    days = [number for number in (int(found[1]) if found else 0, retention.rows_days) if number]
    return today - timedelta(days=min(days) - 1) if days else None


async def apply(clickhouse: ClickHouse, retention: Retention, *, cluster: str | None = None) -> list[str]:
    """Changes what differs from the settings; gives the statements that were run."""
    standing = await _standing(clickhouse, cluster)
    floor = kept_since(retention, standing, datetime.now(UTC).date())
    if floor is not None:
        await clickhouse.command(
            f"INSERT INTO rollup_marks (name, through) VALUES ('{FLOOR}', '{floor.isoformat()} 00:00:00')"  # noqa: S608 - a date
        )
    ran = []
    for statement in changes(retention, standing):
        for sent in [statement] if cluster is None else for_cluster(statement, cluster):
            await clickhouse.command(sent)
            ran.append(sent)
    return ran


async def floor(clickhouse: ClickHouse) -> date | None:
    """The first day whose calls no retention has taken, ever; None when none was set."""
    sql = f"SELECT max(through) FROM rollup_marks WHERE name = '{FLOOR}'"  # noqa: S608 - a constant
    through: datetime = (await clickhouse.query(sql)).rows[0][0]
    return through.date() if through.year > 1970 else None


def _change(definition: str, days: int, time: str) -> str:
    """What follows MODIFY in an ALTER of what has this definition; nothing when it is as wanted or not ours to change."""
    found = re.search(_OURS, definition)
    foreign = not found and re.search(r"\bTTL\b", definition)
    if foreign or (int(found[1]) if found else 0) == days:
        return ""
    return f"TTL toDateTime({time}) + toIntervalDay({days})" if days else "REMOVE TTL"


async def _standing(clickhouse: ClickHouse, cluster: str | None) -> dict[str, str]:
    suffix = "_local" if cluster else ""
    names = ", ".join(f"'{table}{suffix}'" for table in ROWS)
    sql = f"SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() AND name IN ({names})"  # noqa: S608
    return {row[0].removesuffix(suffix): row[1] for row in (await clickhouse.query(sql)).rows}
