"""Quality against the stable version, and drift, as people ask for them: on the command line here and of a server, and over HTTP."""

import json
import random
import re
import shlex
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from registry.keys import KeyTerms
from slugline.access import open_access
from slugline.settings import load_settings
from tests.plugins.command_line import CommandLine
from tests.plugins.server import Server, run_server, simulator_settings

_NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
_DAYS = 20
_AN_HOUR = 12


def _history(folder: Path) -> None:
    """Calls and scores of 20 days up to now; ten days ago the served model changed, and angry customers get what they want since."""
    chance = random.Random(4)
    calls, scores = (folder / f"{name}.jsonl" for name in ("calls", "scores"))
    with calls.open("w") as told, scores.open("w") as scored:
        for hour in range(24 * _DAYS):
            at = _NOW - timedelta(days=_DAYS) + timedelta(hours=hour)
            updated = hour >= 24 * (_DAYS - 10)
            for _ in range(_AN_HOUR):
                stratum = "angry" if chance.random() < 0.3 else "calm"
                rate = {"calm": 0.9, "angry": 0.35 if updated else 0.8}[stratum]
                ts = (at + timedelta(seconds=chance.randrange(3600))).isoformat()
                # A fifth stays on version 1 all the time: concurrent with version 2, and as good.
                call: dict[str, Any] = {
                    "call_id": str(uuid.UUID(int=chance.getrandbits(128), version=4)), "ts": ts, "prompt": "support-agent",
                    "version": 1 if chance.random() < 0.2 else 2, "channel": "stable", "stratum": stratum, "model_requested": "gpt-4o",
                    "model_served": "gpt-4o-2026-11" if updated else "gpt-4o-2026-08", "outcome": "ok", "status": 200,
                    "duration_ms": chance.lognormvariate(6, 0.4), "output_tokens": round(chance.gauss(100, 20)), "input_tokens": 50,
                    "cost": "0.001", "finish_reason": "stop", "user": f"u{chance.randrange(500)}",
                }  # fmt: skip
                told.write(json.dumps(call) + "\n")
                score = {
                    "call_id": call["call_id"],
                    "name": "held_firm",
                    "value": chance.random() < rate,
                    "ts": ts,
                    "id": call["call_id"],
                }
                scored.write(json.dumps(score) + "\n")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, provider: str) -> Iterator[Server]:
    """A server with the history in it; version 2 is stable."""
    folder = tmp_path_factory.mktemp("drifting")
    line = CommandLine(options=("--data", str(folder / "data")))
    for text in ("Help.", "Help, and hold firm."):
        line.run("prompt", "save", "support-agent", "--text", text, "--model", "gpt-4o", "-m", "try")
    _history(folder)
    line.run("calls", "import", str(folder / "calls.jsonl"))
    line.run("scores", "import", str(folder / "scores.jsonl"))
    line.run("prompt", "promote", "support-agent", "2", "-m", "go")
    with run_server(folder, simulator_settings(provider + "/v1"), workers=1) as running:
        yield running


@pytest.fixture(params=["here", "server"])
def line(request: pytest.FixtureRequest, server: Server) -> CommandLine:
    """The command line on the data here, and on the server."""
    if request.param == "here":
        return CommandLine(options=("--data", str(server.data)))
    return CommandLine(environment={"SLUGLINE_URL": server.url})


def test_a_version_is_held_against_the_stable_one(server: Server, line: CommandLine) -> None:
    told = line.run("quality", "support-agent")
    assert "Version 1 against version 2 (stable): no" in told
    assert "concurrent on one channel, the same models" in told
    report = json.loads(line.run("quality", "support-agent", "--json"))
    assert report == server.api.get("/api/prompts/support-agent/quality").json()
    (version,) = report["comparison"]["versions"]
    held = next(each for each in version["metrics"] if each["metric"]["name"] == "held_firm")
    inside = held["standardised"]["interval"]
    assert inside["low"] < 0 < inside["high"]
    assert (held["basis"]["design"], held["verdict"]) == ("concurrent", "not_enough_data")
    assert "values per version are needed to see" in held["why"]
    assert {part["stratum"] for part in held["strata"]} == {"calm", "angry"}
    assert (held["baseline"]["version"], held["candidate"]["version"], report["comparison"]["confidence"]) == (
        2,
        1,
        0.99,
    )


def test_quality_takes_a_window_a_metric_and_another_baseline(line: CommandLine) -> None:
    told = json.loads(
        line.run("quality", "support-agent", "--since", "3 days ago", "--metric", "latency", "--against", "1", "--json")
    )
    assert 0 < sum(total["calls"] for total in told["totals"]) <= 73 * _AN_HOUR
    assert [each["metric"]["name"] for each in told["comparison"]["versions"][0]["metrics"]] == ["latency"]
    assert told["comparison"]["baseline"] == 1
    assert json.loads(line.run("quality", "support-agent", "--against", "none", "--json"))["comparison"] is None


def test_the_cause_of_the_drift_is_named(server: Server, line: CommandLine) -> None:
    told = line.run("drift", "support-agent", "--metric", "held_firm", "--since", "10 days ago")
    assert "the served model changed from `gpt-4o-2026-08` to `gpt-4o-2026-11`" in " ".join(told.split())
    for words in ("What made up the change", "By kind of input", "What would settle it", "Intervals are at 95 %"):
        assert words in told
    found = json.loads(line.run("drift", "support-agent", "--metric", "held_firm", "--since", "10 days ago", "--json"))
    (report,) = found["reports"]
    named = [each["cause"] for each in report["contributions"] if each["named"]]
    assert named == ["model"]
    asked = {"metric": "held_firm", "since": "10 days ago"}
    (same,) = server.api.get("/api/prompts/support-agent/drift", params=asked).json()["reports"]
    assert same == report


def test_without_a_metric_all_are_looked_at(server: Server) -> None:
    told = CommandLine(environment={"SLUGLINE_URL": server.url}).run("drift", "support-agent", "--since", "10 days ago")
    assert re.match(r"[A-Z].* `held_firm` fell ", told)
    others = told[told.index("Others; `slugline drift support-agent --metric NAME` has the whole report:") :]
    for name in ("latency", "cost", "error_rate", "output_tokens"):
        assert f"\n· {name}: " in others


def test_what_changed_anywhere(server: Server, line: CommandLine) -> None:
    found = json.loads(line.run("drift", "--since", "10 days ago", "--json"))
    changed = [(row["prompt"], row["metric"]["name"]) for row in found["rows"] if row["changed"]]
    assert changed == [("support-agent", "held_firm")]
    assert found["rows"][0]["report"]["sentence"]
    assert server.api.get("/api/drift", params={"since": "10 days ago"}).json()["rows"] == found["rows"]


def test_what_changed_anywhere_in_words(server: Server) -> None:
    there = CommandLine(environment={"SLUGLINE_URL": server.url})
    told = there.run("drift", "--since", "10 days ago")
    assert told.startswith("1 metric changed from ")
    assert "slugline drift support-agent --metric held_firm" in told
    assert there.run("drift", "--since", "2 days ago").startswith("Nothing changed from ")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("drift", "support-agnet"), "did you mean 'support-agent'?"),
        (("drift", "support-agent", "--metric", "held-firm"), "did you mean 'held_firm'?"),
        (("drift", "support-agent", "--since", "soon"), "--since is such as 'last tuesday'"),
        (("drift", "support-agent", "--since", "today", "--until", "yesterday"), "--since ("),
        (("drift", "--metric", "held_firm"), "--metric goes with a prompt"),
        (("changes", "support-agnet"), "did you mean 'support-agent'?"),
        (("quality", "support-agnet"), "did you mean 'support-agent'?"),
        (("quality", "support-agent", "--metric", "held-firm"), "did you mean 'held_firm'?"),
        (("quality", "support-agent", "--against", "9"), "has no version 9"),
        (("quality", "support-agent", "--against", "canary"), "canary"),
        (("quality", "support-agent", "--margin", "0"), "a margin is"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(line: CommandLine, arguments: tuple[str, ...], says: str) -> None:
    done = line(*arguments)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("slugline: ") and done.err.count("\n") == 1
    assert says in done.err


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        ("quality", "since=soon", 422, "request_invalid"),
        ("quality", "zone=Mars", 422, "request_invalid"),
        ("quality", "score=held-firm", 404, "metric_not_found"),
        ("drift", "metric=held-firm", 404, "metric_not_found"),
        ("drift", "since=today&until=yesterday", 422, "request_invalid"),
        ("drift", "since=2999-01-01", 422, "request_invalid"),
        ("drift", "until=1970-01-02", 422, "request_invalid"),
    ],
)
def test_what_is_wrong_has_a_status_and_a_code(server: Server, path: str, query: str, status: int, code: str) -> None:
    answer = server.api.get(f"/api/prompts/support-agent/{path}?{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text


def test_days_begin_in_the_readers_zone(server: Server) -> None:
    since = {
        zone: server.api.get(
            "/api/prompts/support-agent/quality", params={"since": "yesterday", "zone": zone, "against": "none"}
        ).json()["since"]
        for zone in ("UTC", "Asia/Tokyo")
    }
    assert since["UTC"].endswith("T00:00:00Z") and since["Asia/Tokyo"].endswith("T15:00:00Z")


def test_promotions_and_changes_of_models_stand_on_one_time_line(server: Server, line: CommandLine) -> None:
    found = json.loads(line.run("changes", "--since", "15 days ago", "--json"))
    kinds = [(each["prompt"], each["event"]["kind"], each["event"]["after"]) for each in found["changes"]]
    assert kinds == [("support-agent", "promotion", "2"), ("support-agent", "model", "gpt-4o-2026-11")]
    at = datetime.fromisoformat(found["changes"][1]["event"]["at"])
    assert abs(at - (_NOW - timedelta(days=10))) <= timedelta(hours=2)
    told = line.run("changes", "support-agent", "--since", "15 days ago")
    assert "served model gpt-4o-2026-08 → gpt-4o-2026-11, announced by nobody" in " ".join(told.split())
    assert json.loads(line.run("changes", "--since", "5 days ago", "--json"))["changes"] == found["changes"][:1]
    query = {"prompt": "support-agent", "since": "15 days ago"}
    assert server.api.get("/api/changes", params=query).json()["changes"] == found["changes"]


@pytest.mark.parametrize("guide", ["quality", "drift"])
def test_the_guides_commands_work_as_they_stand(server: Server, guide: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / f"{guide}.md").read_text("utf-8")
    [block] = re.findall(r"^```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    commands = [shlex.split(each, comments=True) for each in block.splitlines()]
    assert len(commands) >= 3
    there = CommandLine(environment={"SLUGLINE_URL": server.url})
    for words in commands:
        assert words[:2] == ["slugline", guide]
        there.run(*words[1:])


def test_all_are_in_the_openapi_document(server: Server) -> None:
    paths = server.api.get("/api/openapi.json").json()["paths"]
    for path in ("/api/prompts/{slug}/quality", "/api/prompts/{slug}/drift", "/api/drift", "/api/changes"):
        described = paths[path]["get"]
        assert {"since", "until", "zone"} <= {each["name"] for each in described["parameters"]}
        assert described["description"]


def test_whoever_may_inspect_the_prompt_may_ask(server: Server) -> None:
    """The last test: from now on calls need keys."""
    with open_access(load_settings({"data": server.data}, None), "", {}) as access:
        keys = {
            name: access.keys.create(terms).secret.text
            for name, terms in (
                ("viewer", KeyTerms(name="vera", roles=("viewer",))),
                ("application", KeyTerms(name="app", channels=("stable",))),
                ("another's", KeyTerms(name="sam", roles=("viewer",), prompts=("sam-*",))),
            )
        }
    everywhere = {
        name: server.api.get("/api/drift", headers={"authorization": f"Bearer {key}"}) for name, key in keys.items()
    }
    assert {name: answer.status_code for name, answer in everywhere.items()} == {
        "viewer": 200, "application": 403, "another's": 200,
    }  # fmt: skip
    assert (everywhere["another's"].json()["rows"], everywhere["another's"].json()["too_small"]) == ([], [])
    for path in ("quality", "drift"):
        status = {
            name: server.api.get(
                f"/api/prompts/support-agent/{path}?score=latency&metric=latency",
                headers={"authorization": f"Bearer {key}"},
            ).status_code
            for name, key in keys.items()
        }
        assert status == {"viewer": 200, "application": 403, "another's": 403}
        for name in ("application", "another's"):
            for where in ({"SLUGLINE_URL": server.url}, {"SLUGLINE_DATA": str(server.data)}):
                done = CommandLine(environment={**where, "SLUGLINE_KEY": keys[name]})(path, "support-agent")
                assert done.status == 1 and "may" in done.err, done.told
