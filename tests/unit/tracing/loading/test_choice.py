"""What goes next: fresh records at once, the backlog from its oldest end, at a rate."""

from tracing.loading.choice import FRESH_SECONDS, Pace, choose, without
from tracing.loading.segments import Segment


def segment(name: str, written: float, table: str = "calls") -> Segment:
    return Segment(name=f"{table}.{name}.jsonl", bytes=1, born=written - 0.5, written=written)


def test_fresh_segments_and_the_backlog_are_told_apart_by_table() -> None:
    old, older, new = segment("b", 100), segment("a", 50, "score_events"), segment("c", 200)
    choice = choose([older, old, new], now=200 + FRESH_SECONDS)
    assert choice.fresh == ((new,),)
    assert choice.backlog == ((older,), (old,))


def test_segments_from_the_future_are_fresh() -> None:
    """The clock was set back after they were written."""
    ahead = segment("a", 10_000)
    assert choose([ahead], now=100).fresh == ((ahead,),)


def test_the_pace_is_a_rate_and_no_pause_is_made_up_for() -> None:
    pace = Pace(1_000)
    assert pace.free(0)
    pace.sent(2_000, 10)
    assert [pace.free(now) for now in (10, 11.9, 12)] == [False, False, True]
    pace.sent(1_000, 100)
    assert [pace.free(now) for now in (100.9, 101)] == [False, True]


def test_no_rate_is_no_bound() -> None:
    pace = Pace(0)
    pace.sent(1_000_000, 1)
    assert pace.free(1)


def test_groups_without_some_names() -> None:
    one, two = segment("a", 1), segment("b", 2)
    assert without([[one], [two]], {one.name}) == [[two]]
