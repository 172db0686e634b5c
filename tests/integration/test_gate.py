"""`slugline gate` on a data folder: what it lets through, what it refuses and why, and that the registry holds to it."""

import contextlib
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from registry.cases import Case, Check
from registry.values import Content
from slugline.commands.eval_view import NOT_FINISHED
from slugline.commands.gate import CANT_TELL, FAILED
from tests.plugins.command_line import CommandLine, Done
from tests.plugins.evaluating import ANN, Desk
from tests.plugins.replay import Recorded, recorded, serve_replay

GOOD, SAME, BAD = "good-1", "good-2", "bad-1"
RIGHT = Check(type="equals", value="{{ expected }}", metric="right")


def answers(model: str, wrong: Iterable[int], count: int) -> list[Recorded]:
    """A model that answers question N with N, and some questions with nonsense."""
    bad = set(wrong)
    return [
        Recorded(
            model=model,
            question=f"question {number}",
            expected=str(number),
            answer="nonsense" if number in bad else str(number),
            latency=0.1,
            cost=0.0,
            tokens=5,
        )
        for number in range(count)
    ]


def cases(count: int, must_pass: Iterable[int] = ()) -> list[Case]:
    must = set(must_pass)
    return [
        Case(variables={"question": f"question {n}"}, expected=str(n), note=f"case {n}", must_pass=n in must)
        for n in range(count)
    ]


class Gated(Desk):
    """A prompt `ask` whose versions differ in their model; a protected stable channel."""

    def __init__(self, folder: Path, url: str, registry: str = "") -> None:
        super().__init__(folder, url, registry=registry)
        self.configure(f'[providers.replay]\nbase_url = "{url}"\nmodels = ["*"]\n')
        self.line = CommandLine(options=self.options)

    def version(self, model: str, **parameters: Any) -> int:
        content = Content(
            messages=({"role": "user", "content": "{{ question }}"},), model=model, parameters={**parameters}
        )
        return self.store.save("ask", content, message="test", by=ANN).version.number

    def protect(self, policy: Mapping[str, Any]) -> None:
        self.store.protect("ask", channel="stable", policy=dict(policy), by=ANN)

    def gate(self, *arguments: str) -> Done:
        return self.line("gate", "ask", *arguments)

    def promote(self, number: int) -> Done:
        return self.line("prompt", "promote", "ask", str(number), "-m", "better")


@contextlib.contextmanager
def gated(folder: Path, *records: list[Recorded], registry: str = "") -> Iterator[Gated]:
    with serve_replay([record for some in records for record in some]) as url:
        desk = Gated(folder, url, registry)
        try:
            yield desk
        finally:
            desk.engine.dispose()


def test_an_equal_version_passes_and_then_may_get_onto_the_channel(tmp_path: Path) -> None:
    with gated(tmp_path, answers(GOOD, [], 50), answers(SAME, [], 50)) as desk:
        desk.version(GOOD)
        desk.store.promote("ask", 1, reason="first", by=ANN)
        desk.dataset(cases(50, must_pass=[3]), [RIGHT])
        desk.protect({"dataset": "golden"})
        desk.version(SAME)
        refused = desk.promote(2)
        assert refused.status == 1
        assert "slugline gate ask --candidate 2 --channel stable" in refused.err
        report, junit = tmp_path / "gate.md", tmp_path / "gate.xml"
        done = desk.gate("--candidate", "latest", "--markdown", str(report), "--junit", str(junit))
        assert done.status == 0, done.told
        assert "ask@2 for stable on golden: passed" in done.out
        assert desk.promote(2).status == 0
        assert report.read_text().startswith("## ✅ ask\\@2 for stable on golden: passed")
        suites = ET.parse(junit).getroot()  # noqa: S314 - our own
        assert [suite.get("failures") for suite in suites] == ["0", "0"]
        [verdict] = [entry for entry in desk.store.history("ask") if entry.action == "verdict"]
        assert verdict.evidence["passed"] is True


def test_two_broken_must_pass_cases_of_fifty_are_named_and_keep_it_out(tmp_path: Path) -> None:
    with gated(tmp_path, answers(GOOD, [], 50), answers(BAD, [7, 31], 50)) as desk:
        desk.version(GOOD)
        desk.store.promote("ask", 1, reason="first", by=ANN)
        desk.dataset(cases(50, must_pass=range(50)), [RIGHT])
        desk.protect({"dataset": "golden", "margin": 0.2})
        desk.version(BAD)
        junit = tmp_path / "gate.xml"
        done = desk.gate("--candidate", "2", "--junit", str(junit))
        assert done.status == FAILED
        refused = desk.promote(2)
        assert refused.status == 1
        for said in (done.out, refused.err):
            assert "2 of 50 cases that must pass failed" in said
            assert "case 7 (" in said
            assert "case 31 (" in said
            assert "case 8 (" not in said
        assert [suite.get("failures") for suite in ET.parse(junit).getroot()] == ["2", "0"]  # noqa: S314 - our own
        assert desk.store.prompt("ask").channels["stable"] == 1


def test_worse_by_more_than_the_margin_fails(tmp_path: Path) -> None:
    with gated(tmp_path, answers(GOOD, [], 100), answers(BAD, range(15), 100)) as desk:
        desk.version(GOOD)
        desk.store.promote("ask", 1, reason="first", by=ANN)
        desk.dataset(cases(100), [RIGHT])
        desk.protect({"dataset": "golden", "margin": 0.05})
        desk.version(BAD)
        told = json.loads(desk.gate("--json").out)
        [outcome] = told["gates"]
        assert (outcome["outcome"], outcome["candidate"], outcome["channel"]) == ("fail", 2, "stable")
        assert desk.promote(2).status == 1


def test_too_few_cases_are_said_to_be_too_few(tmp_path: Path) -> None:
    with gated(tmp_path, answers(GOOD, [1], 10), answers(BAD, [2], 10)) as desk:
        desk.version(GOOD)
        desk.store.promote("ask", 1, reason="first", by=ANN)
        desk.dataset(cases(10), [RIGHT])
        desk.protect({"dataset": "golden"})
        desk.version(BAD)
        done = desk.gate()
        assert done.status == CANT_TELL
        assert "can't be told from so few cases (" in done.out
        assert desk.promote(2).status == 1


def test_tries_are_counted_until_something_else_is_tried(tmp_path: Path) -> None:
    with gated(tmp_path, answers(GOOD, [], 50), answers(BAD, [2, 3, 4], 50)) as desk:
        desk.version(GOOD)
        desk.store.promote("ask", 1, reason="first", by=ANN)
        desk.dataset(cases(50), [RIGHT])
        desk.protect({"dataset": "golden"})
        desk.version(BAD)
        said = [desk.gate("--cache").out for _ in range(4)]
        assert "try" not in said[0]
        assert "the 2nd try, so at a confidence of 0.995" in said[1]
        assert "the 3rd try, so at a confidence of 0.9995" in said[2]
        assert "it is the 4th try on the same cases against ask@1" in said[3]
        assert "it is the 4th try" in desk.promote(2).err
        desk.dataset(cases(49), [RIGHT])
        assert "try" not in desk.gate("--cache").out


def test_the_first_version_is_held_to_thresholds_alone(tmp_path: Path) -> None:
    with gated(tmp_path, answers(GOOD, [1, 2], 20)) as desk:
        desk.version(GOOD)
        desk.dataset(cases(20), [RIGHT])
        desk.protect({"dataset": "golden", "min_pass_rate": 0.95})
        assert desk.gate().status == FAILED
        assert desk.promote(1).status == 1
        desk.protect({"dataset": "golden", "min_pass_rate": 0.85})
        assert desk.promote(1).status == 0, "the policy is asked at promotion, of the facts that are there"


def test_a_gate_that_ran_out_of_budget_is_no_verdict_and_goes_on_later(tmp_path: Path) -> None:
    with gated(tmp_path, answers(GOOD, [], 20)) as desk:
        desk.config.write_text(desk.config.read_text() + '[providers.replay.prices."*"]\ninput = 100\noutput = 100\n')
        desk.version(GOOD)
        desk.dataset(cases(20), [RIGHT])
        desk.protect({"dataset": "golden", "min_pass_rate": 0.9})
        begun = desk.gate("--budget", "0.003", "--concurrency", "1")
        assert begun.status == NOT_FINISHED, begun.told
        assert [entry for entry in desk.store.history("ask") if entry.action == "verdict"] == []
        [evaluation] = desk.store.evaluations("ask")
        assert 0 < evaluation.done < 20
        assert desk.gate("--resume", evaluation.evaluation_id).status == 0
        assert desk.promote(1).status == 0
        desk.dataset(cases(21), [RIGHT])
        stale = desk.gate("--resume", evaluation.evaluation_id)
        assert stale.status == 1
        assert "tries something else" in stale.err


def test_without_a_policy_it_says_how_to_have_one(tmp_path: Path) -> None:
    with gated(tmp_path, answers(GOOD, [], 3)) as desk:
        desk.version(GOOD)
        done = desk.gate()
        assert done.status == 1
        assert "slugline prompt protect ask --channel stable --policy" in done.err
        assert desk.gate("--candidate", "9").status == 1


def test_a_check_that_cannot_work_is_refused_when_it_is_saved(tmp_path: Path) -> None:
    with gated(tmp_path, answers(GOOD, [], 1)) as desk:
        file = tmp_path / "cases.yaml"
        file.write_text("tests:\n  - vars: {question: question 0}\n    assert: [{type: regex, value: '(['}]\n")
        done = desk.line("dataset", "save", "broken", str(file), "-m", "first")
        assert done.status == 1
        assert "regex" in done.err
        assert desk.line("dataset", "show", "broken").status == 1


@pytest.mark.needs("llmdrift")
def test_the_june_model_is_refused_on_primes_where_the_march_model_passes(tmp_path: Path) -> None:
    """GPT-4's published rates on this task: 84.0 % in March, 51.1 % in June."""
    march, june = "gpt-4-0314", "gpt-4-0613"
    primes = [record for record in recorded("PRIME_FULL") if record.model in (march, june)]
    says = Check(type="regex", value=r"(?i)\[{{ expected }}\]|^\s*{{ expected }}\s*$", metric="right")
    golden = [
        Case(variables={"question": record.question}, expected=record.expected.lower())
        for record in primes
        if record.model == march
    ]
    with gated(tmp_path, primes) as desk:
        desk.version(march)
        desk.store.promote("ask", 1, reason="first", by=ANN)
        desk.dataset(golden, [says])
        desk.protect({"dataset": "golden"})
        desk.version(march, temperature=0.1)
        assert desk.gate("--candidate", "2").status == 0
        desk.version(june)
        done = desk.gate("--candidate", "3", "--json", "--cache")  # March is not asked again
        assert done.status == FAILED
        told = json.loads(done.out)
        rates = {each["label"]: round(100 * each["pass_rate"], 1) for each in told["evaluations"][0]["targets"]}
        assert rates == {"ask@3": 51.1, "ask@1": 84.0}
        assert desk.promote(3).status == 1
        assert desk.promote(2).status == 0
