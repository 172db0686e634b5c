"""A run asks each attempt once whatever happens to it, keeps what was paid, and stops for what would be paid in vain."""

import asyncio
from pathlib import Path

import pytest

from evaluation.runs.journal import NAME, Journal, answers_kept
from evaluation.runs.values import Attempt, CheckResult, Output
from registry.cases import Case
from tests.unit.evaluation.runs.bench import A, B, Bench, plan_of


async def test_all_attempts_are_asked_once_and_checked(tmp_path: Path) -> None:
    bench = Bench(tmp_path, plan_of(10, repeats=2), concurrency=3)
    ended = await bench.run()
    assert (ended.state, ended.total, ended.done, ended.asked) == ("done", 40, 40, 40)
    assert ended.spent_usd == pytest.approx(0.4)
    assert bench.results.there.keys() == bench.asked.keys()
    assert set(bench.asked.values()) == {1}
    assert bench.most_at_once == 3
    assert {result.passed for key, result in bench.results.there.items() if key[0] == A.label} == {True}
    last = bench.told[-1]
    assert (last.done, last.total, last.failed, last.errors, last.eta_seconds) == (40, 40, 20, 0, 0)
    assert bench.order[:2] == [(A.label, bench.plan.cases[0].case_id, 0), (B.label, bench.plan.cases[0].case_id, 0)]

    again = await bench.run()
    assert (again.state, again.done, again.asked) == ("done", 40, 0)
    assert again.spent_usd == pytest.approx(0.4)


async def test_what_was_answered_is_not_asked_again_and_what_was_checked_is_not_checked_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, plan_of(200), concurrency=2)
    bench.results.broken = OSError("the database is away")
    with pytest.raises(OSError, match="database is away"):
        await bench.run()
    answered = dict(bench.asked)
    assert 0 < len(answered) < 400
    assert not bench.results.there

    bench.results.broken = None
    ended = await bench.run()
    assert (ended.state, ended.done) == ("done", 400)
    assert ended.asked == 400 - len(answered)
    assert set(bench.asked.values()) == {1}
    assert sum(bench.checked.values()) == 400
    assert ended.spent_usd == pytest.approx(4)


async def test_a_budget_stops_before_it_is_overdrawn_and_a_larger_one_goes_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path, plan_of(20), concurrency=8)
    ended = await bench.run(budget_usd=0.105)
    assert (ended.state, ended.done, ended.asked) == ("over_budget", 10, 10)
    assert ended.spent_usd == pytest.approx(0.1)
    assert ended.reason == "another call is likely to go over the budget of $0.1050"
    assert len(bench.results.there) == 10

    assert (await bench.run(budget_usd=0.105)).asked == 0
    ended = await bench.run(budget_usd=1)
    assert (ended.state, ended.done, ended.asked) == ("done", 40, 30)
    assert set(bench.asked.values()) == {1}


async def test_what_judges_cost_is_in_the_budget_too(tmp_path: Path) -> None:
    bench = Bench(tmp_path, plan_of(20), concurrency=8)
    bench.judge = lambda *_: CheckResult(metric="m", type="llm-rubric", passed=True, score=1, cost=0.04)
    ended = await bench.run(budget_usd=0.26)
    assert (ended.state, ended.done) == ("over_budget", 5)
    assert ended.spent_usd == pytest.approx(0.25)


async def test_a_budget_without_a_price_stops_after_the_first_answer(tmp_path: Path) -> None:
    bench = Bench(tmp_path, plan_of(20), concurrency=8)
    bench.answer = lambda _: Output(text="x")
    ended = await bench.run(budget_usd=1)
    assert (ended.state, ended.asked, ended.unpriced) == ("unpriced", 1, 1)
    assert "no price is known for the model of" in ended.reason
    assert (await bench.run()).state == "done"  # without a budget it goes on


async def test_a_provider_that_is_away_for_a_while_is_waited_for(tmp_path: Path) -> None:
    bench = Bench(tmp_path, plan_of(10), concurrency=4, attempts=50)
    away = iter([False] * 5 + [True] * 30)

    def answer(attempt: Attempt) -> Output:
        return Output(status=503, error="overloaded") if next(away, False) else Output(text="x", cost=0.01)

    bench.answer = answer
    ended = await bench.run()
    assert (ended.state, ended.done, ended.asked) == ("done", 20, 20)
    assert not any(result.output.error for result in bench.results.there.values())
    assert sum(bench.asked.values()) == 50
    waited = [progress.waiting for progress in bench.told if progress.waiting]
    assert "can't be asked now (503): overloaded" in waited[0]
    assert bench.told[-1].waiting == ""


async def test_one_attempt_in_vain_among_others_is_an_error_and_a_result(tmp_path: Path) -> None:
    bench = Bench(tmp_path, plan_of(10), concurrency=4, attempts=3)
    broken = bench.plan.cases[3].case_id
    bench.answer = lambda attempt: (
        Output(status=500, error="no") if attempt.key[:2] == (A.label, broken) else Output(text=A.label, cost=0.01)
    )
    ended = await bench.run()
    result = bench.results.there[A.label, broken, 0]
    assert (ended.state, ended.done) == ("done", 20)
    assert (result.output.error, result.passed, result.score, result.checks) == ("no", False, 0.0, ())
    assert bench.asked[A.label, broken, 0] == 3
    assert bench.told[-1].errors == bench.told[-1].failed == 1


async def test_a_request_that_is_refused_is_not_asked_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, plan_of(4))
    bench.answer = lambda _: Output(status=400, error="the variable 'name' is missing")
    ended = await bench.run()
    assert (ended.state, ended.done) == ("done", 8)
    assert set(bench.asked.values()) == {1}
    assert {result.passed for result in bench.results.there.values()} == {False}


async def test_a_provider_that_stays_away_stops_the_run_and_spoils_no_case(tmp_path: Path) -> None:
    bench = Bench(tmp_path, plan_of(10), concurrency=2, attempts=3)
    bench.answer = lambda _: Output(status=503, error="overloaded")
    ended = await bench.run()
    assert (ended.state, ended.done, bench.results.there) == ("away", 0, {})
    assert "was asked 3 times in vain (503): overloaded" in ended.reason
    bench.answer = lambda _: Output(text="x", cost=0.01)
    assert (await bench.run()).done == 20


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_wrong_key_or_model_stops_at_once(tmp_path: Path, status: int) -> None:
    bench = Bench(tmp_path, plan_of(10), concurrency=2)
    bench.answer = lambda _: Output(status=status, error="no such model")
    ended = await bench.run()
    assert (ended.state, ended.done) == ("refused", 0)
    assert f"({status}): no such model" in ended.reason
    assert sum(bench.asked.values()) <= 2


async def test_a_case_that_alone_is_forbidden_is_this_case_s_error(tmp_path: Path) -> None:
    bench = Bench(tmp_path, plan_of(5), concurrency=1)
    last = bench.plan.cases[-1].case_id
    bench.answer = lambda attempt: (
        Output(status=403, error="filtered") if attempt.key[1] == last else Output(text=A.label, cost=0.01)
    )
    assert (await bench.run()).state == "done"
    assert bench.results.there[A.label, last, 0].output.error == "filtered"


async def test_once_it_is_stopping_what_is_with_a_model_is_carried_to_its_end(tmp_path: Path) -> None:
    bench = Bench(tmp_path, plan_of(20), concurrency=4)
    bench.stop = lambda: sum(bench.asked.values()) >= 10
    ended = await bench.run()
    assert ended.state == "cancelled"
    assert ended.done == len(bench.results.there) == sum(bench.asked.values()) < 20
    bench.stop = lambda: False
    assert (await bench.run()).state == "done"
    assert set(bench.asked.values()) == {1}


async def test_checks_that_break_off_are_undecided(tmp_path: Path) -> None:
    bench = Bench(tmp_path, plan_of(2))

    def judge(case: Case, output: Output) -> CheckResult:
        raise ZeroDivisionError("oh")

    bench.judge = judge
    assert (await bench.run()).state == "done"
    result = next(iter(bench.results.there.values()))
    assert (result.passed, result.checks[0].reason) == (None, "the checks broke off: ZeroDivisionError: oh")


async def test_answers_of_earlier_evaluations_are_taken_on_request_and_cost_nothing_again(tmp_path: Path) -> None:
    first = Bench(tmp_path / "1", plan_of(5))
    failing = first.plan.cases[2].case_id
    first.answer = lambda attempt: (
        Output(status=400, error="no") if attempt.key[1] == failing else Output(text=attempt.key[0], cost=0.01)
    )
    await first.run()

    second = Bench(tmp_path / "2", plan_of(7))
    wanted = {second.plan.request_key(attempt) for attempt in second.plan.attempts()}
    cache = answers_kept([tmp_path / "1", tmp_path / "nowhere"], wanted)
    assert len(cache) == 8
    ended = await second.run(cache=cache)
    assert (ended.state, ended.done, ended.asked) == ("done", 14, 6)
    assert ended.spent_usd == pytest.approx(0.06)
    taken = [result.output for result in second.results.there.values() if result.output.cached]
    assert len(taken) == 8
    assert all(output.cost == 0.01 for output in taken)
    assert sum(second.checked.values()) == 14
    assert (await second.run()).spent_usd == pytest.approx(0.06)


async def test_nobody_else_runs_it_meanwhile(tmp_path: Path) -> None:
    from evaluation.runs.errors import EvaluationRunningError

    with (
        Journal(tmp_path / "id"),
        pytest.raises(EvaluationRunningError, match="another process runs the evaluation id"),
    ):
        Journal(tmp_path / "id")
    Journal(tmp_path / "id").close()


async def test_a_journal_survives_torn_and_broken_lines(tmp_path: Path) -> None:
    bench = Bench(tmp_path, plan_of(3, (A,)))
    await bench.run()
    path = tmp_path / NAME
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for cut in (1, 40, len(lines[-1]) - 1):  # of the last line, whatever it holds
        path.write_bytes(whole[: len(whole) - len(lines[-1]) + cut])
        with Journal(tmp_path) as journal:
            assert len(journal.outputs) == 3
            assert len(journal.results) == 2
        assert path.read_bytes() == b"".join(lines[:-1])
    path.write_bytes(b"{}\nnot json\n" + whole)
    with Journal(tmp_path) as journal:
        assert len(journal.results) == 3


async def test_a_journal_is_for_its_owner_alone(tmp_path: Path) -> None:
    await Bench(tmp_path / "e" / "1", plan_of(1)).run()
    assert (tmp_path / "e" / "1").stat().st_mode & 0o077 == 0
    assert (tmp_path / "e" / "1" / NAME).stat().st_mode & 0o077 == 0


async def test_a_run_that_is_cancelled_asks_nothing_more(tmp_path: Path) -> None:
    bench = Bench(tmp_path, plan_of(50), concurrency=2)
    running = asyncio.create_task(bench.run())
    while not bench.asked:
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    asked = sum(bench.asked.values())
    await asyncio.sleep(0.02)
    assert sum(bench.asked.values()) == asked < 100
