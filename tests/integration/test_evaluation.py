"""`slugline eval` on a data folder, against providers on real sockets: what it asks, keeps, pays, shows and refuses."""

import asyncio
import json
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import orjson
import pytest

from registry.cases import Case, Check
from slugline.commands.eval_view import NOT_FINISHED, NOT_PASSED
from slugline.evaluation_asking import queue
from slugline.evaluation_plan import cases_of_dataset, plan_of
from slugline.evaluation_queue import EvaluationRunner
from slugline.settings import load_settings
from tests.plugins.command_line import CommandLine
from tests.plugins.evaluating import ANN, Desk, comparable, mail
from tests.plugins.judge import serve_judge
from tests.plugins.moody import serve_moody
from tests.plugins.server import Server

KIND = Check(
    type="icontains-any", value=["thank", "good that"], metric="kind"
)  # what the simulator says when told to thank
SHORT, LONG = "Be short.", "You answer the mail of a parcel service. Thank the customer."


@pytest.fixture
def desk(tmp_path: Path, simulator: str) -> Desk:
    return Desk(tmp_path, simulator)


def spooled(desk: Desk) -> list[dict[str, object]]:
    """The calls that wait in the spool for the next server."""
    segments = [path for path in (desk.data / "spool").rglob("calls.*") if path.is_file()]
    return [orjson.loads(line) for path in segments for line in path.read_bytes().splitlines()]


def test_versions_are_compared_over_a_dataset_and_everything_is_on_record(desk: Desk) -> None:
    must = Case(messages=({"role": "user", "content": "Hi"},), must_pass=True, note="a greeting | first", tags=("t",))
    desk.dataset([*mail(5), must], [KIND, Check(type="contains", value="nowhere", weight=0, metric="odd")])
    markdown, junit = desk.folder / "r.md", desk.folder / "r.xml"
    report = desk.report(
        *("agent@latest", "--against", "@stable", "--dataset", "golden", "--repeat", "2", "--concurrency", "3"),
        *("--markdown", str(markdown), "--junit", str(junit)),
        status=NOT_PASSED,
    )
    assert Counter(desk.asked()) == Counter(
        {(text, case.messages[0]["content"]): 2 for text in (SHORT, LONG) for case in (*mail(5), must)}
    )
    new, old = report["targets"]
    assert (new["label"], new["passed"], new["failed"], new["baseline"]) == ("agent@2", 0, 12, False)
    assert (old["label"], old["passed"], old["failed"], old["baseline"]) == ("agent@1", 12, 0, True)
    assert (new["pass_rate"], old["pass_rate"]) == (0, 1)
    assert (report["complete"], report["passed"], report["source"]) == (True, False, "golden@1")
    assert new["metrics"]["kind"] == 0
    failure = report["failures"][-1]
    assert (failure["name"], failure["must_pass"], failure["failed"], failure["repeats"]) == (must.note, True, 2, 2)
    (reason,) = failure["reasons"]
    assert reason.startswith("kind: ")
    assert {tuple(map(tuple, one["passes"].values())) for one in report["differences"]} == {((0, 2), (2, 2))}

    evaluation = desk.store.evaluation(report["evaluation_id"])
    assert (evaluation.state, evaluation.done, evaluation.failed, evaluation.total) == ("done", 24, 12, 24)
    assert (evaluation.slug, evaluation.dataset_reference) == ("agent", "golden@1")
    assert evaluation.cost == pytest.approx(report["spent_usd"]) == pytest.approx(new["cost_usd"] + old["cost_usd"])
    results = desk.store.results(report["evaluation_id"])
    calls = {str(call["call_id"]): call for call in spooled(desk)}
    assert {dict(result.result)["output"]["call_id"] for result in results} == calls.keys()
    assert {(call["purpose"], call["prompt"], call["channel"]) for call in calls.values()} == {
        ("evaluation", "agent", "pinned")
    }
    tags = {tuple(sorted(call["tags"].items())) for call in calls.values()}  # type: ignore[attr-defined]
    cases = {case.case_id for case in (*mail(5), must)}
    assert tags == {
        (("case", case), ("evaluation", report["evaluation_id"]), ("repeat", repeat))
        for case in cases
        for repeat in "01"
    }

    suites = {suite.get("name"): suite for suite in ET.fromstring(junit.read_text())}  # noqa: S314 - our own
    assert [suites["agent@2"].get(name) for name in ("tests", "failures", "errors", "skipped")] == ["6", "6", "0", "0"]
    assert suites["agent@1"].get("failures") == "0"
    assert f"{reason} (2 of 2 attempts)" in {failure.get("message") for failure in suites["agent@2"].iter("failure")}
    text = markdown.read_text()
    assert "| agent\\@1 \\(baseline\\) | 12/12 | 0 | 100.0% |" in text
    assert "- agent\\@2: **must pass** a greeting \\| first (2 of 2): kind: " in text

    facts = evaluation.facts
    assert facts is not None
    assert (facts["candidate"]["target"]["label"], facts["difference"]["estimate"]) == ("agent@2", -1)
    assert report["facts"] == {"agent@2": facts}

    done = desk("agent@1", "--dataset", "golden@1", "--cache")
    assert done.status == 0, done.told
    assert "agent on golden@1 (6 cases): all passed" in done.out
    assert "cost $0.0000; 6 answers were taken from earlier evaluations" in done.out


def test_answers_are_checked_anew_without_asking_and_taken_again_on_request(desk: Desk) -> None:
    desk.dataset(mail(4), [KIND])
    first = desk.report("agent@2", "--dataset", "golden", status=NOT_PASSED)
    desk.asked(forget=True)
    desk.dataset([Case(messages=one.messages, checks=(Check(type="not-icontains", value="thank"),)) for one in mail(4)])
    again = desk.report("agent@2", "--dataset", "golden@2", "--recheck", first["evaluation_id"])
    assert (again["targets"][0]["passed"], again["cached"], again["spent_usd"]) == (4, 4, 0)
    assert desk.asked() == []
    missing = desk("agent@2", "--dataset", "golden", "--repeat", "2", "--recheck", first["evaluation_id"])
    assert missing.status == 1
    assert "has no answer for 4 of 8 attempts" in missing.err
    assert desk.asked() == []

    desk.dataset(mail(6), [])
    some = desk.report("agent@2", "--dataset", "golden", "--cache", status=NOT_PASSED)  # without a check nothing passes
    assert (some["cached"], len(desk.asked(forget=True)), some["targets"][0]["undecided"]) == (4, 2, 6)
    desk.save("agent", SHORT, parameters={"temperature": 0.5})
    desk.report("agent@3", "--dataset", "golden", "--cache", status=NOT_PASSED)
    assert len(desk.asked()) == 6  # another version that asks something else


def test_a_budget_stops_it_and_it_goes_on_with_a_larger_one(desk: Desk) -> None:
    desk.dataset(mail(20), [KIND])
    whole = desk.report("agent@1", "--dataset", "golden")
    desk.asked(forget=True)
    budget = whole["spent_usd"] / 2
    half = desk.report("agent@1", "--dataset", "golden", "--budget", str(budget), status=NOT_FINISHED)
    assert (half["state"], half["complete"]) == ("over_budget", False)
    assert 0 < half["spent_usd"] <= budget
    assert half["done"] == half["targets"][0]["passed"] == len(desk.asked()) < 20
    assert len(desk.store.results(half["evaluation_id"])) == half["done"]
    assert desk.store.evaluation(half["evaluation_id"]).state == "queued"

    done = desk("--resume", half["evaluation_id"], "--budget", str(budget))
    assert done.status == NOT_FINISHED
    assert f"Go on with: slugline eval --resume {half['evaluation_id']}" in done.out
    resumed = desk.report("--resume", half["evaluation_id"])
    assert Counter(desk.asked()) == Counter({(LONG, case.messages[0]["content"]): 1 for case in mail(20)})
    assert comparable(resumed) == comparable(whole)
    again = desk("agent@2", "--against", "@1", "--dataset", "golden", "--cache")
    assert "agent@2 against agent@1: -100.0 points (at 95% confidence at least -100.0" in again.out
    over = desk("--resume", half["evaluation_id"])
    assert (over.status, over.out) == (1, "")
    assert "is done already" in over.err


def test_a_provider_that_is_down_for_a_while_is_waited_for(tmp_path: Path) -> None:
    with serve_moody("moody-1") as provider:
        desk = Desk(tmp_path, provider.url.removesuffix("/v1"))
        desk.save("moody", "Hi", model="simulator-moody")
        desk.dataset(mail(6), [Check(type="equals", value="ok")])
        provider.reset("drop", 503, "drop", 429, *[503] * 12)
        done = desk("moody@1", "--dataset", "golden", "--concurrency", "4")
        assert done.status == 0, done.told
        assert "6/6 0" in " ".join(done.out.split())
        assert "waiting: moody@1 can't be asked now" in done.err
        assert provider.asked == 16 + 6


def test_a_model_that_is_not_there_stops_it_before_anything_is_spoiled(desk: Desk) -> None:
    desk.dataset(mail(3), [KIND])
    done = desk("agent@1", "--dataset", "golden", "--model", "simulator-error-404")
    assert done.status == NOT_FINISHED
    assert (
        "agent@1 on simulator-error-404 can't be asked (404): The server had an error" in done.out
        or "(404)" in done.out
    )
    assert "after 0 of 3" in done.out


def test_what_judges_cost_is_told(tmp_path: Path, simulator: str) -> None:
    with serve_judge() as judge:
        desk = Desk(tmp_path, simulator, judge.url)
        desk.dataset(mail(3), [Check(type="model-graded-closedqa", value="is it kind?", metric="kindness")])
        report = desk.report("agent@1", "--dataset", "golden")
    assert len(judge.asked) == 3
    judged = [dict(result.result)["checks"][0] for result in desk.store.results(report["evaluation_id"])]
    assert {check["version"] for check in judged} == {"judge-rubric@1/judge-1-2026"}
    assert report["spent_usd"] == pytest.approx(
        report["targets"][0]["cost_usd"] + sum(check["cost"] for check in judged)
    )
    calls = [call for call in spooled(desk) if call["purpose"] == "judge"]
    assert {call["tags"]["evaluation"] for call in calls} == {report["evaluation_id"]}  # type: ignore[index]


def test_cases_of_a_file_stay_on_this_machine(desk: Desk) -> None:
    file = desk.folder / "cases.yaml"
    told = {
        "cases": [
            {"messages": [{"role": "user", "content": "Hi"}], "checks": [{"type": "icontains", "value": "thank"}]}
        ]
    }
    file.write_text(json.dumps(told))
    report = desk.report("agent@1", "--file", str(file))
    assert (report["source"], report["targets"][0]["passed"]) == ("cases.yaml", 1)
    assert desk.store.evaluations() == []
    again = desk.report("--resume", report["evaluation_id"])
    assert comparable(again) == comparable(report)
    assert len(desk.asked()) == 1


def test_what_would_be_paid_for_in_vain_is_refused_first(desk: Desk) -> None:
    desk.dataset(mail(2), [KIND])
    desk.dataset(mail(1), [Check(type="regex", value="[")], name="broken")
    cases = ("--dataset", "golden")
    for arguments, said in (
        ((*cases,), "name the versions to try"),
        (("agent",), "--dataset NAME, or --file FILE"),
        (("agent", *cases, "--file", "x"), "--dataset NAME, or --file FILE"),
        (("agnt", *cases), "did you mean 'agent'?"),
        (("agent@9", *cases), "it has versions 1-2"),
        (("agent", "--dataset", "goldn"), "did you mean 'golden'?"),
        (("agent@1", *cases, "--against", "@stable"), "there is nothing to compare"),
        (("agent", "--dataset", "broken"), "broken has checks that can't work"),
        (("agent", "--file", str(desk.folder / "none.yaml")), "none.yaml"),
        (("--resume", "nothing"), "is no evaluation's id"),
        (("--resume", "0199c7a2-7b3e-7c55-9d0e-3f1a2b4c5d6e"), "0199c7a2-7b3e-7c55-9d0e-3f1a2b4c5d6e"),
        (("agent", *cases, "--resume", "0199c7a2-7b3e-7c55-9d0e-3f1a2b4c5d6e"), "name no versions"),
    ):
        done = desk(*arguments)
        assert (done.status, done.out) == (1, ""), done.told
        assert said in done.err, done.told
    assert desk.asked() == []
    foreseen = desk("agent@1", "@2", *cases, "--dry-run")
    assert "agent@1, agent@2 on golden@1 (2 cases): 4 calls, about $0." in foreseen.out
    assert desk.asked() == []
    assert desk.store.evaluations() == []


def test_it_works_beside_a_server_whose_record_has_its_calls(server: Server, tmp_path: Path) -> None:
    server.save("evaluated", "Thank the customer.")
    config = server.data.parent / "slugline.toml"
    file = tmp_path / "cases.json"
    file.write_text(json.dumps([{"messages": [{"role": "user", "content": f"Where is {n}?"}]} for n in range(5)]))
    line = CommandLine(options=("--data", str(server.data), "--config", str(config)))
    done = line("eval", "evaluated@1", "--file", str(file), "--json")
    assert done.status == NOT_PASSED, done.told  # nothing is checked, so nothing passes
    evaluation_id = json.loads(done.out)["evaluation_id"]
    rows = server.until(
        f"SELECT * FROM calls WHERE tags['evaluation'] = '{evaluation_id}'", lambda found: len(found) >= 5
    )
    assert {(row["purpose"], row["prompt"], row["version"], row["outcome"]) for row in rows} == {
        ("evaluation", "evaluated", 1, "ok")
    }


def test_who_may_not_evaluate_is_refused(desk: Desk) -> None:
    from registry.keys import KeyTerms
    from registry.writing.key_store import KeyStore

    desk.dataset(mail(1), [KIND])
    key = KeyStore(desk.engine).create(KeyTerms(name="app", roles=("application",)), by=ANN)
    line = CommandLine({"SLUGLINE_KEY": key.secret.text}, desk.options)
    done = line("eval", "agent@1", "--dataset", "golden")
    assert (done.status, done.out) == (1, "")
    assert "may not" in done.err or "role" in done.err
    assert desk.asked() == []


def test_what_is_queued_is_run_and_what_somebody_typed_is_not(desk: Desk) -> None:
    desk.dataset(mail(12), [KIND])
    half = desk.report("agent@1", "--dataset", "golden", "--budget", "0.03", status=NOT_FINISHED)
    plan = plan_of(desk.store, ANN, ["agent@1"], cases_of_dataset(desk.store, ANN, "golden"), against="agent@2")
    ids = [f"0199c7a2-7b3e-7c55-9d0e-3f1a2b4c5d6{digit}" for digit in "abc"]
    for evaluation_id, budget in zip(ids, (None, 0.03, None), strict=True):
        queue(desk.store, evaluation_id, plan, by=ANN, budget_usd=budget)
    desk.store.cancel_evaluation(ids[2], by=ANN)
    runner = EvaluationRunner(load_settings({"data": desk.data}, desk.config), {}, desk.store)

    def over() -> bool:
        return all(desk.store.evaluation(one).state in {"done", "failed"} for one in ids[:2])

    asyncio.run(asyncio.wait_for(runner.run(over), 60))
    first, second, third = map(desk.store.evaluation, ids)
    assert (first.state, first.done, first.failed) == ("done", 24, 12)
    assert first.facts is not None
    assert first.facts["difference"]["estimate"] == 1
    assert (second.state, second.error) == ("failed", "another call is likely to go over the budget of $0.0300")
    assert 0 < second.done < 24
    assert (third.state, third.done) == ("cancelled", 0)
    assert desk.store.evaluation(half["evaluation_id"]).state == "queued"
