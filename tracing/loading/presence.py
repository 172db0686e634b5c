"""What of a shipment is in the table already, asked by the ids of its rows and not by tokens.

MergeTree notes a token before it commits the part: a server that is killed in between drops every later try with that token. Where that
may have happened, the rows themselves are counted. It knows by which columns a table's rows are told apart; it refuses to send anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from tracing.clickhouse import ClickHouse

LOOK_SETTINGS = {"max_execution_time": 60, "max_query_size": 64 * 1024 * 1024}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The columns that tell a table's rows apart. `time` narrows the search; a later `version` of a row has replaced the earlier ones."""

    columns: tuple[str, ...]
    time: str = ""
    version: str = ""


IDENTITIES: Mapping[str, Identity] = {
    "calls": Identity(columns=("call_id",), time="ts"),
    "score_events": Identity(columns=("score_id",), version="received_at"),
    "spans": Identity(columns=("trace_id", "span_id")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """How a table keeps its rows. `atomic`: token and part are committed as one (Replicated tables), so that tokens can be relied on."""

    atomic: bool
    has_views: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """`missing`: lines of a shipment that are not in the table; `doubled`: ids that are there more than once."""

    missing: tuple[bytes, ...]
    here: int
    doubled: tuple[str, ...]


async def table_as_it_is(clickhouse: ClickHouse, table: str) -> Table:
    """Asks how ClickHouse keeps a table. Raises ClickHouseUnavailable or ClickHouseRefused."""
    found = await clickhouse.query(
        "SELECT engine, notEmpty(dependencies_table) FROM system.tables"
        " WHERE database = currentDatabase() AND name = {table:String}",
        {"table": table},
    )
    engine, has_views = found.rows[0] if found.rows else ("MergeTree", 0)
    plain = engine.endswith("MergeTree") and not engine.startswith(("Replicated", "Shared"))
    return Table(atomic=not plain, has_views=bool(has_views))


async def still_running(clickhouse: ClickHouse, token: str) -> bool:
    """Whether an insert with this token is being carried out, although nobody waits for its answer any more."""
    found = await clickhouse.query(
        "SELECT count() FROM system.processes"
        " WHERE query ILIKE 'insert%' AND Settings['insert_deduplication_token'] = {token:String}",
        {"token": token},
    )
    return int(found.rows[0][0]) > 0


async def presence(clickhouse: ClickHouse, table: str, lines: bytes) -> Presence:
    """What of these JSON lines is in the table. Lines that can't be read count as missing.

    Raises ClickHouseUnavailable, ClickHouseRefused, or KeyError for a table whose rows nothing tells apart.
    """
    identity = IDENTITIES[table]
    rows = [(line + b"\n", _fields(line)) for line in lines.split(b"\n") if line]
    keyed = [(line, _key(fields, identity), _moment(fields.get(identity.version))) for line, fields in rows]
    ids = sorted({key for _, key, _ in keyed if key})
    if not ids:
        return Presence(missing=tuple(line for line, _, _ in keyed), here=0, doubled=())
    times = [_moment(fields.get(identity.time)) for _, fields in rows] if identity.time else []
    found = (await clickhouse.query(_statement(table, identity, ids, times), None, **LOOK_SETTINGS)).rows
    versions = {str(key): str(version) for key, _, version in found}
    missing = [line for line, key, version in keyed if key not in versions or versions[key] < version]
    doubled = [] if identity.version else [str(key) for key, count, _ in found if count > 1]
    return Presence(missing=tuple(missing), here=len(keyed) - len(missing), doubled=tuple(doubled))


def _statement(table: str, identity: Identity, ids: Sequence[str], times: Sequence[str]) -> str:
    # The ids stand in the text, not among the parameters: thousands of them would make a URL that proxies refuse.
    key = "concat(" + ", '/', ".join(f"toString({column})" for column in identity.columns) + ", '')"
    where = f"{key} IN ({', '.join(map(_quoted, ids))})"
    if times and all(times):
        low, high = _quoted(min(times)[:23]), _quoted(max(times))
        where = f"{identity.time} BETWEEN toDateTime64({low}, 3, 'UTC') AND toDateTime64({high}, 3, 'UTC') AND {where}"
    version = f"max(toString(toDateTime64({identity.version}, 6, 'UTC')))" if identity.version else "''"
    return f"SELECT {key} AS id, count() AS n, {version} AS version FROM {table} WHERE {where} GROUP BY id"  # noqa: S608 - quoted above


def _fields(line: bytes) -> Mapping[str, object]:
    try:
        fields = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _key(fields: Mapping[str, object], identity: Identity) -> str:
    parts = [str(fields.get(column, "")) for column in identity.columns]
    if identity.columns == ("call_id",):
        parts = [part.lower() for part in parts]  # a UUID, whose text ClickHouse gives in lower case
    return "/".join(parts) if all(parts) else ""


def _moment(value: object) -> str:
    """A time as ClickHouse prints it to the microsecond; empty for one in another form than the spool writes."""
    if not isinstance(value, str) or len(value) != len("2026-11-22T00:00:00.123456Z") or not value.endswith("Z"):
        return ""
    return value.replace("T", " ")[:-1]


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
