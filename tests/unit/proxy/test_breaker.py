"""When a provider that keeps failing is passed over, and when it is tried again."""

from proxy.breaker import Breakers


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock) -> Breakers:
    breakers = Breakers(failures=3, seconds=10, clock=clock)
    for _ in range(3):
        assert breakers.allows("p")
        breakers.note("p", failed=True)
    return breakers


def test_it_opens_after_failures_in_a_row_and_for_that_provider_alone() -> None:
    breakers = opened(Clock())
    assert not breakers.allows("p")
    assert breakers.allows("q")


def test_a_success_between_starts_the_count_anew() -> None:
    breakers = Breakers(failures=2, seconds=10, clock=Clock())
    for failed in (True, False, True):
        breakers.note("p", failed=failed)
    assert breakers.allows("p")


def test_one_attempt_an_interval_until_one_succeeds() -> None:
    clock = Clock()
    breakers = opened(clock)
    clock.now += 10
    assert [breakers.allows("p") for _ in range(3)] == [True, False, False]
    clock.now += 10  # the attempt never told how it went: its caller may have left
    assert breakers.allows("p")
    breakers.note("p", failed=False)
    assert all(breakers.allows("p") for _ in range(3))
