"""The lag from a record's writing to its row."""

from tracing.loading.metrics import LAG_BOUNDS, Lag
from tracing.loading.segments import Segment


def test_lags_are_spread_over_the_time_that_a_segment_was_written_in() -> None:
    lag = Lag()
    segment = Segment(name="calls.a.jsonl", bytes=10, born=100.0, written=104.0)
    lag.note([segment], 40, visible=105.0, fresh=True)
    assert lag.latest == 5.0
    assert sum(lag.buckets) == 40
    assert lag.sum == 40 * 3.0
    assert dict(zip(LAG_BOUNDS, lag.buckets, strict=False))[2.0] == 10  # 4.5, 3.5, 2.5 and 1.5 s


def test_every_row_is_counted_whatever_the_shares_round_to() -> None:
    lag = Lag()
    segments = [Segment(name=f"calls.{n}.jsonl", bytes=3, born=n, written=n) for n in range(7)]
    lag.note(segments, 11, visible=10_000, fresh=False)
    assert sum(lag.buckets) == 11
    assert lag.buckets[-1] == 11
    assert lag.latest == 0.0


def test_a_clock_that_was_set_back_makes_no_negative_lag() -> None:
    lag = Lag()
    lag.note([Segment(name="calls.a.jsonl", bytes=1, born=500, written=500)], 3, visible=100, fresh=True)
    assert (lag.latest, lag.sum, lag.buckets[0]) == (0.0, 0.0, 3)
