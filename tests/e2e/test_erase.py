"""Erasing a person: with the server running and without, what waits in the spool, what was refused, twice, and nobody else."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.plugins.collector import attributes, free_port, http_collector
from tests.plugins.command_line import CommandLine
from tests.plugins.judge import RUBRIC, serve_judge
from tests.plugins.server import Server, run_server, simulator_settings

ADA, BOB = "ada@planted.example", 'bob\'s \\ "id"'


def run(server_data: Path, *arguments: str, config: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "slugline", "erase", *arguments, "--json", "--data", str(server_data)]
    done = subprocess.run([*command, "--config", str(config)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def ask(server: Server, user: str, session: str = "", text: str = "Hi", **headers: str) -> str:
    named = {"x-slugline-user": user, "x-slugline-session": session}
    answer = server.chat(
        model="simulator-large",
        messages=[{"role": "user", "content": text}],
        headers={**{name: value for name, value in named.items() if value}, **headers},
    )
    return answer.headers["x-slugline-call-id"]


def told_by(span_id: str, trace: str, parent: str, **named: str) -> dict[str, Any]:
    """A span as an app sends it."""
    given = {name.replace("__", "."): {"stringValue": value} for name, value in named.items()}
    return {
        "traceId": trace,
        "spanId": span_id,
        "parentSpanId": parent,
        "name": "step",
        "startTimeUnixNano": str(time.time_ns()),
        "endTimeUnixNano": str(time.time_ns()),
        "attributes": [{"key": name, "value": value} for name, value in given.items()],
    }


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
            "lines": {
                "spool/refused": 2,
                "spool/export": 0,
                "scoring/calls": 0,
                "scoring/judge": 0,
                "imports": 0,
                "evaluations": 0,
            },
            "registry": {"cases": 0, "results": 0},
            "rollups": "unchanged",
        }
        assert users(server) == {ADA: 2, BOB: 1}
        one = run(server.data, "--user", ADA, "--session", "two", config=config)
        assert (one["rows"]["calls"], one["rows"]["score_events"], one["lines"]["spool/refused"]) == (1, 1, 0)
        rest = run(server.data, "--user", ADA, "-m", "request 1", config=config)
        assert (rest["rows"]["calls"], rest["rows"]["score_events"], rest["lines"]["spool/refused"]) == (1, 1, 2)
        again = run(server.data, "--user", ADA, config=config)
        assert (again["rows"]["calls"], again["rows"]["score_events"], again["lines"]["spool/refused"]) == (0, 0, 0)
        assert users(server) == {BOB: 1}
        assert (rest["rollups"], again["rollups"]) == ("derived anew", "unchanged")
        assert server.sql("SELECT sum(calls) AS calls, sum(scored_calls) AS scored FROM quality_by_version") == [
            {"calls": 1, "scored": 1}
        ]
        assert server.sql("SELECT count() AS n FROM call_keys WHERE kind = 'call'") == [{"n": 1}]
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


def test_what_waits_for_a_collector_and_a_judge_forgets_a_person(tmp_path: Path, provider: str) -> None:
    port = free_port()
    with serve_judge() as judge:
        judge.status = 503
        settings = simulator_settings(provider + "/v1")
        settings += f'[providers.judge]\nkind = "openai"\nbase_url = "{judge.url}"\nmodels = ["judge-*"]\n'
        settings += f'[telemetry]\nendpoint = "http://127.0.0.1:{port}"\nsignals = ["traces", "logs"]\n'
        settings += '[scorers.kindness]\nkind = "judge"\noptions = { rubric = "judge-kind" }\n'
        with run_server(tmp_path, settings, workers=1) as server:
            server.save("judge-kind", RUBRIC, model="judge-1")
            server.promote("judge-kind", 1)
            gone = [ask(server, ADA, text="Ada lives in Elm Street") for _ in range(3)]
            kept = [ask(server, BOB, text="Bob lives in Oak Street") for _ in range(2)]
            scores = [{"call_id": one, "name": "good", "value": True} for one in (*gone, *kept)]
            assert server.api.post("/api/scores", json=scores).status_code == 201
            # The judge has been asked in vain: its call quotes the other, and the exporter holds a batch that nobody takes.
            server.until(
                "SELECT tags['judged-call'] AS about FROM calls WHERE purpose = 'judge'",
                lambda rows: {row["about"] for row in rows} >= {gone[0]},
            )
            done = run(server.data, "--user", ADA, config=tmp_path / "slugline.toml")
            assert done["rows"]["calls"] >= 4
            assert done["lines"]["spool/export"] >= 7
            assert done["lines"]["scoring/judge"] == 3
            left = [path for folder in ("spool", "scoring") for path in (server.data / folder).rglob("*.jsonl")]
            assert not [path for path in left if b"Elm Street" in path.read_bytes()]
            assert any(b"Oak Street" in path.read_bytes() for path in left)
            assert server.sql("SELECT count() AS n FROM calls WHERE position(request, 'Elm Street') > 0") == [{"n": 0}]
            judge.asked.clear()
            judge.status = 200
            with http_collector(port=port) as collector:
                verdicts = server.until(
                    "SELECT toString(call_id) AS call FROM scores WHERE name = 'kindness'", lambda rows: len(rows) == 2
                )
                assert {row["call"] for row in verdicts} == set(kept)
                collector.until(lambda: {row["slugline.call.id"] for row in spans(collector)} >= set(kept))
                collector.until(lambda: sum(_name(each) == "good" for each in collector.logs) >= len(kept))
                assert not {row["slugline.call.id"] for row in spans(collector)} & set(gone)
                assert sum(_name(each) == "good" for each in collector.logs) == len(kept)
            assert "Elm Street" not in json.dumps(judge.asked)
            assert server.sql("SELECT DISTINCT target FROM score_events WHERE name = 'good' ORDER BY target") == [
                {"target": each} for each in sorted(kept)
            ]
            status = server.api.get("/health/ready").json()["keeper"]
            assert (status["export"]["unreadable"], status["scoring"]["unreadable"]) == (0, 0)


def spans(collector: Any) -> list[dict[str, Any]]:
    return [attributes(span.attributes) for span in collector.spans]


def _name(record: Any) -> Any:
    return attributes(record.attributes)["gen_ai.evaluation.name"]


def test_spans_that_name_a_person_go_and_those_that_name_another_stay(tmp_path: Path, provider: str) -> None:
    with run_server(tmp_path, simulator_settings(provider + "/v1"), workers=1) as server:
        mine, shared, session, others = (f"{number:032x}" for number in range(1, 5))
        server.row(ask(server, ADA, "adas-own"))
        server.row(ask(server, BOB, "of-both"))
        server.row(ask(server, ADA, "of-both"))
        unnamed = ask(server, "", traceparent=f"00-{mine}-{1:016x}-01")
        sent = [
            told_by(f"{1:016x}", mine, "", user__id=ADA),
            told_by(f"{2:016x}", mine, f"{1:016x}"),
            told_by(f"{3:016x}", shared, "", langfuse__user__id=ADA),
            told_by(f"{4:016x}", shared, "", enduser__id=BOB),
            told_by(f"{5:016x}", session, "", session__id="adas-own"),
            told_by(f"{6:016x}", others, "", session__id="of-both"),
            told_by(f"{7:016x}", others, "", user__id=BOB, session__id="adas-own"),
        ]
        body = {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": sent}]}]}
        assert server.api.post("/v1/traces", json=body).status_code == 200
        score = {"trace_id": session, "name": "good", "value": True}
        assert server.api.post("/api/scores", json=score).status_code == 201
        server.row(unnamed)
        done = run(server.data, "--user", ADA, config=tmp_path / "slugline.toml")
        assert (done["rows"]["calls"], done["rows"]["spans"], done["rows"]["score_events"]) == (3, 4, 1)
        left = server.sql("SELECT DISTINCT span_id FROM spans ORDER BY span_id")
        assert [int(row["span_id"], 16) for row in left] == [4, 6, 7]
        assert users(server) == {BOB: 1}


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
        assert server.sql("SELECT sum(calls) AS n FROM calls_hourly") == [{"n": 0}]
        command = [sys.executable, "-m", "slugline", "erase", "--data", str(server.data)]
        nobody = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert nobody.returncode == 1
        assert "--user ID" in nobody.stderr


def test_cases_that_came_from_a_person_go_with_what_was_answered_to_them(tmp_path: Path, provider: str) -> None:
    config = tmp_path / "slugline.toml"
    with run_server(tmp_path, simulator_settings(provider + "/v1"), workers=1) as server:
        line = CommandLine(environment={"SLUGLINE_URL": server.url})
        server.save("agent", "Be kind.")
        first = {"messages": [{"role": "user", "content": "Hi"}], "checks": [{"type": "is-complete"}]}
        assert server.api.post("/api/datasets", json={"name": "golden", "cases": [first]}).status_code == 201
        calls = [ask(server, ADA, text="Ada lives in Elm Street"), ask(server, BOB, text="Bob lives in Oak Street")]
        for each in calls:
            server.row(each)
            line.run("dataset", "add", "golden", "--call", each, "--note", "a complaint", "--check", "is-complete:")
        line.run("eval", "agent@1", "--dataset", "golden")
        asked = "SELECT count() AS n FROM calls WHERE purpose = 'evaluation'"
        server.until(asked, lambda rows: rows[0]["n"] == 3)
        would = run(server.data, "--user", ADA, "--dry-run", config=config)
        assert (would["registry"], would["lines"]["evaluations"]) == ({"cases": 1, "results": 1}, 1)
        done = run(server.data, "--user", ADA, config=config)
        assert (done["registry"], done["lines"]["evaluations"], done["rows"]["calls"]) == (would["registry"], 1, 2)
        assert server.sql(asked) == [{"n": 2}]
        shown = line.run("dataset", "show", "golden", "--format", "yaml")
        assert ("Elm Street" in shown, "Oak Street" in shown) == (False, True)
        assert line("audit", "verify").status == 0
        files = [path for path in server.data.rglob("*") if path.is_file() and "clickhouse" not in path.parts]
        assert [path for path in files if b"Elm Street" in path.read_bytes()] == []
        assert [path for path in files if b"Oak Street" in path.read_bytes()] != []
