"""Automatic scores on a whole server: checks and a judge on every call, each call once, also through kill -9 and a provider's outage."""

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.judge import RUBRIC, JudgeModel, serve_judge
from tests.plugins.server import Server, run_server, simulator_settings

SCORERS = """
[scorers.json]
kind = "is-json"
prompts = ["kind-*"]
[scorers.words]
kind = "length"
[scorers.quick]
kind = "latency"
options = { max_ms = 60000 }
[scorers.tongue]
kind = "language"
options = { among = ["en", "fr", "de"] }
[scorers.half]
kind = "is-complete"
sample = 0.5
[scorers.kindness]
kind = "judge"
prompts = ["kind-*"]
options = { rubric = "judge-kind", concurrency = 3 }
"""


def settings(provider: str, judge: JudgeModel, scorers: str = SCORERS) -> str:
    told = f'[providers.judge]\nkind = "openai"\nbase_url = "{judge.url}"\nmodels = ["judge-*"]\n'
    told += '[providers.judge.prices."*"]\ninput = 1000\noutput = 1000\n'
    return simulator_settings(provider + "/v1") + told + scorers


def rubric(server: Server) -> None:
    server.save("judge-kind", RUBRIC, model="judge-1")
    server.promote("judge-kind", 1)


def call(server: Server, slug: str, count: int, **body: Any) -> list[str]:
    ids = []
    for number in range(count):
        given = {
            "model": f"prompt/{slug}@latest",
            "messages": [{"role": "user", "content": f"Where is parcel {number}?"}],
        }
        answer = server.chat(**given, **body)
        assert answer.status_code == 200, answer.text
        ids.append(answer.headers["x-slugline-call-id"])
    return ids


def scores(server: Server, name: str, count: int) -> dict[str, dict[str, Any]]:
    """The scores of a name by call, once there are so many; there are never more than one a call."""
    found = server.until(
        f"SELECT toString(call_id) AS call, * FROM scores WHERE name = '{name}'", lambda rows: len(rows) >= count
    )
    assert len({row["call"] for row in found}) == len(found) == count
    return {row["call"]: row for row in found}


def until_handed_over(server: Server) -> None:
    """Waits until the loader has left a segment to be scored."""
    deadline = time.monotonic() + 60
    while not list((server.data / "scoring" / "calls").glob("calls.*")):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_every_call_is_scored_once_by_checks_and_a_judge(tmp_path: Path, provider: str) -> None:
    with serve_judge() as judge, run_server(tmp_path, settings(provider, judge)) as server:
        rubric(server)
        server.save("kind-agent", "Be kind.")
        server.save("other", "Answer in French.")
        kind = call(server, "kind-agent", 12) + call(server, "kind-agent", 4, stream=True)
        french = call(server, "other", 4)
        unnamed = server.chat(model="simulator-large", messages=[{"role": "user", "content": "Good morning!"}])
        everything = {*kind, *french, unnamed.headers["x-slugline-call-id"]}
        server.chat(model="simulator-error-500", messages=[{"role": "user", "content": "x"}])

        assert scores(server, "words", 21).keys() == everything
        assert {row["scorer"] for row in scores(server, "words", 21).values()} == {"length"}
        assert {row["value"] for row in scores(server, "quick", 21).values()} == {1.0}
        json = scores(server, "json", 16)
        assert json.keys() == set(kind)
        assert {(row["value"], row["prompt"], row["version"], row["scorer_version"]) for row in json.values()} == {
            (0.0, "kind-agent", 1, "1")
        }
        tongues = scores(server, "tongue", 21)
        assert {tongues[one]["label"] for one in french} == {"fr"}
        assert {tongues[one]["label"] for one in kind} == {"en"}

        verdicts = scores(server, "kindness", 16)
        assert verdicts.keys() == set(kind)
        answers = {
            str(row["call_id"]): row["response"]
            for row in server.sql("SELECT call_id, response FROM calls WHERE prompt = 'kind-agent'")
        }
        assert {one: bool(row["value"]) for one, row in verdicts.items()} == {
            one: "thank" in answers[one].lower() for one in kind
        }
        assert {(row["source"], row["scorer"], row["scorer_version"], row["comment"]) for row in verdicts.values()} == {
            ("judge", "judge-kind", "1/judge-1-2026", "read it")
        }
        assert judge.asked[0]["response_format"]["json_schema"]["strict"] is True
        assert judge.most_at_once <= 3

        own = server.until("SELECT * FROM calls WHERE purpose = 'judge'", lambda rows: len(rows) >= 16)
        assert {(row["prompt"], row["tags"]["judge"]) for row in own} == {("judge-kind", "kindness")}
        assert {row["tags"]["judged-call"] for row in own} == set(kind)
        half = server.until("SELECT target FROM scores WHERE name = 'half'", lambda rows: len(rows) > 0)
        assert 0 < len(half) < 21
        # A judge's calls are never scored themselves.
        ids = ",".join(f"'{row['call_id']}'" for row in own)
        assert server.sql(f"SELECT count() AS n FROM scores WHERE toString(call_id) IN ({ids})") == [{"n": 0}]
        status = server.api.get("/health/ready").json()["keeper"]["scoring"]
        assert (status["judges"]["kindness"]["given_up"], status["unreadable"], status["failed"]) == (0, 0, {})


def test_kill_9_of_the_keeper_while_it_scores_loses_and_doubles_nothing(tmp_path: Path, provider: str) -> None:
    choose = random.Random(20261123)
    with serve_judge() as judge:
        given = settings(provider, judge)
        with run_server(tmp_path, given, workers=1) as server:
            rubric(server)
            server.save("kind-agent", "Be kind.")
            ids: set[str] = set()
            for number in range(5):
                ids |= set(call(server, "kind-agent", 8))
                if number % 2:
                    judge.hold.clear()  # judges are at work when the end comes
                until_handed_over(server)
                time.sleep(choose.uniform(0.05, 0.5))  # before, while and after it is scored, and before it goes
                for pid in server.children("slugline.keeper"):
                    os.kill(pid, signal.SIGKILL)
                judge.hold.set()
            for name in ("json", "words", "kindness"):
                assert scores(server, name, 40).keys() == ids
        with run_server(tmp_path, given, workers=1) as server:  # nothing is left over that would be scored again
            for name in ("json", "words", "kindness"):
                assert scores(server, name, 40).keys() == ids
            assert list((server.data / "scoring" / "calls").iterdir()) == []
    # At most the calls that were with the judge are asked about again, and nothing of what was done before.
    assert 40 <= len(judge.asked) <= 40 + 5 * 3


def waiting(server: Server) -> str:
    """What the judge waits for, by the health page."""
    told = server.api.get("/health/ready").json()["keeper"]["scoring"]["judges"]["kindness"]
    return str(told["waiting"])


def test_a_provider_that_is_away_delays_verdicts_and_a_budget_bounds_them(tmp_path: Path, provider: str) -> None:
    scorers = """
[scorers.kindness]
kind = "judge"
prompts = ["kind-*"]
options = { rubric = "judge-kind", concurrency = 2, calls_per_day = 8 }
"""
    with serve_judge() as judge, run_server(tmp_path, settings(provider, judge, scorers), workers=1) as server:
        server.save("kind-agent", "Be kind.")
        ids = set(call(server, "kind-agent", 5))  # the rubric isn't even there yet
        judge.status = 503
        server.until("SELECT * FROM calls WHERE purpose = 'judge' AND status = 404", lambda rows: len(rows) > 0)
        rubric(server)
        server.until("SELECT * FROM calls WHERE purpose = 'judge' AND status = 503", lambda rows: len(rows) > 0)
        deadline = time.monotonic() + 60
        while "judge says 503" not in (said := waiting(server)):  # told once a second
            assert time.monotonic() < deadline, said
            time.sleep(0.1)
        judge.status = 200
        assert scores(server, "kindness", 5).keys() == ids
        assert {row["parsed"] for row in scores(server, "kindness", 5).values()} == {True}
        call(server, "kind-agent", 6)
        scores(server, "kindness", 8)
        status: dict[str, Any] = {}
        deadline = time.monotonic() + 30
        # Told once a second: the last verdict may be under way when the rest is over budget already.
        while (status.get("judged"), status.get("over_budget")) != (8, 3) and time.monotonic() < deadline:
            status = server.api.get("/health/ready").json()["keeper"]["scoring"]["judges"]["kindness"]
            time.sleep(0.1)
        assert (status["judged"], status["over_budget"]) == (8, 3)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ('[scorers.x]\nkind = "is-jsn"', "did you mean 'is-json'?"),
        ('[scorers.x]\nkind = "regex"', "options.pattern is missing"),
        ('[scorers.x]\nkind = "regex"\noptions = { pattern = "(a" }', "is no regular expression that can be used here"),
        ('[scorers.x]\nkind = "regex"\noptions = { pattern = "a", ignore = true }', "options.ignore is not an option"),
        ('[scorers.x]\nkind = "cost"\noptions = { max_usd = 0 }', "options.max_usd"),
        ('[scorers.x]\nkind = "json-schema"\noptions = { schema = { type = "objekt" } }', "not a JSON Schema"),
        ('[scorers.x]\nkind = "language"\noptions = { expect = "english" }', "no language is called 'english'"),
        ('[scorers.x]\nkind = "is-json"\nsample = 0', "scorers.x.sample"),
        ('[scorers."a b"]\nkind = "is-json"', "a scorer's name"),
        ('[scorers.x]\nkind = "judge"\noptions = { rubric = "r", verdict = "category" }', "categories takes two names"),
    ],
)
def test_a_scorer_that_makes_no_sense_keeps_the_server_from_starting(tmp_path: Path, given: str, says: str) -> None:
    from slugline.settings import SettingsError, load_settings

    (tmp_path / "slugline.toml").write_text(given)
    with pytest.raises(SettingsError) as refused:
        load_settings({}, tmp_path / "slugline.toml")
    assert says in str(refused.value)
