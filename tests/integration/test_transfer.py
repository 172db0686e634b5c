"""Calls and scores out into files and in again, on the real engine, by the commands that people run."""

import contextlib
import csv
import gzip
import io
import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.plugins.command_line import CommandLine
from tests.plugins.engine import Databases, run_engine
from tracing.clickhouse import ClickHouse
from tracing.engine.endpoint import Endpoint
from tracing.event import CallEvent, encode, timestamp
from tracing.migrate import migrate

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
EARLY = datetime(2001, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def there(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CommandLine, Path]]:
    """The command line beside a running ClickHouse: its data folder says where one answers, as a server's does."""
    folder = tmp_path_factory.mktemp("transfer")
    with databases.one() as there:
        told = {name: getattr(there, name) for name in ("url", "user", "password", "database")}
        Endpoint(**told, pid=os.getpid(), version="").write(folder / "engine.json")
        yield CommandLine(options=("--data", str(folder))), folder


@pytest.fixture
def run(there: tuple[CommandLine, Path]) -> Iterator[CommandLine]:
    """The same with empty tables."""
    line, folder = there
    _sql(folder, "TRUNCATE TABLE IF EXISTS calls", "TRUNCATE TABLE IF EXISTS score_events")
    yield line


def _sql(folder: Path, *statements: str) -> list[Any]:
    import asyncio

    from slugline.locate import locate_clickhouse
    from slugline.settings import load_settings

    async def ask() -> list[Any]:
        async with ClickHouse(locate_clickhouse(load_settings({"data": folder}, None), {})) as clickhouse:
            await migrate(clickhouse)
            found: list[Any] = []
            for statement in statements:
                if statement.startswith("SELECT"):
                    found = list((await clickhouse.query(statement)).rows)
                else:
                    await clickhouse.command(statement)
            return found

    return asyncio.run(ask())


def lines(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """History of six years in any order, with the fewest names."""
    pick = random.Random(seed)
    return [
        {
            "call_id": str(uuid.UUID(int=pick.getrandbits(128), version=4)),
            "ts": (NOW - timedelta(days=400 * pick.randrange(6), minutes=pick.randrange(9000))).isoformat(),
            "prompt": pick.choice(["agent", "other"]),
            "version": pick.randrange(1, 9),
            "model": "m",
            "duration_ms": pick.random() * 1000,
            "cost": 0.25,
            "request": {"messages": [{"role": "user", "content": f"number {number}"}]},
            "response": "a plain text",
        }
        for number in range(count)
    ]


def written(path: Path, records: list[dict[str, Any]]) -> Path:
    text = "".join(json.dumps(record) + "\n" for record in records)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def test_history_comes_in_once_however_often(run: CommandLine, there: tuple[CommandLine, Path], tmp_path: Path) -> None:
    records = lines(2500)
    path = written(tmp_path / "history.jsonl.gz", [*records, records[0]])
    assert run.run("calls", "import", str(path)) == "2,500 calls loaded, 1 were there already\n"
    assert run.run("calls", "import", str(path)) == "0 calls loaded, 2,501 were there already\n"
    assert not list(tmp_path.glob("*.rejected.jsonl"))
    assert not list((there[1] / "imports").glob("*.jsonl"))
    found = _sql(
        there[1],
        "SELECT count(), uniqExact(call_id), countIf(origin = 'import'), uniqExact(toYYYYMM(ts)) > 5, sum(cost), "
        "countIf(model_served = 'm' AND status = 200 AND outcome = 'ok') FROM calls",
    )
    assert tuple(map(float, found[0])) == (2500, 2500, 2500, 1, 625, 2500)
    shown = json.loads(run.run("calls", "show", records[0]["call_id"]))
    assert (shown["request"], shown["response"]) == (records[0]["request"], "a plain text")


def test_what_goes_out_comes_in_again_and_goes_out_the_same(
    run: CommandLine, there: tuple[CommandLine, Path], tmp_path: Path
) -> None:
    run.run("calls", "import", str(written(tmp_path / "a.jsonl", lines(300))))
    run.run("calls", "export", "-o", str(tmp_path / "out.jsonl"))
    out = (tmp_path / "out.jsonl").read_bytes()
    assert out.count(b"\n") == 300
    assert run.run("calls", "export") == out.decode()
    run.run("calls", "export", "-o", str(tmp_path / "out.jsonl.gz"))
    assert gzip.decompress((tmp_path / "out.jsonl.gz").read_bytes()) == out
    run.run("calls", "export", "--format", "csv", "-o", str(tmp_path / "out.csv"))
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))
    assert json.loads(rows[0]["request"])["messages"][0]["role"] == "user"
    for name in ("out.jsonl", "out.jsonl.gz", "out.csv"):
        _sql(there[1], "TRUNCATE TABLE calls")
        assert run.run("calls", "import", str(tmp_path / name)) == "300 calls loaded\n"
        assert run.run("calls", "export") == out.decode(), name
    part = run.run("calls", "export", "--prompt", "agent", "--since", "2024-01-01T00:00Z")
    expected = [
        line for line in out.decode().splitlines() if '"prompt":"agent"' in line and json.loads(line)["ts"] >= "2024"
    ]
    assert part.splitlines() == expected


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
EVENTS = st.builds(
    CallEvent,
    call_id=st.uuids().map(str),
    ts=st.integers(0, 8 * 10**11).map(  # an export holds what began before it
        lambda ms: timestamp(EARLY + timedelta(milliseconds=ms))
    ),
    outcome=st.sampled_from(["ok", "refused", "provider_error", "timeout", "client_left"]),
    status=st.integers(0, 65535),
    prompt=TEXT,
    version=st.integers(0, 2**32 - 1),
    revision=st.integers(0, 2**64 - 1),
    user=TEXT,
    tags=st.dictionaries(TEXT, TEXT, max_size=3),
    overrides=st.lists(TEXT, max_size=3).map(tuple),
    stream=st.booleans(),
    trace_id=TEXT.map(str.lower),
    input_tokens=st.none() | st.integers(0, 2**32 - 1),
    cost=st.none() | st.decimals(0, 10**8, places=9).map(lambda cost: format(cost, "f")),
    duration_ms=st.floats(0, 1e12),
    first_chunk_ms=st.none() | st.floats(0, 1e6),
    request=TEXT,
    variables=TEXT,
    attempts=TEXT,
    params=TEXT,
    origin=st.sampled_from(["", "import", "langfuse"]),
)


@settings(  # a failure is shown as found: each example asks the engine, and shrinking would ask it for minutes
    max_examples=3,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(events=st.lists(EVENTS, min_size=1, max_size=30, unique_by=lambda event: event.call_id))
def test_any_call_survives_export_and_import(
    there: tuple[CommandLine, Path], tmp_path: Path, events: list[CallEvent]
) -> None:
    run, folder = there
    _sql(folder, "TRUNCATE TABLE IF EXISTS calls")
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"".join(map(encode, events)))
    assert json.loads(run.run("calls", "import", str(path), "--json"))["rejected"] == 0
    run.run("calls", "export", "-o", str(tmp_path / "first"))
    first = (tmp_path / "first").read_bytes()
    exported = {row["call_id"]: row for row in map(json.loads, first.splitlines())}
    assert exported.keys() == {event.call_id for event in events}, [e for e in events if e.call_id not in exported]
    for event in events:
        row = exported[event.call_id]
        for name in ("prompt", "version", "revision", "user", "tags", "stream", "request", "attempts", "duration_ms"):
            assert row[name] == getattr(event, name), name
        assert row["overrides"] == list(event.overrides)
        assert (row["cost"] and Decimal(row["cost"])) == (event.cost and Decimal(event.cost))  # 0.50 comes out as 0.5
    _sql(folder, "TRUNCATE TABLE calls")
    run.run("calls", "import", str(tmp_path / "first"))
    assert run("calls", "import", str(tmp_path / "first")).out.startswith("0 calls loaded")
    run.run("calls", "export", "-o", str(tmp_path / "second"))
    assert (tmp_path / "second").read_bytes() == first


def test_bad_lines_are_set_aside_with_number_and_reason(run: CommandLine, tmp_path: Path) -> None:
    good = lines(3)
    bad = {
        2: ("{not json", "no JSON"),
        3: ('{"ts": "yesterday"}', "ts is no time"),
        5: (json.dumps({**good[0], "promt": "x"}), "'promt' is no column of calls; did you mean 'prompt'?"),
        6: (json.dumps({**good[0], "version": -1}), "version is no whole number from 0 to 4294967295: -1"),
        7: (json.dumps({**good[0], "cost": "much"}), "cost is no amount in US dollars: 'much'"),
        8: (json.dumps({**good[0], "outcome": "fine"}), "outcome is one of ok, refused"),
        9: ("[1]", "no object"),
        10: (json.dumps({"prompt": "x"}), "ts is missing"),
        11: (json.dumps({**good[0], "ts": "1887-01-01"}), "outside the years 2000 to 2099"),
        12: (json.dumps({**good[0], "usage_source": "guess"}), "usage_source"),
        13: (json.dumps({**good[0], "status": 70_000}), "status is no whole number from 0 to 65535"),
        14: (json.dumps({**good[0], "duration_ms": "NaN"}), "duration_ms is no number"),
    }
    rows = iter(good)
    text = "\n".join(
        bad[number][0] if number in bad else json.dumps(next(rows)) for number in (1, 2, 3, 4, *range(5, 16))
    )
    path = tmp_path / "mixed.jsonl"
    path.write_text(text)  # without a newline at its end
    done = run("calls", "import", str(path))
    assert (done.status, done.out) == (0, "3 calls loaded\n")
    aside = tmp_path / "mixed.jsonl.rejected.jsonl"
    assert f"12 could not be taken: see {aside}" in done.err
    assert aside.stat().st_mode & 0o077 == 0
    kept = {row["line"]: row for row in map(json.loads, aside.read_text().splitlines())}
    assert {number: (row["record"], bad[number][1] in row["reason"]) for number, row in kept.items()} == {
        number: (record, True) for number, (record, _) in bad.items()
    }, {number: row["reason"] for number, row in kept.items()}
    path.write_text(json.dumps(good[0]))
    run.run("calls", "import", str(path))
    assert not aside.exists()
    path.write_text("{}\n")
    assert run("calls", "import", str(path)).status == 1


def test_a_file_that_breaks_off_is_taken_up_to_there(run: CommandLine, tmp_path: Path) -> None:
    whole = written(tmp_path / "a.jsonl.gz", lines(4000)).read_bytes()
    (tmp_path / "torn.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    done = run("calls", "import", str(tmp_path / "torn.jsonl.gz"))
    assert (done.status, "can't be unpacked behind line" in done.err) == (1, True), done.err
    told = json.loads(run.run("calls", "import", str(tmp_path / "a.jsonl.gz"), "--json"))
    assert told["loaded"] + told["known"] == 4000
    assert told["known"] > 500
    done = run("calls", "import", str(tmp_path / "missing.jsonl"))
    assert (done.status, "No such file" in done.err) == (1, True)


def test_ids_that_are_no_uuids_or_absent(run: CommandLine, tmp_path: Path) -> None:
    base = {"ts": "2025-01-01T00:00:00Z", "prompt": "ids"}
    path = written(tmp_path / "a.jsonl", [{**base, "call_id": "mine-1"}, base, base, {**base, "user": "x"}])
    scores = written(
        tmp_path / "s.jsonl",
        [
            {"call_id": "mine-1", "ts": "2025-01-02", "name": "helpful", "value": True},
            {"external_id": "mine-1", "ts": "2025-01-02", "name": "tone", "value": "kind"},
        ],
    )
    assert run.run("calls", "import", str(path)) == "3 calls loaded, 1 were there already\n"
    assert run.run("calls", "import", str(path)).startswith("0 calls loaded")
    assert run.run("scores", "import", "-", stdin=scores.read_text()) == "2 scores loaded\n"
    [call] = json.loads(run.run("calls", "--external-id", "mine-1", "--json"))
    shown = json.loads(run.run("calls", "show", call["call_id"]))
    assert [(score["name"], score["value"], score["label"]) for score in shown["scores"]] == [
        ("helpful", 1, ""),
        ("tone", None, "kind"),
    ]


def test_scores_out_and_in_and_corrected(run: CommandLine, there: tuple[CommandLine, Path], tmp_path: Path) -> None:
    calls = lines(200)
    run.run("calls", "import", str(written(tmp_path / "calls.jsonl", calls)))
    scores = [
        {
            "id": f"s{n}",
            "call_id": call["call_id"],
            "ts": call["ts"],
            "name": "helpful",
            "value": n % 2 == 0,
            "source": "human",
        }
        for n, call in enumerate(calls)
    ]
    path = written(tmp_path / "scores.jsonl", scores)
    assert run.run("scores", "import", str(path)) == "200 scores loaded\n"
    assert run.run("scores", "import", str(path)).startswith("0 scores loaded")
    assert _sql(there[1], "SELECT countIf(prompt != ''), avg(value) FROM scores") == [(200, 0.5)]
    out = run.run("scores", "export")
    (tmp_path / "out.jsonl").write_text(out)
    _sql(there[1], "TRUNCATE TABLE score_events")
    assert run.run("scores", "import", str(tmp_path / "out.jsonl")) == "200 scores loaded\n"
    assert run.run("scores", "export") == out
    row = json.loads(out.splitlines()[0])
    row |= {"value": 0.0 if row["value"] else 1.0, "received_at": "2027-01-01T00:00:00Z"}
    assert run.run("scores", "import", "-", stdin=json.dumps(row)) == "1 scores loaded\n"
    assert len(run.run("scores", "export").splitlines()) == 200
    bad = [
        {"name": "x", "value": 1, "ts": "2025-01-01"},
        {"call_id": "a", "trace_id": "b", "ts": "2025-01-01", "name": "x", "value": 1},
    ]
    done = run("scores", "import", str(written(tmp_path / "bad.jsonl", bad)))
    assert done.status == 1
    assert (tmp_path / "bad.jsonl.rejected.jsonl").read_text().count(
        "exactly one of call_id, trace_id and external_id"
    ) == 2
    picked = run.run("scores", "export", "--name", "nothing")
    assert picked == ""


def test_history_keeps_what_live_calls_would_keep(
    run: CommandLine, there: tuple[CommandLine, Path], tmp_path: Path
) -> None:
    config = tmp_path / "slugline.toml"
    config.write_text(
        '[record]\nsample = 0.0001\n[record.redact]\nkinds = ["secrets", "email"]\n'
        '[record.prompts."quiet-*"]\nmode = "metadata"\n[record.prompts.silent]\nmode = "none"\n'
    )
    told = {"ts": "2025-01-01", "request": "write to ada@example.org", "response": '{"text": "bob@example.org"}'}
    records = [
        {**told, "call_id": str(uuid.UUID(int=1)), "prompt": "agent", "redactions": 3, "user": "ada@example.org"},
        {**told, "call_id": str(uuid.UUID(int=2)), "prompt": "quiet-agent", "params": "no JSON: ada@example.org"},
        {**told, "call_id": str(uuid.UUID(int=3)), "prompt": "silent"},
    ]
    path = written(tmp_path / "history.jsonl", records)
    said = run.run("calls", "import", str(path), "--config", str(config))
    assert said.splitlines() == [
        "2 calls loaded, 1 left out, as record.mode is none for them",
        "1 were kept without their bodies, as record.mode is metadata for them",
        "2 values were redacted, as in live calls ([record.redact])",
    ]
    assert _sql(there[1], "SELECT prompt, request, response, params, user, redactions FROM calls ORDER BY call_id") == [
        ("agent", "write to [redacted:email]", '{"text":"[redacted:email]"}', "", "ada@example.org", 5),
        ("quiet-agent", "", "", "", "", 0),
    ]
    score = {
        "id": "s",
        "call_id": str(uuid.UUID(int=1)),
        "ts": "2025-01-01",
        "name": "n",
        "value": 1,
        "comment": "b@c.de",
    }
    scores = written(tmp_path / "scores.jsonl", [score])
    counted = json.loads(run.run("scores", "import", str(scores), "--json", "--config", str(config)))
    assert (counted["loaded"], counted["redacted_values"]) == (1, 1)
    again = json.loads(run.run("calls", "import", str(path), "--json", "--as-is", "--config", str(config)))
    assert (again["loaded"], again["known"], again["left_out"], again["redacted_values"]) == (1, 2, 0, 0)
    assert _sql(there[1], "SELECT request FROM calls WHERE prompt = 'silent'") == [("write to ada@example.org",)]
    odd = run(
        "calls",
        "import",
        "-",
        "--rejected",
        str(tmp_path / "odd"),
        stdin='{"ts": "2025-01-01", "record_mode": "all"}\n',
    )
    assert odd.status == 1
    assert "record_mode is one of none, metadata, full" in (tmp_path / "odd").read_text()


def test_only_an_admin_imports_values_as_they_are(
    run: CommandLine, there: tuple[CommandLine, Path], tmp_path: Path
) -> None:
    path = written(tmp_path / "history.jsonl", lines(1))
    for role, status in (("viewer", 1), ("admin", 0)):
        key = json.loads(run.run("key", "create", f"as-is-{role}", "--role", role, "--json"))["key"]
        line = CommandLine({"SLUGLINE_KEY": key}, there[0].options)
        done = line("calls", "import", str(path), "--as-is")
        assert (done.status, "takes the role admin" in done.err) == (status, status == 1), done.told


def test_an_import_waits_for_nobody_else(run: CommandLine, there: tuple[CommandLine, Path], tmp_path: Path) -> None:
    import fcntl

    with (there[1] / "imports" / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = run("calls", "import", str(written(tmp_path / "a.jsonl", lines(1))))
    assert (done.status, "an import or an erasure works" in done.err) == (1, True)


def test_what_a_killed_import_left_is_sent_by_the_next_once(
    run: CommandLine, there: tuple[CommandLine, Path], tmp_path: Path
) -> None:
    """A segment that is there may be in ClickHouse or not: the import was killed before, or after, it was taken."""
    written(tmp_path / "first.jsonl", lines(30))
    run.run("calls", "import", str(tmp_path / "first.jsonl"))
    exported = run.run("calls", "export")
    _sql(there[1], "TRUNCATE TABLE calls")
    left = there[1] / "imports" / f"calls.{uuid.uuid4()}.jsonl"
    other = written(tmp_path / "other.jsonl", lines(5, seed=9))
    for _ in range(3):
        left.write_text(exported)
        run.run("calls", "import", str(other))
        assert not left.exists()
        assert _sql(there[1], "SELECT count() FROM calls") == [(35,)]


def test_what_the_guide_shows_works(
    run: CommandLine, there: tuple[CommandLine, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "calls.md").read_text()
    monkeypatch.chdir(tmp_path)
    [line] = re.findall(r"```json\n(.*?)```", guide, re.DOTALL)
    assert run.run("calls", "import", "-", stdin=line) == "1 calls loaded\n"
    shown = [each.partition("#")[0] for each in guide.splitlines() if re.match(r"slugline (calls|scores) ?", each)]
    commands = [shlex.split(each)[1:] for each in shown if " import " not in each and " show " not in each]
    assert len(commands) >= 6
    for command in commands:
        run.run(*command)
    assert (tmp_path / "october.jsonl.gz").exists()
    assert "gpt-4o" in run.run("calls", "show", json.loads(line)["call_id"])


@pytest.mark.parametrize("victim", ["import", "engine"])
def test_killed_in_the_middle_and_run_again_it_is_whole(tmp_path: Path, victim: str) -> None:
    """kill -9 of the import, or of the engine under it: afterwards all rows are there once, in a materialized view too."""
    data = tmp_path / "data"
    records = lines(3_000, seed=3)
    path = written(tmp_path / "a.jsonl", records)
    code = (
        "import sys; from tracing.transfer import blocks; blocks.Blocks.__init__.__kwdefaults__['rows'] = 200; "
        "blocks.Blocks.__init__.__kwdefaults__['waiting'] = 500_000; "
        f"sys.argv = ['slugline', 'calls', 'import', {str(path)!r}, '--data', {str(data)!r}]; import slugline.cli; slugline.cli.main()"
    )
    (tmp_path / "engine").mkdir()
    data.mkdir()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_engine_at(tmp_path / "engine", data))
        _sql(
            data,
            "CREATE TABLE by_version (version UInt32, n UInt64) ENGINE = SummingMergeTree ORDER BY version "
            "SETTINGS non_replicated_deduplication_window = 10000",
            "CREATE MATERIALIZED VIEW by_version_fill TO by_version AS SELECT version, count() AS n FROM calls GROUP BY version",
        )
        for attempt in range(1 if victim == "engine" else 2):
            process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
            loaded = _sql(data, "SELECT count() FROM calls")[0][0]
            deadline = time.monotonic() + 60
            while process.poll() is None and time.monotonic() < deadline:
                if _sql(data, "SELECT count() FROM calls")[0][0] > loaded + 400 * (attempt + 1):
                    break
                time.sleep(0.02)
            if victim == "import":
                process.kill()
                process.wait()
            elif attempt == 0:
                stack.close()
                stack.enter_context(_engine_at(tmp_path / "engine", data))
                process.wait(120)
            if process.stdout is not None:
                process.stdout.close()
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        assert "calls loaded" in done.stdout
        assert _sql(data, "SELECT count(), uniqExact(call_id) FROM calls") == [(3_000, 3_000)]
        assert _sql(data, "SELECT sum(n) FROM by_version")[0][0] == 3_000
        assert not list((data / "imports").glob("*.jsonl"))


@contextlib.contextmanager
def _engine_at(folder: Path, data: Path) -> Iterator[None]:
    """An engine whose endpoint is where a data folder's is; killed at the end."""
    with run_engine(folder) as _:
        shutil.copy(folder / "endpoint.json", data / "engine.json")
        yield
        os.kill(json.loads((folder / "endpoint.json").read_text())["pid"], signal.SIGKILL)
    (folder / "endpoint.json").unlink(missing_ok=True)


def test_without_a_server_the_commands_run_an_engine_of_their_own(tmp_path: Path) -> None:
    run = CommandLine(options=("--data", str(tmp_path / "alone")))
    path = written(tmp_path / "a.jsonl", lines(20))
    assert run.run("calls", "import", str(path)) == "20 calls loaded\n"
    assert len(json.loads(run.run("calls", "--json", "--limit", "50"))) == 20
    assert len(run.run("calls", "export").splitlines()) == 20
