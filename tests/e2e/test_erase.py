"""Erasing a person: with the server running and without, what waits in the spool, what was refused, twice, and nobody else."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.plugins.server import Server, run_server, simulator_settings

ADA, BOB = "ada@planted.example", 'bob\'s \\ "id"'


def run(server_data: Path, *arguments: str, config: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "slugline", "erase", *arguments, "--json", "--data", str(server_data)]
    done = subprocess.run([*command, "--config", str(config)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def ask(server: Server, user: str, session: str = "", **headers: str) -> str:
    answer = server.chat(
        model="simulator-large",
        messages=[{"role": "user", "content": "Hi"}],
        headers={"x-slugline-user": user, "x-slugline-session": session, **headers},
    )
    return answer.headers["x-slugline-call-id"]


def users(server: Server) -> dict[str, int]:
    return {row["user"]: row["n"] for row in server.sql("SELECT user, count() AS n FROM calls GROUP BY user")}


def test_a_person_goes_with_scores_and_leftovers_and_nobody_else(tmp_path: Path, provider: str) -> None:
    config = tmp_path / "slugline.toml"
    settings = simulator_settings(provider + "/v1")
    with run_server(tmp_path, settings, workers=1) as server:
        calls = [ask(server, ADA, "one"), ask(server, ADA, "two", **{"x-slugline-external-id": "order-7"})]
        other = ask(server, BOB, "one")
        scores = [
            {"call_id": calls[0], "name": "good", "value": True, "comment": "Ada said so"},
            {"external_id": "order-7", "name": "good", "value": False},
            {"call_id": other, "name": "good", "value": True},
        ]
        assert server.api.post("/api/scores", json=scores).status_code == 201
        refused = server.data / "spool" / "refused" / "calls.00000000-0000-7000-8000-000000000000.jsonl"
        lines = [{"call_id": "x", "user": ADA, "session": ""}, {"call_id": "y", "user": BOB, "session": ""}]
        torn = [f'{{"user":{json.dumps(ADA)},'.encode(), f'{{"user":{json.dumps(BOB)},'.encode()]
        refused.write_bytes(b"\n".join([*(json.dumps(line).encode() for line in lines), *torn]) + b"\n")
        would = run(server.data, "--user", ADA, "--dry-run", config=config)
        assert would == {
            "erasure_id": None,
            "dry_run": True,
            "rows": {**would["rows"], "calls": 2, "score_events": 2},
            "refused_lines": 2,
        }
        assert users(server) == {ADA: 2, BOB: 1}
        one = run(server.data, "--user", ADA, "--session", "two", config=config)
        assert (one["rows"]["calls"], one["rows"]["score_events"], one["refused_lines"]) == (1, 1, 0)
        rest = run(server.data, "--user", ADA, "-m", "request 1", config=config)
        assert (rest["rows"]["calls"], rest["rows"]["score_events"], rest["refused_lines"]) == (1, 1, 2)
        again = run(server.data, "--user", ADA, config=config)
        assert (again["rows"]["calls"], again["rows"]["score_events"], again["refused_lines"]) == (0, 0, 0)
        assert users(server) == {BOB: 1}
        assert [row["target"] for row in server.sql("SELECT target FROM score_events")] == [other]
        noted = server.sql("SELECT * FROM erasures ORDER BY ts")
        assert [(row["selector"], row["calls"], row["scores"]) for row in noted] == [
            ("user and session", 1, 1), ("user", 1, 1), ("user", 0, 0)
        ]  # fmt: skip
        assert noted[1]["reason"] == "request 1"
        told = server.sql("SELECT command FROM system.mutations")
        assert told
        assert ADA not in json.dumps([noted, told, server.sql("SELECT * FROM erasing")], default=str)
        assert ADA.encode() not in refused.read_bytes()
        assert b"bob" in refused.read_bytes()
        late = ask(server, ADA)
        server.row(late)
    # Without a server: what was recorded last may still wait in the spool.
    waiting = server.data / "spool" / "ready" / "calls.00000000-0000-7000-8000-000000000001.jsonl"
    row = {"call_id": "00000000-0000-7000-8000-00000000000a", "ts": "2026-11-01T00:00:00Z", "outcome": "ok", "status": 200,
           "duration_ms": 1, "user": ADA, "record_mode": "full"}  # fmt: skip
    waiting.write_text(json.dumps(row) + "\n")
    assert run(server.data, "--user", ADA, config=config)["rows"]["calls"] == 2
    assert not waiting.exists()


def test_hashed_identities_are_found_and_nobody_is_refused(tmp_path: Path, provider: str) -> None:
    settings = simulator_settings(provider + "/v1") + '[record.redact]\nidentities = "hash"\nhash_key = "file:'
    key = tmp_path / "key"
    key.write_text("secret")
    with run_server(tmp_path, f'{settings}{key}"\n', workers=1) as server:
        server.row(ask(server, ADA, "s"))
        config = tmp_path / "slugline.toml"
        assert list(users(server)) != [ADA]
        assert run(server.data, "--user", ADA, "--session", "s", config=config)["rows"]["calls"] == 1
        assert users(server) == {}
        command = [sys.executable, "-m", "slugline", "erase", "--data", str(server.data)]
        nobody = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert nobody.returncode == 1
        assert "--user ID" in nobody.stderr
