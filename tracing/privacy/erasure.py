"""Takes all that is on record of one person out of ClickHouse: their calls, the scores and spans of these, and says how much it was.

1. What is to go is listed by its ids first (table `erasing`). The statements that delete name that list, as ClickHouse keeps their text.
2. Calls go last: an erasure that broke off is simply done again, and finds what it left.
3. A table that others add is covered by its columns: what has a call's id, a trace's, a user, or a score's key.
4. Deleting is a mutation: ClickHouse writes the parts anew that hold such rows, and drops the old ones some minutes later.
5. On a cluster, a table is its `_local` part on every host (`tracing.cluster`), and the list is kept until all hosts have done with it.

Knows tables and statements; refuses to know files and who may do this.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from tracing.clickhouse import ClickHouse, ClickHouseRefused
from tracing.cluster import for_cluster
from tracing.privacy.listing import Person, listing, listing_of_cases
from tracing.rollups.scores import Cell, recount

__all__ = ["Erased", "Keys", "Marked", "Person", "deletion", "marked", "note"]

POLL_SECONDS = 0.2
_ON_CLUSTERS = {"distributed_ddl_task_timeout": 300, "distributed_foreground_insert": 1}

_TABLES = """
SELECT replaceRegexpOne(table, {suffix:String}, '') AS logical, groupArray(name) AS names
FROM system.columns
WHERE database = currentDatabase() AND table IN (
    SELECT name FROM system.tables
    WHERE database = currentDatabase() AND engine LIKE '%MergeTree'
      AND replaceRegexpOne(name, {suffix:String}, '') NOT IN ('erasing', 'erasures')
)
GROUP BY logical
ORDER BY logical = 'calls', logical
"""
_UNDONE = """
SELECT latest_fail_reason AS reason
FROM {mutations}
WHERE database = currentDatabase() AND NOT is_done AND position(command, {{erasure:String}}) > 0
"""
_KEYS = "SELECT kind, groupUniqArray(key) FROM erasing WHERE erasure_id = {erasure:UUID} GROUP BY kind"
_CELLS = """
SELECT DISTINCT toString(prompt) AS prompt, toUnixTimestamp(toStartOfHour(call_ts, 'UTC')) AS hour
FROM call_keys
WHERE toString(key) GLOBAL IN (SELECT key FROM erasing WHERE erasure_id = {erasure:UUID} AND kind = 'key')
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The ids of what is to go: calls, traces, the app's own ids, and spans as `trace/span`."""

    calls: frozenset[str] = frozenset()
    traces: frozenset[str] = frozenset()
    externals: frozenset[str] = frozenset()
    spans: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """How many rows went, by table; of a dry run, how many would go."""

    rows: dict[str, int]

    def count(self, table: str) -> int:
        """Rows of one table."""
        return self.rows.get(table, 0)


class Marked:
    """What is listed to go. Use it from `marked`."""

    def __init__(self, clickhouse: ClickHouse, erasure_id: str, database: str, cluster: str | None) -> None:
        self._clickhouse, self._id, self._database, self._cluster = clickhouse, erasure_id, database, cluster

    async def keys(self) -> Keys:
        """The ids."""
        found = {kind: frozenset(keys) for kind, keys in (await self._clickhouse.query(_KEYS, self._given())).rows}
        none: frozenset[str] = frozenset()
        return Keys(
            calls=found.get("call", none),
            traces=found.get("trace", none),
            externals=found.get("external", none),
            spans=found.get("span", none),
        )

    async def also_cases(self, case_ids: Sequence[str]) -> None:
        """Lists the calls as well by which evaluations and probes asked about these cases."""
        if case_ids:
            settings = _ON_CLUSTERS if self._cluster else {}
            await self._clickhouse.command(listing_of_cases(), {**self._given(), "cases": list(case_ids)}, **settings)

    async def erase(self, *, dry_run: bool) -> Erased:
        """Deletes, and returns when it is done; hours whose scores went are counted anew. Raises ClickHouseRefused."""
        cells = [Cell(prompt=row[0], hour=row[1]) for row in (await self._clickhouse.query(_CELLS, self._given())).rows]
        rows: dict[str, int] = {}
        suffix = "_local$" if self._cluster else "^$"
        for table, names in (await self._clickhouse.query(_TABLES, {"suffix": suffix})).rows:
            condition = condition_of(str(table), list(names), self._id, self._database)
            if condition is None:
                continue
            found = await self._clickhouse.query(f"SELECT count() FROM {table} WHERE {condition}")  # noqa: S608 - tables by ClickHouse
            rows[str(table)] = int(found.rows[0][0])
            if rows[str(table)] and not dry_run:
                for sent in deletion(str(table), condition, self._cluster):
                    await self._clickhouse.command(sent, allow_nondeterministic_mutations=1)
                await self._done()
        if not dry_run:
            await recount(self._clickhouse, cells)
        return Erased(rows=rows)

    async def _done(self) -> None:
        """Waits for the mutations, on every host. Raises ClickHouseRefused for one that can't be carried out."""
        where = f"clusterAllReplicas('{self._cluster}', system.mutations)" if self._cluster else "system.mutations"
        while waiting := (await self._clickhouse.query(_UNDONE.format(mutations=where), {"erasure": self._id})).rows:
            reasons = [str(reason) for (reason,) in waiting if reason]
            if reasons:
                raise ClickHouseRefused(f"the deletion doesn't get on: {reasons[0]}", "UNFINISHED")
            await asyncio.sleep(POLL_SECONDS)

    def _given(self) -> dict[str, Any]:
        return {"erasure": self._id}


@contextlib.asynccontextmanager
async def marked(
    clickhouse: ClickHouse, person: Person, *, erasure_id: str, cluster: str | None = None
) -> AsyncIterator[Marked]:
    """Lists what is a person's, for as long as the block lasts. What comes later is not in it.

    Raises ValueError for nobody, ClickHouseUnavailable and ClickHouseRefused.
    """
    if not person.selector:
        raise ValueError("an erasure needs a user or a session")
    settings = _ON_CLUSTERS if cluster else {}
    given = {"users": list(person.users), "sessions": list(person.sessions), "erasure": erasure_id}
    whole = False
    try:
        for statement in listing(person):
            await clickhouse.command(statement, given, **settings)
        database = str((await clickhouse.query("SELECT currentDatabase()")).rows[0][0])
        yield Marked(clickhouse, erasure_id, database, cluster)
        whole = True
    finally:
        # A host of a cluster that is away may still have to read the list; its TTL of a day clears it then.
        if whole or cluster is None:
            for sent in deletion("erasing", f"erasure_id = '{erasure_id}'", cluster):
                await clickhouse.command(sent, mutations_sync=2)


def deletion(table: str, condition: str, cluster: str | None) -> list[str]:
    """The statements that delete a table's rows, here or on every host of a cluster. Pure."""
    statement = f"ALTER TABLE {table} DELETE WHERE {condition}"
    return [statement] if cluster is None else for_cluster(statement, cluster)


async def note(
    clickhouse: ClickHouse,
    erased: Erased,
    *,
    erasure_id: str,
    actor: str,
    reason: str,
    selector: str,
    cluster: str | None = None,
) -> None:
    """Writes down that there was an erasure: who, when, why, how much; never whose."""
    counts = {"calls": erased.count("calls"), "scores": erased.count("score_events"), "spans": erased.count("spans")}
    await clickhouse.command(
        "INSERT INTO erasures (erasure_id, ts, actor, reason, selector, calls, scores, spans) SELECT {erasure:UUID}, now64(3), "
        "{actor:String}, {reason:String}, {selector:String}, {calls:UInt64}, {scores:UInt64}, {spans:UInt64}",
        {"erasure": erasure_id, "actor": actor, "reason": reason, "selector": selector, **counts},
        **(_ON_CLUSTERS if cluster else {}),
    )


def condition_of(table: str, names: Sequence[str], erasure_id: str, database: str) -> str | None:
    """Which rows of a table are the person's, or None where a table knows nothing of persons. Pure."""

    def among(value: str, kind: str) -> str:
        listed = f"SELECT key FROM {database}.erasing WHERE erasure_id = '{erasure_id}' AND kind = '{kind}'"  # noqa: S608
        return f"{value} IN ({listed})"

    if table == "calls":
        return among("toString(call_id)", "call")
    if {"target_kind", "target"} <= set(names):
        kinds = (
            f"(target_kind = '{kind}' AND {among('toString(target)', kind)})" for kind in ("call", "trace", "external")
        )
        return f"({' OR '.join(kinds)})"
    if {"trace_id", "span_id"} <= set(names):
        return among("concat(trace_id, '/', span_id)", "span")
    if {"score_id", "key"} <= set(names):
        return among("toString(key)", "key")
    own = ("call_id", "call") if "call_id" in names else ("trace_id", "trace")  # a trace may have calls of others
    conditions = [among(f"toString({column})", kind) for column, kind in (own, ("user", "user")) if column in names]
    return f"({' OR '.join(conditions)})" if conditions else None
