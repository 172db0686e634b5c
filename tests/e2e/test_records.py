"""Calls of a running server: found, shown, followed and exported, over HTTP and on the command line, by those who may see them."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.plugins.command_line import CommandLine
from tests.plugins.server import Server, run_server, simulator_settings
from tests.plugins.site import Site

PATIENCE = 60


def chat(server: Server, slug: str, text: str, **headers: str) -> str:
    answer = server.chat(
        model=f"prompt/{slug}",
        messages=[{"role": "user", "content": text}],
        headers={f"x-slugline-{k}": v for k, v in headers.items()},
    )
    assert answer.status_code == 200, answer.text
    return answer.headers["x-slugline-call-id"]


def test_calls_over_http_and_on_the_command_line(server: Server) -> None:
    server.save("records", "Answer.")
    server.promote("records", 1)
    ids = [chat(server, "records", f"question {number}", user="ann" if number else "bob") for number in range(5)]
    server.row(ids[-1])
    server.until("SELECT count() AS n FROM calls WHERE prompt = 'records'", lambda rows: rows[0]["n"] == 5)
    first = server.api.get("/api/calls", params={"prompt": "records", "limit": 3}).json()
    second = server.api.get(
        "/api/calls", params={"prompt": "records", "limit": 3, "cursor": first["next_cursor"]}
    ).json()
    assert [call["call_id"] for call in first["calls"] + second["calls"]] == ids[::-1]
    assert second["next_cursor"] == ""
    found = server.api.get("/api/calls", params={"prompt": "records", "text": "QUESTION 3"}).json()["calls"]
    assert [call["call_id"] for call in found] == [ids[3]]
    whole = server.api.get(f"/api/calls/{ids[3]}").json()
    assert whole["request"]["messages"][-1]["content"] == "question 3"
    trace = server.api.get(f"/api/traces/{whole['trace_id']}").json()
    assert [node["call"]["call_id"] for node in trace["nodes"] if node["call"]] == [ids[3]]
    assert whole["trace_id"] in {
        each["trace_id"] for each in server.api.get("/api/traces", params={"prompt": "records"}).json()["traces"]
    }
    for path, status, code in [
        ("/api/calls?no_such=1", 422, "request_invalid"),
        ("/api/calls?score=a%3E", 422, "request_invalid"),
        ("/api/calls?cursor=x", 422, "request_invalid"),
        ("/api/calls?limit=0", 422, "request_invalid"),
        ("/api/calls/018f0000-0000-7000-8000-000000000000", 404, "call_not_found"),
        ("/api/calls/export?status=x", 422, "request_invalid"),
    ]:
        answer = server.api.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    here = CommandLine(options=("--data", str(server.data)))
    there = CommandLine({"SLUGLINE_URL": server.url})
    for run in (here, there):
        listed = json.loads(run.run("calls", "--prompt", "records", "--user", "ann", "--json"))
        assert [call["call_id"] for call in listed] == ids[:0:-1]
        assert ids[2] in run.run("calls", "--prompt", "records")
        assert run.run("calls", "--prompt", "records", "--limit", "2", "--csv").count("\n") == 3
        assert json.loads(run.run("calls", "show", ids[3])) == whole
        exported = run.run("calls", "export", "--prompt", "records", "--user", "bob")
        assert [json.loads(line)["call_id"] for line in exported.splitlines()] == [ids[0]]
        assert "no call" in run("calls", "show", "nothing").err
        assert "--status: a status is such as" in run("calls", "--status", "x").err
    assert here.run("calls", "export", "--prompt", "records") == there.run("calls", "export", "--prompt", "records")
    assert "works on the machine" in there("calls", "import", "x").err


def test_who_may_see_which_calls(site: Site) -> None:
    for name, status in [("viewer", 200), ("author", 200), ("admin", 200), ("application", 403)]:
        for path in ("/api/calls", "/api/traces", "/api/calls/export"):
            answer = site[name].http.get(path)
            assert answer.status_code == status, (name, path, answer.text)
    assert site.server.api.get("/api/calls").status_code == 401
    sim = {"kind": "chat", "messages": [{"role": "system", "content": "Hi."}], "model": "simulator-large"}
    for slug in ("sam-one", "kims-one"):
        site["admin"].http.post("/api/prompts", json={"slug": slug, "content": sim, "message": "m"})
        body = {"model": f"prompt/{slug}@1", "messages": [{"role": "user", "content": "x"}]}
        key = {"authorization": f"Bearer {site.keys['admin']}"}
        assert site.server.api.post("/v1/chat/completions", json=body, headers=key).status_code == 200
    server = site.server
    rows = server.until(
        "SELECT prompt, toString(call_id) AS id FROM calls WHERE prompt IN ('sam-one', 'kims-one')",
        lambda rows: len(rows) == 2,
    )
    ids = {row["prompt"]: row["id"] for row in rows}
    scoped = CommandLine({"SLUGLINE_URL": server.url, "SLUGLINE_KEY": site.keys["scoped"]})
    local = CommandLine({"SLUGLINE_KEY": site.keys["scoped"]}, options=("--data", str(server.data)))
    for run in (scoped, local):
        assert {call["prompt"] for call in json.loads(run.run("calls", "--json"))} == {"sam-one"}
        assert "no call" in run("calls", "show", ids["kims-one"]).err
        assert json.loads(run.run("calls", "show", ids["sam-one"]))["prompt"] == "sam-one"
        assert "kims-one" not in run.run("calls", "export")
    posted = [{"call_id": call_id, "name": f"of-{slug}", "value": 1} for slug, call_id in ids.items()]
    assert site["admin"].http.post("/api/scores", json=posted).status_code == 201
    server.until("SELECT 1 FROM scores WHERE name IN ('of-sam-one', 'of-kims-one')", lambda rows: len(rows) == 2)
    for run in (scoped, local):
        assert [json.loads(line)["name"] for line in run.run("scores", "export").splitlines()] == ["of-sam-one"]
    outsider = CommandLine({"SLUGLINE_URL": server.url, "SLUGLINE_KEY": site.keys["application"]})
    assert "may not see versions" in outsider("calls").err


def test_scores_move_through_a_server_as_they_do_here(server: Server, tmp_path: Path) -> None:
    server.save("moved", "Answer.")
    call_id = chat(server, "moved@latest", "hello")
    server.row(call_id)
    here = CommandLine(options=("--data", str(server.data)))
    there = CommandLine({"SLUGLINE_URL": server.url})
    scores = [
        {"id": "moved/yes", "call_id": call_id, "ts": "2025-01-01", "name": "moved", "value": True, "source": "human"},
        {"id": "moved/text", "call_id": call_id, "ts": "2025-01-02", "name": "moved", "value": "so so", "kind": "text"},
        {"id": "moved/none", "external_id": "e-1", "ts": "2025-01-03", "name": "moved", "value": None, "parsed": False},
        {"id": "moved/gone", "call_id": call_id, "ts": "2025-01-04", "name": "moved", "value": 2.5},
    ]
    path = tmp_path / "scores.jsonl"
    bad = [
        {"call_id": call_id, "ts": "2099-12-31", "value": 1},
        {"call_id": call_id, "name": "moved", "ts": "2025", "value": 1},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*scores, *bad]))
    done = there("scores", "import", str(path))
    assert (done.status, done.out) == (0, "4 scores loaded\n"), done.told
    assert "2 could not be taken" in done.err
    assert (tmp_path / "scores.jsonl.rejected.jsonl").read_text().count('"reason": "') == 2
    rows = server.until("SELECT * FROM scores WHERE name = 'moved'", lambda found: len(found) == 4)
    assert {row["score_id"]: (row["value"], row["label"], row["parsed"], row["kind"]) for row in rows} == {
        "moved/yes": (1.0, "", True, "bool"),
        "moved/text": (None, "so so", True, "text"),
        "moved/none": (None, "", False, "number"),
        "moved/gone": (2.5, "", True, "number"),
    }
    exported = there.run("scores", "export", "--name", "moved", "--since", "2025-01-01T00:00Z")
    assert exported == here.run("scores", "export", "--name", "moved", "--since", "2025-01-01T00:00Z")
    assert len(exported.splitlines()) == 4
    assert there.run("scores", "export", "--name", "moved", "--format", "csv").count("\n") == 5
    taken = {
        "score_id": "moved/gone",
        "call_id": call_id,
        "ts": "2025-01-04",
        "name": "moved",
        "deleted": True,
        "parsed": False,
    }
    assert there.run("scores", "import", "-", stdin=json.dumps(taken)) == "1 scores loaded\n"
    server.until("SELECT 1 FROM scores WHERE name = 'moved'", lambda found: len(found) == 3)
    assert "a server redacts" in there("scores", "import", str(path), "--as-is").err
    answer = server.api.get("/api/scores/export?since=never")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "request_invalid")


def test_tail_shows_each_call_once_and_survives_the_engine(tmp_path: Path, provider: str) -> None:
    with (
        run_server(tmp_path, simulator_settings(provider + "/v1"), workers=1) as server,
        contextlib.ExitStack() as stack,
    ):
        server.save("tailed", "Answer.")
        server.save("other", "Answer.")
        server.promote("tailed", 1)
        server.promote("other", 1)
        ids = [chat(server, "tailed", "before")]
        server.row(ids[0])
        tails = {
            name: stack.enter_context(_tail(tmp_path / name, arguments, environment))
            for name, arguments, environment in [
                ("here", ["--data", str(server.data)], {}),
                ("there", [], {"SLUGLINE_URL": server.url}),
            ]
        }
        _until(tmp_path, tails, ids)
        chat(server, "other", "not this one")
        ids += [chat(server, "tailed", "one"), chat(server, "tailed", "two")]
        _until(tmp_path, tails, ids)
        [engine] = server.children("tracing.engine")
        os.kill(engine, signal.SIGKILL)
        ids += [chat(server, "tailed", "while the engine is away") for _ in range(3)]
        _until(tmp_path, tails, ids)
        for name, process in tails.items():
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
            text = (tmp_path / name).read_text()
            shown = [json.loads(line)["call_id"] for line in text.splitlines() if line.startswith("{")]
            assert sorted(shown) == sorted(ids)
            assert "Traceback" not in text


@contextlib.contextmanager
def _tail(output: Path, arguments: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "slugline", "tail", "--prompt", "tailed", "--json", *arguments]
    with output.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **environment})
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _until(folder: Path, names: Iterable[str], ids: list[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    for name in names:
        while not all(call_id in (folder / name).read_text() for call_id in ids):
            assert time.monotonic() < deadline, (folder / name).read_text()[-3000:]
            time.sleep(0.1)
