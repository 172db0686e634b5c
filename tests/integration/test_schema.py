"""The schema on the real engine: migrations, their form on a cluster, retention, and who may touch what a newer release made."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.test_schema_rollups import call, insert, score
from tracing import retention
from tracing.clickhouse import ClickHouse
from tracing.cluster import NotForClusters, for_cluster
from tracing.event import timestamp
from tracing.loader import INSERT_SETTINGS
from tracing.migrate import SchemaTooNew, as_sent, migrate, migrations, statements
from tracing.retention import Retention
from tracing.rollups.repair import check, repair

__all__ = ["insert"]  # the fixture
ALL = [(name, statement) for name, text in migrations() for statement in statements(text)]


async def test_every_migration_may_run_twice(records: ClickHouse) -> None:
    await records.command("INSERT INTO calls (call_id, ts, outcome) VALUES (generateUUIDv4(), now64(3), 'ok')")
    assert await migrate(records) == [name for name, _ in migrations()], "the fixture keeps no ledger"
    assert await migrate(records) == []
    assert (await records.query("SELECT count() FROM calls")).rows[0][0] == 1
    assert await check(records) == []


async def test_what_a_cluster_is_sent_is_sql(records: ClickHouse) -> None:
    for name, statement in ALL:
        for sent in as_sent(statement, "main"):
            if sent.startswith("INSERT"):
                continue  # EXPLAIN AST takes no INSERT; it is the same text as on one machine
            await records.query(f"EXPLAIN AST {sent}")
            assert "ON CLUSTER 'main'" in sent, name
            if sent.startswith("CREATE TABLE"):
                assert "ENGINE = Replicated" in sent or "ENGINE = Distributed(" in sent, name
                assert "non_replicated" not in sent, name


async def test_a_cluster_has_a_local_and_a_distributed_table_for_each_table() -> None:
    sent = [text for _, statement in ALL for text in for_cluster(statement, "main")]
    tables = {text.split()[5] for text in sent if text.startswith("CREATE TABLE")}
    assert tables == {table for table in tables if f"{table}_local" in tables or table.removesuffix("_local") in tables}
    assert {"calls", "calls_local", "score_events_local", "call_keys", "scores_hourly_local"} <= tables
    shards = {text.split()[5]: text.rpartition("_local', ")[2] for text in sent if "Distributed(" in text}
    # The loader's rows: where a retry goes again. Corrections of a score meet on one shard.
    assert shards["calls"] == "sipHash64(call_id))"
    assert shards["score_events"] == "sipHash64(score_id))"
    assert shards["scores_hourly"] == "sipHash64((prompt, hour)))"


def test_the_text_for_a_cluster_word_for_word() -> None:
    table = (
        "-- About it.\nCREATE TABLE IF NOT EXISTS t\n(\n    a String\n)\nENGINE = ReplacingMergeTree(b)\nPARTITION BY c\nORDER BY (a, c)\n"
        "SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1"
    )
    assert for_cluster(table, "main") == [
        "CREATE TABLE IF NOT EXISTS t_local ON CLUSTER 'main'\n(\n    a String\n)\n"
        "ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', b)\nPARTITION BY c\nORDER BY (a, c)\n"
        "SETTINGS replicated_deduplication_window = 10000, fsync_after_insert = 1",
        "CREATE TABLE IF NOT EXISTS t ON CLUSTER 'main' AS t_local\n"
        "ENGINE = Distributed('main', currentDatabase(), 't_local', sipHash64(a))",
    ]
    column = "ALTER TABLE t ADD COLUMN IF NOT EXISTS x String CODEC(ZSTD(1))"
    assert for_cluster(column, "main") == [
        "ALTER TABLE t_local ON CLUSTER 'main' ADD COLUMN IF NOT EXISTS x String CODEC(ZSTD(1))",
        "ALTER TABLE t ON CLUSTER 'main' ADD COLUMN IF NOT EXISTS x String CODEC(ZSTD(1))",
    ]
    for stored in ("ADD INDEX i a TYPE minmax", "MODIFY TTL toDateTime(c) + toIntervalDay(1)", "MODIFY COLUMN x TTL c"):
        assert for_cluster(f"ALTER TABLE t {stored}", "main") == [f"ALTER TABLE t_local ON CLUSTER 'main' {stored}"]
    key = "ALTER TABLE t ADD COLUMN IF NOT EXISTS x Float64, MODIFY ORDER BY (a, c, x)"
    assert for_cluster(key, "main") == [
        "ALTER TABLE t_local ON CLUSTER 'main' ADD COLUMN IF NOT EXISTS x Float64, MODIFY ORDER BY (a, c, x)",
        "ALTER TABLE t ON CLUSTER 'main' ADD COLUMN IF NOT EXISTS x Float64",
    ]
    assert for_cluster("ALTER TABLE f MODIFY QUERY\nSELECT a FROM t GROUP BY a", "main") == [
        "ALTER TABLE f ON CLUSTER 'main' MODIFY QUERY\nSELECT a FROM t_local GROUP BY a"
    ]
    feed = "CREATE MATERIALIZED VIEW IF NOT EXISTS f TO u AS\nSELECT a FROM t"
    assert for_cluster(feed, "main") == [
        "CREATE MATERIALIZED VIEW IF NOT EXISTS f ON CLUSTER 'main' TO u_local AS\nSELECT a FROM t_local"
    ]
    assert for_cluster("CREATE OR REPLACE VIEW v AS\nSELECT 1", "main") == [
        "CREATE OR REPLACE VIEW v ON CLUSTER 'main' AS\nSELECT 1"
    ]
    assert for_cluster("INSERT INTO t SELECT 1", "main") == ["INSERT INTO t SELECT 1"]
    assert for_cluster("DROP TABLE IF EXISTS t", "main") == [
        "DROP TABLE IF EXISTS t ON CLUSTER 'main' SYNC",
        "DROP TABLE IF EXISTS t_local ON CLUSTER 'main' SYNC",
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE t (a Int8) ENGINE = Memory",
        "CREATE TABLE IF NOT EXISTS t (a Int8) ENGINE = Memory",
        "OPTIMIZE TABLE t",
        "ALTER TABLE t ADD COLUMN a Int8, ADD INDEX b a TYPE minmax",
        "CREATE MATERIALIZED VIEW IF NOT EXISTS f TO u AS SELECT a FROM t JOIN x ON y WHERE z IN (SELECT 1 FROM w)",
    ],
)
def test_a_statement_that_has_no_known_form_on_a_cluster_is_refused(statement: str) -> None:
    with pytest.raises(NotForClusters):
        for_cluster(statement, "main")
    with pytest.raises(ValueError, match="a cluster's name"):
        for_cluster("SELECT 1", "a'b")


async def test_a_schema_that_a_newer_release_made_is_refused_before_anything_is_changed(records: ClickHouse) -> None:
    await migrate(records)
    await records.command("INSERT INTO schema_migrations (name) VALUES ('9999_from_the_future')")
    with pytest.raises(SchemaTooNew, match=r"9999_from_the_future.*up to 0.*spool"):
        await migrate(records)


async def test_the_loaders_settings_are_settings_of_the_engine(records: ClickHouse) -> None:
    names = ", ".join(f"'{name}'" for name in INSERT_SETTINGS)
    found = await records.query(f"SELECT count() FROM system.settings WHERE name IN ({names})")
    assert found.rows[0][0] == len(INSERT_SETTINGS)


async def test_codecs_are_what_the_migrations_say(records: ClickHouse) -> None:
    found = await records.query(
        "SELECT name, compression_codec FROM system.columns WHERE database = currentDatabase() AND table = 'calls' AND compression_codec != ''"
    )
    codecs = dict(found.rows)
    assert {codecs[name] for name in ("request", "response", "variables", "params", "attempts")} == {"CODEC(ZSTD(3))"}
    assert codecs["ts"] == "CODEC(Delta(8), ZSTD(1))"


async def ages(records: ClickHouse, insert: Any) -> None:
    now = datetime.now(UTC)
    for days in (1, 10, 40):
        given = call(ts=timestamp(now - timedelta(days=days)), request='{"q": 1}', response='{"a": 1}', variables="{}")
        await insert(given, score(given, 1.0, received_at=timestamp(now - timedelta(days=days))))


async def test_bodies_and_rows_go_when_their_time_is_over_and_rollups_stay(records: ClickHouse, insert: Any) -> None:
    await ages(records, insert)
    assert await retention.apply(records, Retention()) == []
    ran = await retention.apply(records, Retention(bodies_days=7, rows_days=30))
    assert "ALTER TABLE calls MODIFY COLUMN `request` TTL toDateTime(ts) + toIntervalDay(7)" in ran
    assert await retention.apply(records, Retention(bodies_days=7, rows_days=30)) == [], "it stands already"
    for table in ("calls", "score_events", "call_keys"):
        await records.command(f"OPTIMIZE TABLE {table} FINAL")
    found = await records.query(
        "SELECT dateDiff('day', ts, now64(3)), request, response, variables FROM calls ORDER BY ts DESC"
    )
    assert [tuple(row) for row in found.rows] == [(1, '{"q": 1}', '{"a": 1}', "{}"), (10, "", "", "")]
    assert (await records.query("SELECT count() FROM score_events")).rows[0][0] == 2
    assert (await records.query("SELECT countIf(kind = 'call') FROM call_keys")).rows[0][0] == 2
    assert (await records.query("SELECT compression_codec FROM system.columns WHERE table = 'calls' AND name = 'request' AND database = currentDatabase()")).rows == [("CODEC(ZSTD(3))",)]  # fmt: skip
    floor = await retention.floor(records)
    assert floor is not None and datetime.now(UTC).date() - floor >= timedelta(days=28)
    await repair(records, floor=floor)
    assert (await records.query("SELECT sum(calls) FROM calls_hourly")).rows[0][0] == 3


async def test_retention_can_be_changed_and_taken_back(records: ClickHouse) -> None:
    await retention.apply(records, Retention(bodies_days=7, rows_days=30))
    ran = await retention.apply(records, Retention(bodies_days=90, rows_days=90))
    assert "ALTER TABLE calls MODIFY COLUMN `response` REMOVE TTL" in ran, (
        "rows go as early: nothing is left for the column"
    )
    assert "ALTER TABLE score_events MODIFY TTL toDateTime(received_at) + toIntervalDay(90)" in ran
    first = await retention.floor(records)
    ran = await retention.apply(records, Retention())
    assert "ALTER TABLE calls REMOVE TTL" in ran
    text = (await records.query("SHOW CREATE TABLE calls")).rows[0][0]
    assert "TTL" not in text
    assert await retention.floor(records) == first, "what was taken stays taken"


async def test_somebodys_own_ttl_is_left_alone(records: ClickHouse) -> None:
    await records.command(
        "ALTER TABLE calls MODIFY TTL toDateTime(ts) + INTERVAL 1 MONTH DELETE WHERE purpose = 'probe'"
    )
    ran = await retention.apply(records, Retention(rows_days=30))
    assert not any(statement.startswith("ALTER TABLE calls MODIFY TTL") for statement in ran)


async def test_a_cluster_gets_its_ttls_on_the_local_tables(records: ClickHouse) -> None:
    text = (await records.query("SHOW CREATE TABLE calls")).rows[0][0]
    [rows, *bodies] = retention.changes(Retention(rows_days=9, bodies_days=3), {"calls": text.replace("\n", " ")})
    assert for_cluster(rows, "c") == [
        "ALTER TABLE calls_local ON CLUSTER 'c' MODIFY TTL toDateTime(ts) + toIntervalDay(9)"
    ]
    assert [for_cluster(body, "c")[0].split("`")[1] for body in bodies] == ["variables", "request", "response"]
