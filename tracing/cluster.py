"""One schema for one machine and for a replicated, sharded cluster: what a migration's statement is on a cluster. Pure.

Migrations are written for one machine. On a cluster
1. a table NAME becomes `NAME_local`, of the Replicated form of its engine, on every host, behind a Distributed table NAME;
2. rows lie on the shard that a hash of the first column of the ordering key names, or of what a comment `-- shard by: EXPRESSION`
   above the CREATE says. The same row goes to the same shard on every try, so the deduplication token of an insert holds there;
3. materialized views read the local table and write to the local table of the same shard;
4. readers see the Distributed tables and views over them; subqueries over other tables say GLOBAL IN, which one machine takes as IN.

Where replicas meet: the macros {shard} and {replica} of each host, and a path with the table's own UUID. The formats are those of
https://clickhouse.com/docs/engines/table-engines/mergetree-family/replication and …/special/distributed.
"""

import re

_NAME = r"`?(?P<name>\w+)`?"
_CREATE = re.compile(rf"CREATE TABLE IF NOT EXISTS {_NAME}\s*(?=\(|AS )")
_ENGINE = re.compile(r"^ENGINE = (?P<family>\w*)MergeTree(?:\((?P<arguments>[^()]*)\))?", re.MULTILINE)
_ORDER = re.compile(r"ORDER BY (?:\(\s*)?`?(\w+)`?")
_SHARD = re.compile(r"^-- shard by: (.+)$", re.MULTILINE)
_ALTER = re.compile(rf"ALTER TABLE {_NAME} (?P<change>.+)", re.DOTALL)
_VIEW = re.compile(rf"CREATE OR REPLACE VIEW {_NAME} AS\s", re.DOTALL)
_FEED = re.compile(
    rf"CREATE MATERIALIZED VIEW IF NOT EXISTS {_NAME} TO `?(?P<target>\w+)`? AS\s(?P<select>.+)", re.DOTALL
)
_DROP = re.compile(rf"DROP (?P<what>TABLE|VIEW) IF EXISTS {_NAME}")
_INSERT = re.compile(r"INSERT INTO \w+\s")
_COLUMN_CHANGE = re.compile(r"(ADD|DROP|RENAME|MODIFY|COMMENT) COLUMN\b")
_STORED_ONLY = re.compile(r"MODIFY COLUMN .*\b(TTL|CODEC)\b", re.DOTALL)
_QUERY_CHANGE = re.compile(r"MODIFY QUERY\s+(?P<select>.+)", re.DOTALL)
_ORDER_CHANGE = re.compile(r",\s*MODIFY ORDER BY \(.*\)$", re.DOTALL)
_SECOND_CHANGE = re.compile(r",\s*(ADD|DROP|RENAME|MODIFY|MATERIALIZE)\s+(COLUMN|INDEX|PROJECTION|TTL|SETTING)\b")


class NotForClusters(ValueError):
    """A migration's statement whose form on a cluster isn't known. The message names the statement."""


def for_cluster(statement: str, cluster: str) -> list[str]:
    """The statements that do on a cluster what `statement` does on one machine.

    `cluster` is its name in the servers' `remote_servers`. Raises NotForClusters.
    """
    if not re.fullmatch(r"[\w-]+", cluster):
        raise ValueError(f"a cluster's name is letters, digits, _ and -, not {cluster!r}")
    on = f"ON CLUSTER '{cluster}'"
    sql = "\n".join(line for line in statement.splitlines() if not line.lstrip().startswith("--")).strip()
    if found := _CREATE.match(sql):
        return [*_table(found, sql, statement, on, cluster)]
    if found := _FEED.match(sql):
        return [_feed(found["name"], found["target"], found["select"], on)]
    if found := _VIEW.match(sql):
        return [f"CREATE OR REPLACE VIEW {found['name']} {on} AS\n{sql[found.end() :]}"]
    if found := _ALTER.match(sql):
        return _alter(found["name"], found["change"], on)
    if found := _DROP.fullmatch(sql):
        suffixes = ("",) if found["what"] == "VIEW" else ("", "_local")
        return [f"DROP {found['what']} IF EXISTS {found['name']}{suffix} {on} SYNC" for suffix in suffixes]
    if _INSERT.match(sql):
        return [sql]
    raise NotForClusters(f"this statement's form on a cluster isn't known: {sql[:100]!r}")


def _feed(name: str, target: str, select: str, on: str) -> str:
    return f"CREATE MATERIALIZED VIEW IF NOT EXISTS {name} {on} TO {target}_local AS\n{_over_local(name, select)}"


def _over_local(name: str, select: str) -> str:
    """A materialized view's SELECT over the local table of the one that it reads."""
    select, count = re.subn(r"\bFROM `?(\w+)`?(?=\s|\)|$)", r"FROM \1_local", select)
    if count != 1:
        raise NotForClusters(f"the materialized view {name} must read one table, and reads {count}")
    return select


def _alter(name: str, change: str, on: str) -> list[str]:
    """A change of columns reaches the Distributed table, too; one of how they are stored doesn't concern it."""
    if query := _QUERY_CHANGE.match(change):
        return [f"ALTER TABLE {name} {on} MODIFY QUERY\n{_over_local(name, query['select'])}"]
    if _SECOND_CHANGE.search(change):
        raise NotForClusters(f"one change for each ALTER TABLE, please: {name} has several in one")
    changes = [f"ALTER TABLE {name}_local {on} {change}"]
    if _COLUMN_CHANGE.match(change) and not _STORED_ONLY.match(change):
        changes.append(f"ALTER TABLE {name} {on} {_ORDER_CHANGE.sub('', change)}")  # a Distributed table has no order
    return changes


def _table(found: re.Match[str], sql: str, statement: str, on: str, cluster: str) -> tuple[str, str]:
    name = found["name"]
    order, shard = _ORDER.search(sql), _SHARD.search(statement)
    if not _ENGINE.search(sql) or not order:
        raise NotForClusters(f"the table {name} must have a line 'ENGINE = …MergeTree' and an ORDER BY")
    local = f"CREATE TABLE IF NOT EXISTS {name}_local {on}\n{sql[found.end() :]}"
    local = _ENGINE.sub(_replicated, local, count=1)
    local = local.replace("non_replicated_deduplication_window", "replicated_deduplication_window")
    by = shard[1].strip() if shard else order[1]
    engine = f"Distributed('{cluster}', currentDatabase(), '{name}_local', sipHash64({by}))"
    return local, f"CREATE TABLE IF NOT EXISTS {name} {on} AS {name}_local\nENGINE = {engine}"


def _replicated(engine: re.Match[str]) -> str:
    place = ["'/clickhouse/tables/{uuid}/{shard}'", "'{replica}'"]
    arguments = [*place, *([engine["arguments"]] if engine["arguments"] else [])]
    return f"ENGINE = Replicated{engine['family']}MergeTree({', '.join(arguments)})"
