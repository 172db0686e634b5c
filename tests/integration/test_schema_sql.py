"""`slugline sql` on the real engine, and that nobody else can ask it."""

import csv
import io
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.command_line import CommandLine, Done
from tests.plugins.server import Server
from tracing.clickhouse import ClickHouse, ClickHouseRefused
from tracing.engine.endpoint import Endpoint


@pytest.fixture(scope="module")
def ask(server: Server) -> Any:
    def run(*arguments: str, stdin: str = "") -> Done:
        return CommandLine(options=("--data", str(server.data)))("sql", *arguments, stdin=stdin)

    return run


def test_a_result_as_a_table_as_json_and_as_csv(ask: Any) -> None:
    statement = (
        "SELECT number AS n, if(n = 1, NULL, 'a\"b,\nc') AS text, toInt64(9007199254740993) AS big FROM numbers(3)"
    )
    table = ask(statement)
    assert (table.status, table.out.splitlines()[0].split()) == (0, ["n", "text", "big"]), table.err
    assert "–" in table.out
    rows = json.loads(ask(statement, "--json").out)
    assert rows[:2] == [
        {"n": 0, "text": 'a"b,\nc', "big": 9007199254740993},
        {"n": 1, "text": None, "big": 9007199254740993},
    ]
    lines = list(csv.reader(io.StringIO(ask("-", "--csv", stdin=statement).out)))
    assert lines == [
        ["n", "text", "big"],
        *[[str(n), "\\N" if n == 1 else 'a"b,\nc', "9007199254740993"] for n in range(3)],
    ]
    assert json.loads(ask("SELECT 1 WHERE 0", "--json").out) == []


def test_long_results_are_cut_in_tables_and_whole_elsewhere(ask: Any) -> None:
    many = "SELECT number FROM numbers(200000)"
    table = ask(many)
    assert len(table.out.splitlines()) == 1001
    assert "more than 1,000 rows" in table.err
    assert len(ask(many, "--rows", "7").out.splitlines()) == 8
    assert len(json.loads(ask(many, "--json").out)) == 200_000
    assert len(ask(many, "--csv").out.splitlines()) == 200_001
    assert len(ask(many, "--csv", "--rows", "5").out.splitlines()) == 6


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("INSERT INTO calls (call_id) VALUES (generateUUIDv4())",), "readonly"),
        (("DROP TABLE calls",), "readonly"),
        (("SELECT 1; DROP TABLE calls",), "Multi-statements"),
        (("SELECT 1 INTO OUTFILE '/tmp/x'",), "INTO OUTFILE"),
        (("SELECT sum(sipHash64(number)) FROM numbers(100000000000)", "--seconds", "0.5"), "TIMEOUT_EXCEEDED"),
        (("SELECT groupArray(toString(number)) FROM numbers(20000000)", "--memory", "16"), "MEMORY_LIMIT_EXCEEDED"),
        (("SELECT number, throwIf(number = 100000, 'stop here') FROM numbers(200000)", "--csv"), "stop here"),
        (("SELECT * FROM cals",), "UNKNOWN_TABLE"),
        (("SELECT 1", "--json", "--csv"), "leave one of them out"),
    ],
)
def test_limits_and_errors_are_one_sentence(ask: Any, arguments: tuple[str, ...], says: str) -> None:
    done = ask(*arguments)
    assert done.status == 1
    assert says in done.err
    assert "Traceback" not in done.err


async def test_a_stream_that_breaks_off_says_why_and_leaves_the_connection_usable(records: ClickHouse) -> None:
    statement = "SELECT number, throwIf(number = 150000, 'broke off') FROM numbers(200000)"
    pieces = []
    with pytest.raises(ClickHouseRefused, match="broke off"):
        async for piece in records.stream(statement, fmt="TSV"):
            pieces.append(piece)
    assert b"__exception__" not in b"".join(pieces)
    assert (await records.query("SELECT 1")).rows[0][0] == 1


def test_the_engines_password_is_the_owners_alone(server: Server) -> None:
    file = server.data / "engine.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.data.stat().st_mode) == 0o700
    endpoint = Endpoint.read(file)
    assert endpoint is not None and endpoint.url.startswith("http://127.0.0.1:")


def test_no_route_takes_sql(server: Server, tmp_path: Path) -> None:
    """Not by name; and what looks like SQL in any parameter of any GET reads no file of this machine."""
    document = server.api.get("/api/openapi.json").json()
    named = [
        (path, parameter["name"])
        for path, methods in document["paths"].items()
        for method in methods.values()
        for parameter in method.get("parameters", [])
    ]
    assert named
    assert not [where for where in named if where[1] in {"sql", "query", "statement", "where", "order_by"}]
    secret = tmp_path / "secret.txt"
    secret.write_text("a-secret-of-this-machine\n")
    attack = f"x') UNION ALL SELECT * FROM file('{secret}', LineAsString) --"
    for path, methods in document["paths"].items():
        for parameter in methods.get("get", {}).get("parameters", []):
            filled = path
            for other in methods["get"]["parameters"]:
                if other["in"] == "path":
                    filled = filled.replace("{" + other["name"] + "}", attack.replace("/", "%2F"))
            sent = {parameter["name"]: attack} if parameter["in"] == "query" else {}
            assert "a-secret-of-this-machine" not in server.api.get(filled, params=sent).text, path
