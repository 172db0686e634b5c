"""A judge's verdict is read strictly; its budget, pauses and tasks survive what happens to them."""

import asyncio
import dataclasses
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from evaluation.scorers.judge import Answer, Judge, JudgeOptions, Question, read_verdict
from evaluation.scorers.judging import Judging
from tracing.event import Event, ScoreEvent
from tracing.privacy.erasure import Keys
from tracing.privacy.leftovers import Place, forget
from tracing.privacy.listing import Person

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
GOOD = Answer(status=200, text='{"reason": "kind", "verdict": true}', rubric="r", version=4, model="m-1", cost=0.25)


class Bench:
    """A judge with tasks, whose model answers what a test says."""

    def __init__(self, folder: Path, tasks: int, **options: Any) -> None:
        self.folder = folder
        self.judge = Judge(name="kind", options=JudgeOptions(rubric="r", **options))
        self.asked: list[str] = []
        self.scores: list[ScoreEvent] = []
        self.answers: Callable[[int], Answer] = lambda _: GOOD
        self.at = NOON
        self.room = True
        self.file("calls.1", range(tasks))

    def file(self, name: str, numbers: range) -> None:
        keys = ("prompt", "input", "question", "output", "variables")
        lines = [orjson.dumps({"call_id": f"c{number}", **dict.fromkeys(keys, "")}) for number in numbers]
        (self.folder / f"{name}.jsonl").write_bytes(b"\n".join(lines) + b"\n")

    async def ask(self, question: Question) -> Answer:
        self.asked.append(question.tags["judged-call"])
        await asyncio.sleep(0)
        return self.answers(len(self.asked))

    def record(self, event: Event) -> bool:
        assert isinstance(event, ScoreEvent)
        if self.room:
            self.scores.append(event)
        return self.room

    async def run(self, until: Callable[[], bool], seconds: float = 20) -> Judging:
        judging = Judging(self.judge, self.folder, self.ask, self.record, lambda: self.at, first_pause_seconds=0.01)
        running = asyncio.create_task(judging.run(until))
        await asyncio.wait_for(running, seconds)
        return judging

    @property
    def left(self) -> bool:
        return any(self.folder.glob("calls.*"))


@pytest.mark.parametrize(
    ("options", "text", "value"),
    [
        ({}, '{"reason": "r", "verdict": false}', False),
        ({}, ' {"verdict": true, "reason": ""}\n', True),
        ({}, '{"reason": "r", "verdict": "true"}', None),
        ({}, '{"verdict": true}', None),
        ({}, '{"reason": "r", "verdict": true, "sure": 1}', None),
        ({}, '```json\n{"reason": "r", "verdict": true}\n```', None),
        ({}, "true", None),
        ({}, "", None),
        ({"verdict": "number"}, '{"reason": "r", "verdict": 4.5}', 4.5),
        ({"verdict": "number"}, '{"reason": "r", "verdict": 6}', None),
        ({"verdict": "number"}, '{"reason": "r", "verdict": true}', None),
        ({"verdict": "category", "categories": ["a", "b"]}, '{"reason": "r", "verdict": "b"}', "b"),
        ({"verdict": "category", "categories": ["a", "b"]}, '{"reason": "r", "verdict": "c"}', None),
    ],
)
def test_a_verdict_is_what_was_asked_for_or_none(options: dict[str, Any], text: str, value: Any) -> None:
    said = read_verdict(JudgeOptions(rubric="r", **options), text)
    assert said.value == value
    assert said.parsed == (value is not None)
    assert said.parsed or "the judge's verdict is not" in said.comment


async def test_tasks_become_scores_and_their_file_goes(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 7, concurrency=3)
    judging = await bench.run(lambda: not bench.left)
    assert sorted(score.target for score in bench.scores) == [f"c{number}" for number in range(7)]
    assert {(s.score_id, s.value, s.scorer, s.scorer_version, s.source) for s in bench.scores if s.target == "c3"} == {
        ("kind:judge:c3", 1.0, "r", "4/m-1", "judge")
    }
    assert (judging.counts.judged, judging.counts.unparsed) == (7, 0)


async def test_an_outage_delays_everything_and_loses_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 4, calls_per_day=4)
    bench.answers = lambda number: GOOD if number > 9 else Answer(status=(503, 429, 404)[number % 3], error="away")
    await bench.run(lambda: not bench.left)
    assert [score.parsed for score in bench.scores] == [True] * 4  # and what failed took nothing from the budget


async def test_what_is_refused_or_asked_too_often_is_given_up_with_the_reason(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 2, attempts=3, concurrency=1)
    bench.answers = lambda number: Answer(status=400 if number == 1 else 503, error="no way")
    judging = await bench.run(lambda: not bench.left)
    assert bench.asked == ["c0", "c1", "c1", "c1"]
    assert [(score.parsed, score.value, score.comment) for score in bench.scores] == [
        (False, None, "the judge could not be asked (400): no way"),
        (False, None, "the judge could not be asked (503): no way"),
    ]
    assert judging.counts.given_up == 2


async def test_what_was_done_before_the_end_is_not_done_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 20, concurrency=2)
    await bench.run(lambda: len(bench.asked) >= 6)
    assert bench.left
    assert len(bench.asked) < 20
    await bench.run(lambda: not bench.left)
    assert sorted(bench.asked) == sorted(f"c{number}" for number in range(20))


async def test_a_budget_is_for_a_day_and_outlives_a_restart(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 5, calls_per_day=3, concurrency=1)
    judging = await bench.run(lambda: not bench.left)
    assert (len(bench.scores), judging.counts.over_budget) == (3, 2)
    bench.file("calls.2", range(10, 12))
    await bench.run(lambda: not bench.left)
    assert len(bench.scores) == 3
    bench.at = NOON - timedelta(days=1)  # a clock that is set back brings no new day
    bench.file("calls.3", range(20, 22))
    await bench.run(lambda: not bench.left)
    assert len(bench.scores) == 3
    bench.at = NOON + timedelta(days=1)
    bench.file("calls.4", range(30, 32))
    await bench.run(lambda: not bench.left)
    assert len(bench.scores) == 5


async def test_dollars_bound_it_too(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 9, usd_per_day=1.0, concurrency=1)
    judging = await bench.run(lambda: not bench.left)
    assert (len(bench.scores), judging.counts.over_budget) == (4, 5)  # 0.25 $ each


@pytest.mark.parametrize("calls_per_day", [None, 5])
async def test_dollars_bound_nothing_where_the_price_is_not_known_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, calls_per_day: int | None
) -> None:
    bench = Bench(tmp_path, 9, usd_per_day=1.0, calls_per_day=calls_per_day, concurrency=1)
    priced = bench.answers
    bench.answers = lambda number: dataclasses.replace(priced(number), cost=None)
    judging = await bench.run(lambda: not bench.left)
    assert (len(bench.scores), judging.counts.unpriced) == (calls_per_day or 9, calls_per_day or 9)
    assert ("set calls_per_day" in judging.counts.hint) == (calls_per_day is None)
    assert "have no known price and count as 0" in judging.counts.hint
    assert caplog.text.count("have no known price") == 1
    again = await bench.run(lambda: True)
    assert again.counts.hint == judging.counts.hint


async def test_what_is_erased_while_its_judge_is_away_is_not_asked_about(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 3, concurrency=1)
    good = bench.answers

    def away(number: int) -> Answer:
        if number == 1:
            place = Place(name="judge", files=sorted(tmp_path.rglob("*.jsonl")))
            keys = Keys(calls=frozenset({"c0", "c2"}))
            assert forget([place], Person(users=("ada",)), keys, dry_run=False) == {"judge": 2}
            return Answer(status=503)
        return good(number)

    bench.answers = away
    await bench.run(lambda: not bench.left)
    assert bench.asked == ["c0", "c1"]
    assert [score.target for score in bench.scores] == ["c1"]


async def test_a_full_disk_makes_it_wait_and_a_fault_of_ours_is_a_failure_like_others(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 1)
    bench.room = False
    looks = itertools.count()

    def room_again() -> bool:
        bench.room = next(looks) > 3
        return not bench.left

    await bench.run(room_again)
    assert len(bench.scores) == 1
    bench.file("calls.2", range(1, 2))

    def broken(number: int) -> Answer:
        if number < 4:
            raise RuntimeError("ours")
        return GOOD

    bench.answers = broken
    await bench.run(lambda: not bench.left)
    assert [score.parsed for score in bench.scores] == [True, True]
