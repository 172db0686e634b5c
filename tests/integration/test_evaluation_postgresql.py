"""Evaluations and gates with the registry on PostgreSQL: what is kept, who may run one, and what a promotion makes of it."""

import asyncio
import threading
from pathlib import Path

import pytest

from registry.errors import EvaluationOverError
from registry.writing.audit import verify
from registry.writing.store import Store
from slugline.commands.gate import FAILED
from slugline.evaluation_asking import queue
from slugline.evaluation_plan import cases_of_dataset, plan_of
from slugline.evaluation_queue import EvaluationRunner
from slugline.settings import load_settings
from tests.integration.test_gate import BAD, GOOD, RIGHT, SAME, Gated, answers, cases, gated
from tests.plugins.evaluating import ANN


def test_a_gate_with_its_results_and_its_verdict(tmp_path: Path, postgresql_url: str) -> None:
    with gated(tmp_path, answers(GOOD, [], 50), answers(BAD, [7, 31], 50), registry=postgresql_url) as desk:
        desk.version(GOOD)
        desk.store.promote("ask", 1, reason="first", by=ANN)
        desk.dataset(cases(50, must_pass=range(50)), [RIGHT])
        desk.protect({"dataset": "golden", "margin": 0.2})
        desk.version(BAD)
        done = desk.gate("--candidate", "2")
        assert done.status == FAILED, done.told
        [evaluation] = desk.store.evaluations("ask")
        assert (evaluation.state, evaluation.done, evaluation.failed) == ("done", 100, 2)
        results = desk.store.results(evaluation.evaluation_id, target="ask@2")
        assert [each.passed for each in results].count(False) == 2
        assert results[0].result["output"]["text"]
        refused = desk.promote(2)
        assert "2 of 50 cases that must pass failed" in refused.err
        assert verify(desk.store).whole


def queued(desk: Gated) -> str:
    plan = plan_of(desk.store, ANN, ["ask@1"], cases_of_dataset(desk.store, ANN, "golden"))
    return queue(desk.store, "01a20000-0000-7000-8000-000000000001", plan, by=ANN).evaluation_id


def test_several_keepers_run_an_evaluation_once(tmp_path: Path, postgresql_url: str) -> None:
    """Two machines, each with a data folder of its own, and one registry."""
    with gated(tmp_path, answers(GOOD, [], 30), registry=postgresql_url) as desk:
        desk.version(GOOD)
        desk.dataset(cases(30), [RIGHT])
        evaluation_id = queued(desk)

        def keeper(name: str) -> None:
            settings = load_settings({"data": tmp_path / name}, desk.config)
            runner = EvaluationRunner(settings, {}, Store(desk.engine))
            asyncio.run(runner.run(lambda: desk.store.evaluation(evaluation_id).state == "done"))

        keepers = [threading.Thread(target=keeper, args=[name]) for name in ("one", "two", "three")]
        for each in keepers:
            each.start()
        for each in keepers:
            each.join(60)
        found = desk.store.evaluation(evaluation_id)
        assert (found.state, found.done, found.failed) == ("done", 30, 0)
        asked = [path for name in ("one", "two", "three") for path in (tmp_path / name).rglob("journal.jsonl")]
        assert sum(path.read_bytes().count(b'"output"') for path in asked) == 30


def test_a_lease_keeps_others_out_until_it_has_run_out(tmp_path: Path, postgresql_url: str) -> None:
    with gated(tmp_path, answers(SAME, [], 3), registry=postgresql_url) as desk:
        desk.version(SAME)
        desk.dataset(cases(3), [RIGHT])
        evaluation_id = queued(desk)
        desk.store.claim_evaluation("one", evaluation_id=evaluation_id)
        with pytest.raises(EvaluationOverError, match="is being run by one"):
            desk.store.claim_evaluation("two", evaluation_id=evaluation_id)
        desk.store.claim_evaluation("one", evaluation_id=evaluation_id, seconds=-1)
        taken = desk.store.claim_evaluation("two", evaluation_id=evaluation_id)
        assert taken is not None
        assert taken.runner == "two"
