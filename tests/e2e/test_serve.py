"""`slugline serve` as a process: it drains, leaves nothing unloaded, refuses what would do harm, and says why."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.plugins.engine import Database, run_engine
from tests.plugins.server import Server, run_server, simulator_settings

USER = {"role": "user", "content": "hi"}


def slugline(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    return subprocess.run(
        [sys.executable, "-m", "slugline", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=cwd,
        env={**clean, **environment},
    )


def test_sigterm_lets_streams_end_and_leaves_nothing_unloaded(tmp_path: Path, provider: str) -> None:
    (tmp_path / "engine").mkdir()
    text = ""
    with run_server(tmp_path, simulator_settings(provider + "/v1")) as server:
        ids = [server.chat(model="simulator-large", messages=[USER]).headers["x-slugline-call-id"] for _ in range(20)]
        body = {"model": "simulator-large", "messages": [USER], "stream": True, "simulator": {"gate": "drain"}}
        with server.api.stream("POST", "/v1/chat/completions", json=body) as answer:
            ids.append(answer.headers["x-slugline-call-id"])
            chunks = answer.iter_text()
            text += next(chunks)
            server.process.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + 30
            while True:  # the door is closed while the stream still runs
                try:
                    httpx.get(server.url + "/health/live", timeout=5)
                except httpx.TransportError:
                    break
                assert time.monotonic() < deadline
                time.sleep(0.05)
            httpx.post(provider + "/simulator/gate/drain")
            text += "".join(chunks)
        assert text.rstrip().endswith("data: [DONE]")
        assert server.process.wait(60) == 0
        spool = server.data / "spool"
        assert [file for file in spool.rglob("*") if file.is_file()] == []
        # What is in ClickHouse is asked of the data folder itself, with an engine of the test's own.
        (server.data / "clickhouse").rename(tmp_path / "engine" / "clickhouse")
        with run_engine(tmp_path / "engine") as database:
            client = database.client()
            rows = client.query("SELECT toString(call_id) FROM calls").result_rows
            client.close()
    assert sorted(row[0] for row in rows) == sorted(ids)


def test_sigterm_right_after_the_start_leaves_nothing_unloaded_either(tmp_path: Path, provider: str) -> None:
    """The end may come while the keeper and the engine still start: it is held back for them, not lost."""
    with run_server(tmp_path, simulator_settings(provider + "/v1"), wait_for_engine=False, fresh=True) as server:
        assert server.chat(model="simulator-large", messages=[USER]).status_code == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(80) == 0, server.log.read_text()
        assert [file for file in (server.data / "spool").rglob("*") if file.is_file()] == []


def test_a_second_server_on_the_same_folder_is_refused_with_the_reason(server: Server) -> None:
    done = slugline("serve", "--data", str(server.data), "--port", "0")
    assert done.returncode == 1
    assert done.stdout == ""
    assert f"process {server.process.pid}" in done.stderr
    assert "--data DIR" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_said(server: Server, tmp_path: Path) -> None:
    port = server.url.rpartition(":")[2]
    done = slugline("serve", "--data", str(tmp_path / "d"), "--port", port)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert f"port {port}" in done.stderr


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("prot = 1", "prot: is not a setting"),
        ("port = 'x'", "port: "),
        ("[providers.a]\nbase_url='ftp://x'", "providers.a.base_url"),
        ("[providers.a]\nbase_url='http://x'\napi_key='sk-123'", "providers.a.api_key"),
        ("[providers.a]\nbase_url='http://x'\nkind='telepathy'", "providers.a.kind"),
        ("[registry]\nurl='mysql://x'", "must begin with sqlite:/// or postgresql://"),
        ("not toml", "slugline.toml"),
    ],
)
def test_settings_that_make_no_sense_are_refused_in_words(tmp_path: Path, toml: str, says: str) -> None:
    (tmp_path / "slugline.toml").write_text(toml)
    done = slugline("serve", "--data", str(tmp_path / "d"), "--config", str(tmp_path / "slugline.toml"))
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert says in done.stderr


def test_a_missing_secret_is_named_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "slugline.toml").write_text(
        "[providers.a]\nbase_url='http://127.0.0.1:1/v1'\napi_key='env:NO_SUCH_KEY'"
    )
    done = slugline("serve", "--data", str(tmp_path / "d"), "--port", "0", "--config", str(tmp_path / "slugline.toml"))
    assert done.returncode == 1
    assert "NO_SUCH_KEY" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_web_page_of_somebody_else_gets_nothing(server: Server) -> None:
    for headers in ({"host": "evil.example"}, {"origin": "https://evil.example"}):
        for path in ("/v1/models", "/api/prompts", "/"):
            answer = server.api.get(path, headers=headers)
            assert answer.status_code == 403
            assert answer.json()["error"]["code"] == "auth_host_refused"


def test_health_says_what_is_going_on(server: Server) -> None:
    assert server.api.get("/health/live").json() == {"status": "live"}
    deadline = time.monotonic() + 30
    while (ready := server.api.get("/health/ready").json())["keeper"] is None:  # it may still be starting
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert (ready["status"], ready["records"]["lost"], ready["engine"]) == ("ready", 0, "up")
    assert ready["keeper"]["segments_refused"] == 0


def test_what_can_wait_stands_back_behind_the_workers(server: Server) -> None:
    niceness = {
        role: {os.getpriority(os.PRIO_PROCESS, pid) for pid in server.children(role)}
        for role in ("slugline.worker", "slugline.keeper", "tracing.engine")
    }
    [worker], [keeper], [engine] = niceness.values()
    assert worker < keeper == engine, niceness


def test_unknown_routes_answer_in_openais_shape(server: Server) -> None:
    for answer in (server.api.get("/api/nothing"), server.api.get("/v1/chat/completions"), server.api.get("/v1/a\\b")):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "request_route_not_found")


def test_the_home_page_shows_what_is_live_and_keeps_hostile_text_inert(server: Server) -> None:
    server.promote("on-page", server.save("on-page", "x"))
    page = server.api.get("/")
    assert page.status_code == 200
    assert "on-page" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert server.api.get("/static/app.css").headers["content-type"].startswith("text/css")


def test_the_whole_api_is_in_the_openapi_document(server: Server) -> None:
    paths = server.api.get("/api/openapi.json").json()["paths"]
    assert {"/api/prompts", "/api/prompts/{slug}", "/api/scores", "/api/prompts/{slug}/quality"} <= paths.keys()


def test_a_key_never_reaches_the_log_the_record_or_the_caller(tmp_path: Path, provider: str) -> None:
    settings = simulator_settings(provider + "/v1") + 'api_key = "env:PROVIDER_SECRET"\n'
    secret = "sk-very-secret-7f3a"
    with run_server(tmp_path, settings, PROVIDER_SECRET=secret, SLUGLINE_LOG_LEVEL="debug") as server:
        answers = [
            server.chat(model=model, messages=[USER], headers={"authorization": "Bearer sk-of-the-caller"})
            for model in ("simulator-large", "simulator-error-401")
        ]
        for answer in answers:
            server.row(answer.headers["x-slugline-call-id"])
            assert secret not in answer.text + str(answer.headers)
    for file in tmp_path.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert secret.encode() not in content, file
            assert b"sk-of-the-caller" not in content, file


def test_the_command_line_tells_the_same_story(tmp_path: Path, provider: str) -> None:
    """Save, promote, call, score, read: with the server up, and after it has stopped."""
    data = str(tmp_path / "data")

    def run(*arguments: str) -> str:
        done = slugline(*arguments, "--data", data)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "version 1" in run(
        "prompt", "save", "cli", "--text", "You help {{ who }}.", "--model", "simulator-large", "-m", "first"
    )
    assert "version 1 already" in run(
        "prompt", "save", "cli", "--text", "You help {{ who }}.", "--model", "simulator-large"
    )
    (tmp_path / "two.prompty").write_text(run("prompt", "show", "cli@1").replace("You help", "You really help"))
    assert "version 2" in run("prompt", "save", "cli", "--file", str(tmp_path / "two.prompty"), "-m", "second")
    assert "{+really +}" in run("prompt", "diff", "cli@1")
    assert "version 1" in run("prompt", "promote", "cli", "1", "-m", "go")
    with run_server(tmp_path, simulator_settings(provider + "/v1"), workers=1) as server:
        first = server.chat(model="prompt/cli", variables={"who": "people"}, messages=[USER])
        assert first.headers["x-slugline-prompt"] == "cli@1"
        assert "version 2" in run("prompt", "promote", "cli", "-m", "better")
        second = server.chat(model="prompt/cli", variables={"who": "people"}, messages=[USER])
        assert second.headers["x-slugline-prompt"] == "cli@2", (
            "a promotion on the command line is seen by the running server"
        )
        call_id = second.headers["x-slugline-call-id"]
        run("score", call_id, "helpful", "true")
        server.until("SELECT count() AS n FROM scores WHERE prompt = 'cli'", lambda rows: rows == [{"n": 1}])
        up = run(
            "sql",
            "SELECT version, count() AS calls FROM calls WHERE prompt = 'cli' GROUP BY version ORDER BY version",
            "--json",
        )
        assert json.loads(up) == [{"version": 1, "calls": 1}, {"version": 2, "calls": 1}]
    assert json.loads(
        run(
            "sql",
            "SELECT version, count() AS calls FROM calls WHERE prompt = 'cli' GROUP BY version ORDER BY version",
            "--json",
        )
    ) == json.loads(up)
    report = json.loads(run("quality", "cli", "--json"))
    assert {total["version"]: total["calls"] for total in report["totals"]} == {1: 1, 2: 1}
    assert call_id in run("calls", "--prompt", "cli", "--version", "2")
    shown = json.loads(run("calls", "show", call_id))
    assert shown["scores"][0]["name"] == "helpful"
    assert shown["request"]["messages"][0]["content"] == "You really help people."
    history = run("prompt", "history", "cli")
    assert "promote stable: 1 → 2" in history
    assert "better" in history


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("prompt", "promote", "nobody", "-m", "x"), "'nobody' not found"),
        (("prompt", "save", "Bad Slug", "--text", "x"), "such as 'bad-slug'"),
        (("prompt", "save", "x", "--text", "{{ unclosed"), "line 1: unexpected end of template"),
        (("prompt", "save", "x"), "--file"),
        (("sql", "CREATE TABLE x (a Int8) ENGINE = Memory"), "readonly"),
        (("sql", "SELEC 1"), "Syntax error"),
        (("calls", "show", "018f0000-0000-7000-8000-000000000000"), "no call"),
    ],
)
def test_what_goes_wrong_is_one_sentence_and_status_1(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    done = slugline(*arguments, "--data", str(tmp_path))
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert says in done.stderr


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; sys.argv = ['slugline', '--help']\nimport slugline.cli\ntry: slugline.cli.main()\nexcept SystemExit: pass\nprint([m for m in ('fastapi', 'sqlalchemy', 'clickhouse_connect', 'numpy', 'scipy', 'pydantic', 'rich', 'httpx', 'genai_prices') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip().endswith("[]"), done.stdout[-300:]


@pytest.mark.parametrize("process", ["worker", "keeper", "supervisor"])
def test_no_process_waits_for_what_it_may_never_need(process: str) -> None:
    code = f"import sys, slugline.{process}; print([m for m in ('alembic', 'numpy', 'scipy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_records_wait_for_clickhouse_and_calls_do_not(tmp_path: Path, provider: str) -> None:
    """The engine is away for a while: calls are served, and loaded once it is back."""
    with run_server(tmp_path, simulator_settings(provider + "/v1"), workers=1) as server:
        [engine] = server.children("tracing.engine")
        os.kill(engine, signal.SIGSTOP)
        try:
            answers: list[httpx.Response] = []
            threads = [
                threading.Thread(target=lambda: answers.append(server.chat(model="simulator-large", messages=[USER])))
                for _ in range(8)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(20)
            assert [answer.status_code for answer in answers] == [200] * 8
        finally:
            os.kill(engine, signal.SIGCONT)
        for answer in answers:
            server.row(answer.headers["x-slugline-call-id"])


def test_a_clickhouse_elsewhere_is_one_url_away(tmp_path: Path, provider: str, clickhouse: Database) -> None:
    """The engine process stands in for a server: the same wire, reached by URL and password like any other."""
    url = clickhouse.url.replace("://", f"://{clickhouse.user}@") + f"/{clickhouse.database}"
    settings = simulator_settings(provider + "/v1")
    settings += f'[clickhouse]\nurl = "{url}"\npassword = "env:CLICKHOUSE_SECRET"\n'
    with run_server(tmp_path, settings, CLICKHOUSE_SECRET=clickhouse.password) as server:
        assert server.children("tracing.engine") == []
        server.save("elsewhere", "x")
        answer = server.chat(model="prompt/elsewhere@latest", messages=[USER])
        call_id = answer.headers["x-slugline-call-id"]
        assert server.api.post("/api/scores", json={"call_id": call_id, "name": "ok", "value": True}).status_code == 201
        deadline = time.monotonic() + 30
        while (
            not (totals := server.api.get("/api/prompts/elsewhere/quality").json().get("totals"))
            or not totals[0]["scores"]
        ):
            assert time.monotonic() < deadline, totals
            time.sleep(0.1)
        assert (totals[0]["calls"], totals[0]["scores"][0]["mean"]) == (1, 1.0)
    assert not (tmp_path / "data" / "clickhouse").exists()
    done = slugline(
        "sql",
        "SELECT count() AS n FROM calls",
        "--json",
        "--data",
        str(tmp_path / "data"),
        cwd=tmp_path,
        CLICKHOUSE_SECRET=clickhouse.password,
    )
    assert json.loads(done.stdout) == [{"n": 1}], done.stderr
