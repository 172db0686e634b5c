"""Judges' checks on the real request path: rubric prompts of a registry, a model on a socket, calls on record."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from evaluation.checks.pairs import compare
from evaluation.checks.rubrics import RUBRICS
from evaluation.checks.running import run_checks
from evaluation.runs.values import CheckResult
from evaluation.scorers.judge import Ask
from registry.cases import Case, Check
from registry.values import Content
from slugline.judges import asking
from slugline.local import open_local
from slugline.settings import load_settings
from tests.plugins.judge import JudgeModel, serve_judge
from tests.unit.evaluation.checks.outputs import output
from tracing.event import Event
from tracing.spool import Spool, SpoolFolders

CASE = Case(variables={"customer": "Ada"}, expected="It arrives on Monday.")


class Bench:
    """A registry, a judge's model, and what was recorded."""

    def __init__(self, folder: Path, model: JudgeModel) -> None:
        self.model = model
        self.recorded: list[Event] = []
        (folder / "slugline.toml").write_text(
            f'[providers.judge]\nkind = "openai"\nbase_url = "{model.url}"\nmodels = ["judge-*"]\n'
            '[providers.judge.prices."*"]\ninput = 1000\noutput = 1000\n'
        )
        self.settings = load_settings({"data": folder / "data"}, folder / "slugline.toml")
        self.access = open_local(self.settings, {})
        self.spool = Spool(SpoolFolders.at(folder / "spool"), bounds=self.settings.spool_bounds, worker="test")

    def save(self, slug: str, text: str) -> None:
        content = Content(messages=({"role": "user", "content": text},), model="judge-1")
        number = self.access.save(slug, content, message="test").version.number
        self.access.promote(slug, number, channel="stable", reason="test")

    def record(self, event: Event) -> bool:
        self.recorded.append(event)
        return True


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with serve_judge() as model:
        made = Bench(tmp_path, model)
        for slug, text in RUBRICS.items():
            made.save(slug, text)
        yield made
        made.spool.close()


@pytest.fixture
async def ask(bench: Bench) -> AsyncIterator[Ask]:
    async with asking(bench.settings, {}, bench.spool, bench.record) as asker:  # type: ignore[arg-type]
        yield asker


async def checked(check: dict[str, Any], ask: Ask, text: str = "It arrives on Monday, Ada.") -> CheckResult:
    [told] = await run_checks([Check(**check)], ask=ask, prompt="agent", pause_seconds=0.0)(CASE, output(text))
    return told


async def test_a_rubric_of_the_registry_is_asked_with_all_that_it_prints(bench: Bench, ask: Ask) -> None:
    bench.model.said = json.dumps({"reason": "it names the day", "pass": True, "score": 0.8})
    told = await checked({"type": "llm-rubric", "value": "Tells {{ customer }} the day", "threshold": 0.8}, ask)
    assert (told.passed, told.score, told.reason) == (True, 0.8, "it names the day")
    assert (told.version, told.cost) == ("judge-rubric@1/judge-1-2026", pytest.approx(0.009))
    [body] = bench.model.asked
    [message] = body["messages"]
    for part in (
        "<criterion>\nTells Ada the day\n</criterion>",
        "<question>\nWhere?\n</question>",
        "<answer>\nIt arrives on Monday, Ada.\n</answer>",
    ):
        assert part in message["content"]
    assert body["response_format"]["json_schema"]["schema"]["required"] == ["reason", "pass", "score"]
    [call] = bench.recorded
    assert (call.purpose, call.prompt, call.version) == ("judge", "judge-rubric", 1)


async def test_facts_closed_questions_and_pairs_are_judged(bench: Bench, ask: Ask) -> None:
    bench.model.said = json.dumps({"reason": "r", "verdict": "disagree"})
    told = await checked({"type": "factuality"}, ask)
    assert told.passed is False
    assert "<reference>\nIt arrives on Monday.\n</reference>" in bench.model.asked[-1]["messages"][0]["content"]
    bench.model.said = json.dumps({"reason": "r", "verdict": True})
    assert (await checked({"type": "model-graded-closedqa", "value": "polite?"}, ask)).passed is True
    bench.model.said = json.dumps({"reason": "r", "verdict": "first"})
    told_pair = await compare(CASE, output("one"), output("other"), ask)
    assert (told_pair.winner, told_pair.steady, told_pair.cost) == ("tie", False, pytest.approx(0.018))
    orders = {
        tuple(body["messages"][0]["content"].find(f"\n{word}\n") for word in ("one", "other"))
        for body in bench.model.asked[-2:]
    }
    assert {first < second for first, second in orders} == {True, False}


async def test_what_goes_wrong_is_undecided_and_says_what_to_do(bench: Bench, ask: Ask) -> None:
    missing = await checked({"type": "llm-rubric", "value": "kind", "options": {"rubric": "judge-none"}}, ask)
    assert missing.passed is None
    assert "judge-none" in missing.reason and "slugline prompt save judge-none" in missing.reason
    bench.model.said = "I think it is fine."
    odd = await checked({"type": "not-llm-rubric", "value": "kind"}, ask)
    assert odd.passed is None and "not as asked for" in odd.reason and odd.cost is not None
    bench.model.status = 503
    away = await checked({"type": "llm-rubric", "value": "kind"}, ask)
    assert away.passed is None and "503" in away.reason and "judge says 503" in away.reason
