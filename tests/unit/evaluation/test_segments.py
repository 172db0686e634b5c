"""Segments become scores and tasks as a whole: broken lines, a full spool and a second time over change nothing for the others."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from evaluation.scorers.scoring import Scorers, scorers_of
from evaluation.scorers.segments import ScoringFolders, SegmentScorer, SpoolFull
from evaluation.scorers.settings import ScorerSettings
from slugline.scoring import Scoring
from tests.unit.evaluation.test_scorers import row
from tracing.event import Event, ScoreEvent

SCORERS = {
    "complete": ScorerSettings(kind="is-complete"),
    "kind": ScorerSettings(kind="judge", options={"rubric": "judge-kind"}),
}


class Bench:
    """A scorer on a folder of its own, with room for so many scores."""

    def __init__(self, folder: Path, scorers: Scorers | None = None) -> None:
        self.folders = ScoringFolders(folder)
        self.scores: list[ScoreEvent] = []
        self.room = 10**9
        self.scorer = SegmentScorer(
            self.folders, scorers or scorers_of(SCORERS), self.record, lambda: datetime(2026, 11, 20, tzinfo=UTC)
        )

    def record(self, event: Event) -> bool:
        assert isinstance(event, ScoreEvent)
        if len(self.scores) < self.room:
            self.scores.append(event)
            return True
        return False

    def segment(self, name: str, *lines: dict[str, Any] | str) -> Path:
        path = self.folders.calls / f"calls.{name}.jsonl"
        path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
        return path

    @property
    def tasks(self) -> list[dict[str, Any]]:
        files = sorted(self.folders.judge("kind").glob("*.jsonl"))
        return [json.loads(line) for path in files for line in path.read_text().splitlines()]


async def test_broken_lines_stop_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.segment(
        "1", row("one", call_id="1"), '{"call_id": "2", "outc', "[]", '{"call_id": "3"}', row("four", call_id="4")
    )
    bench.segment("2", row("five", call_id="5"))
    (bench.folders.calls / "foreign.txt").write_text("x")
    assert await bench.scorer.work_off() == 2
    assert [score.target for score in bench.scores] == ["1", "4", "5"]
    assert bench.scorer.counts.unreadable == 3
    assert [task["call_id"] for task in bench.tasks] == ["1", "4", "5"]
    assert [path.name for path in bench.folders.calls.iterdir()] == ["foreign.txt"]


async def test_a_task_holds_what_the_rubric_is_given(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.segment("1", row("It is late.", call_id="1", variables='{"who": "ann"}'))
    bench.segment("2", row(calls=[("weather", {"city": "Paris"})], call_id="2"))
    bench.segment("3", row("x", call_id="3", request="", response=""))  # not on record: nothing to judge
    await bench.scorer.work_off()
    first, second = bench.tasks
    assert first == {
        "call_id": "1", "prompt": "agent", "input": "system: Be kind.\n\nuser: Where?", "question": "Where?", "output": "It is late.",
        "variables": '{"who":"ann"}',
    }  # fmt: skip
    assert second["output"] == '[tool call] weather({"city": "Paris"})'


async def test_a_full_spool_leaves_the_segment_and_scores_replace_themselves(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    path = bench.segment("1", row("one", call_id="1"), row("two", call_id="2"))
    bench.room = 1
    with pytest.raises(SpoolFull):
        await bench.scorer.work_off()
    assert path.exists()
    assert bench.tasks == []
    bench.room = 10
    assert await bench.scorer.work_off() == 1
    assert [score.score_id for score in bench.scores] == ["complete:1:1", "complete:1:1", "complete:1:2"]
    assert not path.exists()


async def test_tasks_that_are_there_are_not_written_over(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for _ in range(2):  # as after a kill before the segment was deleted
        bench.segment("1", row("one", call_id="1"))
        await bench.scorer.work_off()
    assert len(bench.tasks) == 1
    assert {path.stat().st_mode & 0o077 for path in (tmp_path, bench.folders.calls, bench.folders.judge("kind"))} == {0}


def test_what_waits_is_bounded_by_its_bytes_whatever_its_number(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "scoring")
    scoring = Scoring(bench.folders, bench.scorer, most_waiting_bytes=1000)
    for number, size in enumerate((400, 1, 400, 400, 150)):
        segment = tmp_path / f"calls.{number}.jsonl"
        segment.write_text("x" * size)
        scoring.take(segment)
    assert sorted(path.name[6] for path in bench.folders.calls.iterdir()) == ["0", "1", "2", "4"]
    told = scoring.status()
    assert told is not None
    assert (told["segments_waiting"], told["bytes_waiting"], told["segments_skipped"]) == (4, 951, 1)


def test_loaded_segments_are_taken_once_and_a_failure_stops_no_loading(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "scoring")
    scoring = Scoring(bench.folders, bench.scorer)
    ready = tmp_path / "calls.7.jsonl"
    ready.write_text("{}\n")
    scoring.take(ready)
    scoring.take(ready)  # the loader was killed in between
    (tmp_path / "score_events.8.jsonl").write_text("{}\n")
    scoring.take(tmp_path / "score_events.8.jsonl")
    assert [path.name for path in bench.folders.calls.iterdir()] == ["calls.7.jsonl"]
    scoring.take(tmp_path / "calls.9.jsonl")  # which is gone
    told = scoring.status()
    assert told is not None
    assert (told["segments_waiting"], told["segments_skipped"]) == (1, 1)
    assert Scoring(bench.folders).status() is None
    Scoring(ScoringFolders(tmp_path / "none")).take(ready)
    assert not (tmp_path / "none").exists()
