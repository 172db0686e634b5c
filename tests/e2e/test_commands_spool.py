"""`slugline spool`: what waits, what was refused and why, and another try."""

import json
import time
from pathlib import Path

import pytest

from tests.plugins.command_line import CommandLine
from tests.plugins.server import run_server, simulator_settings
from tests.plugins.simulator import serve_simulator
from tracing.loading.losses import Losses
from tracing.loading.segments import SpoolFolders


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    (tmp_path / "data").mkdir(mode=0o700)
    return CommandLine({}, ("--data", str(tmp_path / "data")))


def refuse(folders: SpoolFolders, name: str) -> None:
    (folders.refused / f"{name}.jsonl").write_text('{"x": 1}\n{"y": 2}\n')
    (folders.refused / f"{name}.reason").write_text("line 3: no such column: x\nline 9: no such column: y\n")


def test_without_a_server(line: CommandLine, tmp_path: Path) -> None:
    assert "nothing" in line.run("spool", "show")
    assert "no server has run" in line.run("spool", "status")
    folders = SpoolFolders.at(tmp_path / "data" / "spool")
    refuse(folders, "calls.a")
    refuse(folders, "calls.b")
    (folders.ready / "calls.c.jsonl").write_text('{"x": 1}\n')
    (folders.ready / "mine.txt").write_text("mine")
    losses = Losses(folders, "worker 1")
    losses.note("the disk is full")
    losses.close()
    told = line.run("spool", "status")
    for part in ("1 segments, 9 bytes", "4 lines of 2 segments", "1 by worker 1", "the disk is full", "ready/mine.txt"):
        assert part in told
    found = json.loads(line.run("spool", "status", "--json"))
    assert found["refused"] == {"segments": 2, "lines": 4}
    assert found["bounds"] == {"max_bytes": 10 * 2**30, "min_free_bytes": 256 * 2**20}
    assert "line 9: no such column: y" in line.run("spool", "show", "calls.a.jsonl")
    [shown] = json.loads(line.run("spool", "show", "calls.b.jsonl", "--json"))
    assert (shown["lines"], len(shown["reasons"])) == (2, 2)
    for command in ("show", "retry"):
        done = line("spool", command, "calls.x.jsonl")
        assert (done.status, "no refused segment is named 'calls.x.jsonl'" in done.err) == (1, True)
    [retried] = json.loads(line.run("spool", "retry", "calls.a.jsonl", "--json"))
    assert (folders.ready / retried["is"]).read_text() == '{"x": 1}\n{"y": 2}\n'
    assert "calls.b.jsonl" in line.run("spool", "retry")
    assert list(folders.refused.iterdir()) == []
    assert "nothing was refused" in line.run("spool", "retry")


def test_beside_a_server(line: CommandLine, tmp_path: Path) -> None:
    with serve_simulator() as provider, run_server(tmp_path, simulator_settings(provider + "/v1"), workers=1) as server:
        folders = SpoolFolders.at(tmp_path / "data" / "spool")
        bad = b'{"call_id": "no uuid"}\n'
        (folders.ready / "calls.bad.jsonl").write_bytes(bad)
        server.save("spooled", "Be kind.")
        server.row(server.chat(model="prompt/spooled@latest", messages=[]).headers["x-slugline-call-id"])
        while not json.loads(line.run("spool", "show", "--json")):
            time.sleep(0.05)
        deadline = time.monotonic() + 60
        while "s from a record to its row" not in (told := line.run("spool", "status")):
            assert time.monotonic() < deadline, told
            time.sleep(0.1)
        for part in ("1 lines of 1 segments", "rows loaded", "lost      nothing"):
            assert part in told
        health = server.api.get("/health/ready").json()
        assert health["refused_segments"] == 1
        assert health["records"]["recording"] is True
        keeper = health["keeper"]
        assert sum(keeper["lag_buckets"]) >= 1
