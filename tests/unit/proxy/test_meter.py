"""Limits that are never exceeded, sums that are exact over processes, and counts that outlive a kill."""

import multiprocessing
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.meter import Meter, read_used

START = datetime(2026, 11, 22, 12, 0, 0, 400_000, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.fixture
def meters(tmp_path: Path) -> Iterator[Callable[[], Meter]]:
    opened = []

    def make() -> Meter:
        opened.append(Meter(tmp_path / "meter"))
        return opened[-1]

    yield make
    for meter in opened:
        meter.close()


def test_a_limit_is_reached_and_says_what_is_left(meters: Callable[[], Meter]) -> None:
    meter = meters()
    for number in range(3):
        allowance = meter.take("k_1", 3, later(number))
        assert allowance is not None
        assert (allowance.allowed, allowance.limit, allowance.remaining) == (True, 3, 2 - number)
        assert 60 < allowance.reset_seconds <= 61
    refused = meter.take("k_1", 3, later(10))
    assert refused is not None
    assert (refused.allowed, refused.remaining) == (False, 0)
    assert 50 < refused.retry_seconds <= 51
    again = meter.take("k_1", 3, later(10 + refused.retry_seconds))
    assert again is not None
    assert again.allowed
    assert not meter.take("k_1", 3, later(10 + refused.retry_seconds)).allowed  # type: ignore[union-attr]


def test_retry_is_the_first_moment_at_which_it_works(meters: Callable[[], Meter]) -> None:
    meter, other = meters(), meters()
    for at in (0, 0.1, 7, 7.2, 30):
        (meter if at < 5 else other).take("k_1", 5, later(at))
    for limit, free in ((5, 61), (4, 61), (3, 68), (1, 91)):
        refused = meter.take("k_1", limit, later(31))
        assert refused is not None
        assert not refused.allowed
        assert refused.retry_seconds == pytest.approx(free - 31 - 0.4)


def test_a_refused_request_does_not_count(meters: Callable[[], Meter], tmp_path: Path) -> None:
    meter = meters()
    allowed = [meter.take("k_1", 2, later(number / 10)).allowed for number in range(50)]  # type: ignore[union-attr]
    assert allowed == [True, True] + [False] * 48
    assert meter.take("k_1", 2, later(62)).remaining == 1  # type: ignore[union-attr]
    assert read_used(tmp_path / "meter", "k_1", later(62)).requests == 3


def test_keys_are_counted_apart_and_without_a_limit_too(meters: Callable[[], Meter], tmp_path: Path) -> None:
    meter = meters()
    assert meter.take("k_1", None, START) is None
    assert meter.take("k_2", 1, START).allowed  # type: ignore[union-attr]
    assert not meter.take("k_1", 1, START).allowed  # type: ignore[union-attr]
    assert read_used(tmp_path / "meter", "k_1", START).requests == 1
    assert read_used(tmp_path / "meter", "k_none", START).requests == 0
    assert read_used(tmp_path / "nothing", "k_1", START).requests == 0


@settings(max_examples=150)
@given(
    limit=st.integers(1, 6),
    steps=st.lists(st.tuples(st.floats(0, 40), st.integers(0, 2)), min_size=1, max_size=80),
    restarts=st.sets(st.integers(0, 80), max_size=3),
)
def test_no_window_ever_allows_more_than_the_limit(
    limit: int, steps: list[tuple[float, int]], restarts: set[int]
) -> None:
    """Three workers, any pauses, restarts in between: in no 60 s more than the limit; and nobody waits for over 61 s in vain."""
    with tempfile.TemporaryDirectory() as folder:
        meters = [Meter(Path(folder)) for _ in range(3)]
        now, went = 0.0, []
        for number, (pause, worker) in enumerate(steps):
            now += pause
            if number in restarts:
                meters[worker].close()
                meters[worker] = Meter(Path(folder))
            allowance = meters[worker].take("k_1", limit, later(now))
            assert allowance is not None
            in_window = [each for each in went if each > now - 60]
            in_longer = [each for each in went if each > now - 61]
            if allowance.allowed:
                went.append(now)
                assert len(in_window) < limit
            else:
                assert len(in_longer) >= limit
        for meter in meters:
            meter.close()


def test_a_clock_that_is_set_back_locks_nobody_out(meters: Callable[[], Meter]) -> None:
    meter, other = meters(), meters()
    for one in (meter, other):
        assert one.take("k_1", 2, later(3600)).allowed  # type: ignore[union-attr]
    assert meter.take("k_1", 2, later(0)).allowed  # type: ignore[union-attr]
    assert other.take("k_1", 2, later(1)).allowed  # type: ignore[union-attr]
    assert not other.take("k_1", 2, later(2)).allowed  # type: ignore[union-attr]


def test_workers_see_a_second_that_has_only_begun_for_others(meters: Callable[[], Meter]) -> None:
    ahead, behind = meters(), meters()
    assert ahead.take("k_1", 1, later(0.7)).allowed  # type: ignore[union-attr]
    assert not behind.take("k_1", 1, later(0.5)).allowed  # type: ignore[union-attr]


def test_spending_by_day_month_and_altogether(meters: Callable[[], Meter], tmp_path: Path) -> None:
    one, two = meters(), meters()
    one.add("k_1", 5, datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC))
    one.add("k_1", 7, datetime(2026, 11, 1, tzinfo=UTC))
    two.add("k_1", 11, datetime(2026, 11, 29, tzinfo=UTC))
    one.add("k_1", 13, datetime(2026, 11, 30, 1, tzinfo=UTC))
    two.add("k_1", None, datetime(2026, 11, 30, 2, tzinfo=UTC))
    at = datetime(2026, 11, 30, 23, tzinfo=UTC)
    assert [two.spent("k_1", period, at) for period in ("day", "month", "total")] == [13, 31, 36]
    used = read_used(tmp_path / "meter", "k_1", at)
    assert (used.day, used.month, used.total, used.unpriced) == (13, 31, 36, 1)
    at = datetime(2026, 12, 1, tzinfo=UTC)
    assert [one.spent("k_1", period, at) for period in ("day", "month", "total")] == [0, 0, 36]


def test_a_worker_a_little_behind_begins_no_old_day_again(meters: Callable[[], Meter]) -> None:
    meter, midnight = meters(), datetime(2026, 11, 22, tzinfo=UTC)
    meter.add("k_1", 5, midnight)
    meter.add("k_1", 7, midnight - timedelta(microseconds=1))
    assert meter.spent("k_1", "day", midnight) == 12
    assert meter.spent("k_1", "day", midnight - timedelta(microseconds=1)) == 12


def test_many_keys_make_the_sheets_grow_under_everybodys_eyes(meters: Callable[[], Meter]) -> None:
    one, two = meters(), meters()
    for number in range(400):
        one.add(f"k_{number}", number, START)
        assert two.spent(f"k_{number}", "total", START) == number
        two.add(f"k_{number}", 1, START)
    assert [one.spent(f"k_{number}", "day", START) for number in range(400)] == [number + 1 for number in range(400)]


def test_a_sheet_is_taken_over_with_what_is_on_it(tmp_path: Path) -> None:
    for number in range(5):
        with_others = [Meter(tmp_path) for _ in range(3)]
        for meter in with_others:
            meter.add("k_1", 1, START)
            meter.take("k_1", None, START)
        assert with_others[0].spent("k_1", "total", START) == 3 * (number + 1)
        for meter in with_others:
            meter.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["members", "worker-0", "worker-1", "worker-2"]
    assert read_used(tmp_path, "k_1", START).requests == 15


def test_what_was_cut_off_while_it_grew_is_put_right(tmp_path: Path) -> None:
    meter = Meter(tmp_path)
    meter.add("k_1", 5, START)
    meter.close()
    with (tmp_path / "worker-0").open("ab") as file:
        file.write(b"\0" * 1001)
    (tmp_path / "worker-1").write_bytes(b"")
    (tmp_path / "worker-2").write_bytes(b"something else" * 10_000)
    assert read_used(tmp_path, "k_1", START).total == 5
    meters = [Meter(tmp_path) for _ in range(3)]
    for number in range(300):
        meters[0].add(f"k_{number}", 1, START)
    assert [meter.spent("k_1", "total", START) for meter in meters] == [6, 6, 6]
    for meter in meters:
        meter.close()


def _work(folder: str, count: int, pipe: Connection) -> None:
    meter = Meter(Path(folder))
    pipe.send("ready")
    pipe.recv()
    allowed = 0
    for _ in range(count):
        allowance = meter.take("k_1", 1500, START)
        assert allowance is not None
        allowed += allowance.allowed
        meter.add("k_1", 3, START)
    pipe.send((allowed, meter.spent("k_1", "total", START)))
    pipe.recv()  # killed here


def test_processes_sum_exactly_never_go_over_and_lose_nothing_to_a_kill(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    running = []
    for _ in range(3):
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=_work, args=(str(tmp_path), 1000, theirs), daemon=True)
        process.start()
        running.append((process, ours))
    for _, pipe in running:
        assert pipe.poll(60)
        assert pipe.recv() == "ready"
    for _, pipe in running:
        pipe.send("go")
    told = []
    for _, pipe in running:
        assert pipe.poll(60)
        told.append(pipe.recv())
    for process, _ in running:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join(30)
    allowed = sum(count for count, _ in told)
    assert allowed <= 1500
    assert allowed >= 1490  # workers that race may refuse each other now and then, not more
    used = read_used(tmp_path, "k_1", START)
    assert (used.requests, used.total) == (allowed, 9000)
    assert max(seen for _, seen in told) == 9000  # the last one to end saw everybody's
    with_rest = Meter(tmp_path)
    assert with_rest.take("k_1", 1500, later(1)).remaining == max(0, 1500 - allowed - 1)  # type: ignore[union-attr]
    with_rest.close()
    assert sorted(path.name for path in tmp_path.glob("worker-*")) == ["worker-0", "worker-1", "worker-2"]
