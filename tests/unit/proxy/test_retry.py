"""When a provider is asked again, and how long that waits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import UpstreamFailed, UpstreamTimeout
from proxy.retry import LONGEST_WAIT_SECONDS, wait_before_retry


def wait(
    failure: UpstreamFailed | int, retry_after: str | None = None, attempt: int = 1, jitter: float = 1.0
) -> float | None:
    headers = [] if retry_after is None else [("retry-after", retry_after)]
    return wait_before_retry(failure, headers, attempt, lambda: jitter)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
def test_what_may_pass_is_asked_again(status: int) -> None:
    assert wait(status) == 0.25


@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 404, 422])
def test_what_will_not_pass_is_final(status: int) -> None:
    assert wait(status) is None


def test_a_broken_connection_is_asked_again_and_a_timeout_is_not() -> None:
    assert wait(UpstreamFailed("gone", code="x")) is not None
    assert wait(UpstreamTimeout("slow", code="x")) is None


def test_waits_grow_and_are_spread() -> None:
    assert [wait(500, attempt=attempt) for attempt in (1, 2, 3)] == [0.25, 0.5, 1.0]
    assert wait(500, jitter=0.0) == 0.125


@pytest.mark.parametrize(
    ("given", "expected"), [("0", 0), ("2", 2), ("1.5", 1.5), ("6", None), ("3600", None), ("soon", 0.25), ("-1", 0.25)]
)
def test_retry_after_is_honoured_up_to_a_bound(given: str, expected: float | None) -> None:
    assert wait(429, given) == expected


@given(st.integers(1, 50), st.floats(0, 1))
def test_no_wait_is_longer_than_the_bound(attempt: int, jitter: float) -> None:
    assert 0 <= (wait(503, attempt=attempt, jitter=jitter) or 0) <= LONGEST_WAIT_SECONDS
