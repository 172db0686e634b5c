"""Takes all that is on record of one person out of ClickHouse: their calls, the scores and spans of these, and says how much it was.

1. What is to go is listed by its ids first (table `erasing`). The statements that delete name that list, as ClickHouse keeps their text.
2. Calls go last: an erasure that broke off is simply done again, and finds what it left.
3. A table that others add is covered by its columns: what has a call's id, a trace's, or a user.
4. Deleting is a mutation: ClickHouse writes the parts anew that hold such rows, and drops the old ones some minutes later.

Knows tables and statements; refuses to know files and who may do this.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tracing.clickhouse import ClickHouse, ClickHouseRefused

POLL_SECONDS = 0.2

_OF = (
    "(length({users:Array(String)}) = 0 OR user IN {users:Array(String)}) AND "
    "(length({sessions:Array(String)}) = 0 OR session IN {sessions:Array(String)})"
)
_LIST = f"""
INSERT INTO erasing (erasure_id, kind, key)
SELECT {{erasure:UUID}}, found.1, found.2
FROM (SELECT arrayJoin([('call', toString(call_id)), ('trace', trace_id), ('external', external_id), ('user', user)]) AS found
      FROM calls WHERE {_OF})
WHERE found.2 != '' AND NOT (found.1 = 'user' AND length({{sessions:Array(String)}}) > 0)
GROUP BY found
"""  # noqa: S608 - our own text; values are parameters
_KEYS = "(SELECT key FROM erasing WHERE erasure_id = '{erasure}' AND kind = '{kind}')"
_TABLES = """
SELECT table, groupArray(name) AS names
FROM system.columns
WHERE database = currentDatabase() AND table IN (
    SELECT name FROM system.tables
    WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND name NOT IN ('erasing', 'erasures')
)
GROUP BY table
ORDER BY table = 'calls', table
"""
_UNDONE = """
SELECT latest_fail_reason AS reason
FROM system.mutations
WHERE database = currentDatabase() AND NOT is_done AND position(command, {erasure:String}) > 0
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whose records are to go: a user's, a session's, or with both that user's of that session. Each by all the forms that the record
    may hold, as it was sent and hashed."""

    users: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()

    @property
    def selector(self) -> str:
        """What the person was named by; it says nothing of who it is."""
        return " and ".join(name for name, given in (("user", self.users), ("session", self.sessions)) if given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """How many rows went, by table; of a dry run, how many would go."""

    rows: dict[str, int]

    def count(self, table: str) -> int:
        """Rows of one table."""
        return self.rows.get(table, 0)


async def erase(clickhouse: ClickHouse, person: Person, *, erasure_id: str, dry_run: bool) -> Erased:
    """Erases, and returns when it is done. Raises ValueError for nobody, ClickHouseUnavailable and ClickHouseRefused."""
    if not person.selector:
        raise ValueError("an erasure needs a user or a session")
    given: dict[str, Any] = {"users": list(person.users), "sessions": list(person.sessions), "erasure": erasure_id}
    await clickhouse.command(_LIST, given)
    rows: dict[str, int] = {}
    try:
        tables = [(str(table), list(names)) for table, names in (await clickhouse.query(_TABLES)).rows]
        for table, names in tables:
            condition = _condition(table, names, erasure_id)
            if condition is None:
                continue
            found = await clickhouse.query(f"SELECT count() FROM {table} WHERE {condition}")  # noqa: S608 - tables by ClickHouse
            rows[table] = int(found.rows[0][0])
            if rows[table] and not dry_run:
                await clickhouse.command(
                    f"ALTER TABLE {table} DELETE WHERE {condition}", allow_nondeterministic_mutations=1
                )
                await _done(clickhouse, erasure_id)
    finally:
        await clickhouse.command(f"ALTER TABLE erasing DELETE WHERE erasure_id = '{erasure_id}'", mutations_sync=2)
    return Erased(rows=rows)


async def note(
    clickhouse: ClickHouse, erased: Erased, *, erasure_id: str, actor: str, reason: str, selector: str
) -> None:
    """Writes down that there was an erasure: who, when, why, how much; never whose."""
    counts = {"calls": erased.count("calls"), "scores": erased.count("score_events"), "spans": erased.count("spans")}
    await clickhouse.command(
        "INSERT INTO erasures (erasure_id, ts, actor, reason, selector, calls, scores, spans) SELECT {erasure:UUID}, now64(3), "
        "{actor:String}, {reason:String}, {selector:String}, {calls:UInt64}, {scores:UInt64}, {spans:UInt64}",
        {"erasure": erasure_id, "actor": actor, "reason": reason, "selector": selector, **counts},
    )


def _condition(table: str, names: Sequence[str], erasure_id: str) -> str | None:
    """Which rows of a table are the person's, or None where a table knows nothing of persons."""

    def among(column: str, kind: str) -> str:
        return f"toString({column}) IN {_KEYS.format(erasure=erasure_id, kind=kind)}"

    if table == "calls":
        return among("call_id", "call")
    if {"target_kind", "target"} <= set(names):
        kinds = (f"(target_kind = '{kind}' AND {among('target', kind)})" for kind in ("call", "trace", "external"))
        return f"({' OR '.join(kinds)})"
    conditions = [
        among(column, kind)
        for column, kind in (("call_id", "call"), ("trace_id", "trace"), ("user", "user"))
        if column in names
    ]
    return f"({' OR '.join(conditions)})" if conditions else None


async def _done(clickhouse: ClickHouse, erasure_id: str) -> None:
    """Waits for an erasure's mutations. Raises ClickHouseRefused for one that can't be carried out."""
    while True:
        waiting = (await clickhouse.query(_UNDONE, {"erasure": erasure_id})).rows
        if not waiting:
            return
        reasons = [str(reason) for (reason,) in waiting if reason]
        if reasons:
            raise ClickHouseRefused(f"the deletion doesn't get on: {reasons[0]}", "UNFINISHED")
        await asyncio.sleep(POLL_SECONDS)
