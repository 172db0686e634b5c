"""`slugline gate` against a server: its keeper runs the evaluation, through kills, and puts the verdict on record."""

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from slugline.commands.eval_view import NOT_FINISHED
from tests.integration.test_gate import BAD, GOOD, SAME, answers
from tests.plugins.command_line import ID, CommandLine
from tests.plugins.replay import serve_replay
from tests.plugins.server import Server, run_server

CASES = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    records = [*answers(GOOD, [], CASES), *answers(SAME, [], CASES), *answers(BAD, range(0, CASES, 4), CASES)]
    with serve_replay(records) as url:
        settings = f'[providers.replay]\nbase_url = "{url}"\nmodels = ["*"]\n'
        settings += '[providers.replay.prices."*"]\ninput = 100\noutput = 100\n'
        with run_server(tmp_path_factory.mktemp("gated"), settings, workers=1) as running:
            folder = running.data.parent
            (folder / "policy.yaml").write_text("dataset: golden\nmargin: 0.05\n")
            yield running


def save(server: Server, slug: str, model: str) -> None:
    server.save(slug, "", messages=[{"role": "user", "content": "{{ question }}"}], model=model)


def test_the_gate_of_a_server(server: Server) -> None:
    run = CommandLine(environment={"SLUGLINE_URL": server.url})
    folder = server.data.parent
    dataset = folder / "cases.yaml"
    tests = [
        {"vars": {"question": f"question {n}"}, "assert": [{"type": "equals", "value": str(n)}]} for n in range(CASES)
    ]
    dataset.write_text(json.dumps({"tests": tests}))
    run.run("dataset", "save", "golden", str(dataset), "-m", "first")
    save(server, "gated", GOOD)
    server.promote("gated", 1)
    run.run("prompt", "protect", "gated", "--policy", str(folder / "policy.yaml"), "-m", "be careful")
    save(server, "gated", SAME)
    assert run("prompt", "promote", "gated", "2", "-m", "x").status == 1
    junit = folder / "gate.xml"
    done = run("gate", "gated", "--candidate", "latest", "--junit", str(junit))
    assert done.status == 0, done.told
    assert "gated@2 for stable on golden@1: passed" in done.out
    assert junit.read_text().count("<testcase") == 2 * CASES
    run.run("prompt", "promote", "gated", "2", "-m", "as good")

    save(server, "gated", BAD)
    done = run("gate", "gated")
    assert done.status == 3, done.told
    refused = run("prompt", "promote", "gated", "3", "-m", "x")
    assert refused.status == 1
    assert "failed its evaluation on golden@1" in refused.err
    found = server.until(
        "SELECT version, count() AS n FROM calls WHERE prompt = 'gated' AND purpose = 'evaluation' GROUP BY version"
        " ORDER BY version",
        lambda rows: sum(int(row["n"]) for row in rows) == 4 * CASES,
    )
    assert [(row["version"], int(row["n"])) for row in found] == [(1, CASES), (2, 2 * CASES), (3, CASES)]


def test_versions_over_a_dataset_on_a_server(server: Server) -> None:
    run = CommandLine(environment={"SLUGLINE_URL": server.url})
    folder = server.data.parent
    cases = folder / "tried.yaml"
    tests = [
        {"vars": {"question": f"question {n}"}, "assert": [{"type": "equals", "value": str(n)}]} for n in range(20)
    ]
    cases.write_text(json.dumps({"tests": tests}))
    run.run("dataset", "save", "tried", str(cases), "-m", "first")
    save(server, "tried", GOOD)
    server.promote("tried", 1)
    save(server, "tried", BAD)
    asked = ("eval", "tried@latest", "--against", "@stable", "--dataset", "tried", "--repeat", "2")

    dry = run(*asked, "--dry-run")
    assert dry.status == 0, dry.told
    assert dry.out.startswith("tried@2, tried@1 on tried@1 (20 cases, 2 times each): 80 calls")
    assert server.api.get("/api/evaluations", params={"prompt": "tried"}).json() == {"evaluations": []}

    markdown, junit = folder / "tried.md", folder / "tried.xml"
    done = run(*asked, "--json", "--markdown", str(markdown), "--junit", str(junit))
    assert done.status == 3, done.told
    assert "20 cases, 2 times each): 80 calls" in done.err
    told = json.loads(done.out)
    assert {each["label"]: (each["passed"], each["failed"]) for each in told["targets"]} == {
        "tried@2": (30, 10),
        "tried@1": (40, 0),
    }
    assert told["facts"]["tried@2"]["difference"]["estimate"] == -0.25
    assert (junit.read_text().count("<testcase"), junit.read_text().count("<failure")) == (40, 5)
    assert markdown.read_text().startswith("### ❌ tried on tried\\@1")

    again = run("eval", "--resume", told["evaluation_id"])
    assert again.status == 3, again.told
    assert "tried@2 against tried@1: -25.0 points" in again.out
    models = run("eval", "tried@1", "--dataset", "tried", "--model", GOOD, "--model", BAD)
    assert models.status == 3
    assert (f"tried@1 on {GOOD} " in models.out, f"tried@1 on {BAD} " in models.out) == (True, True)


def test_ctrl_c_leaves_the_evaluation_to_the_server_and_says_how_to_go_on(server: Server) -> None:
    run = CommandLine(environment={"SLUGLINE_URL": server.url})
    cases = server.data.parent / "left.yaml"
    cases.write_text(json.dumps({"tests": [{"vars": {"question": "question 1"}, "assert": [{"type": "is-complete"}]}]}))
    run.run("dataset", "save", "left", str(cases), "-m", "first")
    save(server, "left", GOOD)
    [keeper] = server.children("slugline.keeper")
    os.kill(keeper, signal.SIGSTOP)
    try:
        ids = []
        for _ in range(2):
            with interrupted():
                done = run("eval", "left@1", "--dataset", "left")
            assert done.status == NOT_FINISHED, done.told
            [evaluation_id] = set(ID.findall(done.err))
            assert f"slugline eval --resume {evaluation_id} waits for it, --cancel {evaluation_id} stops it" in done.err
            ids.append(evaluation_id)
        cancelled = run("eval", "--cancel", ids[1])
        assert (cancelled.status, cancelled.out) == (0, f"evaluation {ids[1]} cancelled after 0 of 1\n")
    finally:
        os.kill(keeper, signal.SIGCONT)
    assert run("eval", "--resume", ids[0]).status == 0
    over = run("eval", "--resume", ids[1])
    assert over.status == NOT_FINISHED
    assert f"evaluation {ids[1]} is over: cancelled by" in over.out


def test_what_a_server_does_not_do_is_said(server: Server) -> None:
    run = CommandLine(environment={"SLUGLINE_URL": server.url})
    python = run("eval", "tried@1", "--dataset", "tried", "--allow-python", "--cache")
    assert python.status == 1
    assert "a server takes no --cache, --allow-python" in python.err
    for asked, said in (
        ({"versions": ["latest"]}, "'dataset' is missing"),
        ({"versions": ["latest"], "dataset": "d", "channel": "stable"}, "'channel' is a gate's"),
        ({"models": ["x"]}, "'models' goes with 'versions'"),
    ):
        answer = server.api.post("/api/evaluations", json={"prompt": "x", **asked})
        assert answer.status_code == 422
        assert said in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ({"type": "icontain", "value": "x"}, "did you mean 'icontains'?"),
        ({"type": "regex", "value": "(["}, "regex: "),
        ({"type": "python", "value": "file://checks.py"}, "never on a server"),
    ],
)
def test_cases_whose_checks_can_not_work_are_refused_by_the_api(
    server: Server, check: dict[str, str], said: str
) -> None:
    good = {"variables": {"question": "question 1"}, "checks": [{"type": "equals", "value": "1"}]}
    bad = {"variables": {"question": "question 2"}, "checks": [{"type": "is-complete"}, check]}
    server.api.post("/api/datasets", json={"name": "sound", "cases": [good]})
    for path, body in (
        ("/api/datasets", {"name": "odd", "cases": [good, bad]}),
        ("/api/datasets/sound/versions", {"cases": [good, bad]}),
        ("/api/datasets/sound/cases", {"case": bad}),
        ("/api/datasets/sound/versions", {"cases": [good], "checks": [check]}),
    ):
        refused = server.api.post(path, json=body)
        assert refused.status_code == 400, refused.text
        error = refused.json()["error"]
        assert said in error["message"]
        assert "checks[" in error["param"]
    assert server.api.get("/api/datasets/odd").status_code == 404
    assert server.api.get("/api/datasets/sound").json()["latest"] == 1


def test_an_evaluation_goes_on_the_budget_of_the_key_that_asked_for_it(server: Server) -> None:
    save(server, "paid", GOOD)
    cases = [{"variables": {"question": f"question {n}"}, "checks": [{"type": "is-complete"}]} for n in range(CASES)]
    assert server.api.post("/api/datasets", json={"name": "paid", "cases": cases}).status_code == 201
    terms = {"name": "ci", "roles": ["author"], "budget_usd": "0.005", "budget_period": "total"}
    issued = server.api.post("/api/keys", json=terms).json()
    headers = {"authorization": f"Bearer {issued['key']}"}
    body = {"prompt": "paid", "versions": ["1"], "dataset": "paid"}
    asked = server.api.post("/api/evaluations", json=body, headers=headers)
    assert asked.status_code == 202, asked.text
    [begun] = asked.json()["evaluations"]
    run = CommandLine(environment={"SLUGLINE_URL": server.url, "SLUGLINE_KEY": issued["key"]})
    over = run("eval", "--resume", begun["evaluation_id"])
    assert over.status == NOT_FINISHED, over.told
    assert "the key 'ci' has spent its budget of 0.005 US dollars" in over.out
    found = server.api.get(f"/api/evaluations/{begun['evaluation_id']}").json()
    assert (found["state"], 0 < found["done"] < CASES) == ("failed", True)
    used = server.api.get(f"/api/keys/{issued['key_id']}").json()["use"]
    assert 0.005 <= float(used["spent_usd"]) == pytest.approx(found["cost"])
    refused = server.api.post("/api/evaluations", json=body, headers=headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "auth_budget_spent")
    assert "has spent its budget" in run("eval", "paid@1", "--dataset", "paid").err


def test_a_probe_of_a_server(server: Server) -> None:
    run = CommandLine(environment={"SLUGLINE_URL": server.url})
    save(server, "watched", GOOD)
    cases = [{"variables": {"question": f"question {n}"}, "checks": [{"type": "is-complete"}]} for n in range(20)]
    assert server.api.post("/api/datasets", json={"name": "watched", "cases": cases}).status_code == 201
    run.run("probe", "add", "watched", "--dataset", "watched", "--version", "1", "--budget", "0.1", "-m", "nightly")
    [probe] = server.api.get("/api/probes", params={"prompt": "watched"}).json()["probes"]
    deadline = time.monotonic() + 60
    while not (found := server.api.get(f"/api/probes/{probe['probe_id']}").json())["nights"] or (
        found["nights"][0]["state"] != "done"
    ):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    assert [night["reference"] for night in found["nights"]] == [True]
    again = run("probe", "watched", "--now")
    assert again.status == 0, again.told
    assert "watched@1 on 20 cases of watched@1: no change is seen" in again.out
    rows = server.until(
        "SELECT purpose, count() AS n FROM calls WHERE prompt = 'watched' GROUP BY purpose",
        lambda rows: sum(int(row["n"]) for row in rows) == 40,
    )
    assert [(row["purpose"], int(row["n"])) for row in rows] == [("probe", 40)]
    newest = server.api.get(f"/api/probes/{probe['probe_id']}").json()["nights"][0]
    assert run("probe", "refer", probe["probe_id"]).status == 0
    referred = server.api.get(f"/api/probes/{probe['probe_id']}").json()["nights"]
    assert [night["evaluation_id"] for night in referred if night["reference"]] == [newest["evaluation_id"]]
    assert run("probe", "remove", probe["probe_id"], "-m", "enough").out == "watched@1 is probed no more\n"
    assert run("probe", "list").out.count("watched@1") == 0
    actions = [entry["action"] for entry in server.api.get("/api/prompts/watched/history").json()["events"]]
    assert actions[:3] == ["probe.remove", "probe.reference", "probe.add"]


@contextlib.contextmanager
def interrupted(after: float = 1.0) -> Iterator[None]:
    """Somebody presses Ctrl-C while the block is under way."""
    timer = threading.Timer(after, signal.raise_signal, [signal.SIGINT])
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def test_a_keeper_that_is_killed_goes_on_where_it_was(server: Server) -> None:
    run = CommandLine(environment={"SLUGLINE_URL": server.url})
    tests = [
        {"vars": {"question": f"question {n}"}, "assert": [{"type": "equals", "value": str(n)}]} for n in range(CASES)
    ]
    cases = server.data.parent / "again.yaml"
    cases.write_text(json.dumps({"tests": tests}))
    run.run("dataset", "save", "again", str(cases), "-m", "first")
    save(server, "killed", GOOD)
    body = {"prompt": "killed", "candidate": "1", "dataset": "again"}
    [begun] = server.api.post("/api/evaluations", json=body).json()["evaluations"]
    path = f"/api/evaluations/{begun['evaluation_id']}"
    deadline = time.monotonic() + 60
    while not server.api.get(path).json()["done"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    [keeper] = server.children("slugline.keeper")
    os.kill(keeper, signal.SIGKILL)
    while (found := server.api.get(path).json())["state"] != "done":
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    assert (found["done"], found["failed"], found["outcome"]) == (CASES, 0, "pass")
    [verdict] = [
        entry
        for entry in server.api.get("/api/prompts/killed/history").json()["events"]
        if entry["action"] == "verdict"
    ]
    assert verdict["evidence"]["passed"] is True


def test_a_verdict_can_not_be_told_and_bad_requests_are_refused_in_words(server: Server) -> None:
    routes = server.api.get("/api/openapi.json").json()["paths"]
    assert not [path for path in routes if "verdict" in path]
    nothing = server.api.post("/api/evaluations", json={"prompt": "nobody"})
    assert (nothing.status_code, nothing.json()["error"]["code"]) == (404, "prompt_not_found")
    assert server.api.post("/api/evaluations", json={"prompt": "x", "verdict": "pass"}).status_code == 422
    assert server.api.get("/api/evaluations/nope").status_code == 404
    save(server, "free", GOOD)
    free = server.api.post("/api/evaluations", json={"prompt": "free"})
    assert free.status_code == 422
    assert "slugline prompt protect free" in free.json()["error"]["message"]
    assert httpx.get(server.url + "/api/evaluations?prompt=free").json() == {"evaluations": []}
