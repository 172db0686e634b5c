"""From when on a series is watched, and what it is compared with: a pure function of the time, so that a restart forgets nothing.

    |-------- reference, 28 days --------|-- 14 days --|-- 14 days, looked at hourly --|
                                       begin                                          now

The watch begins anew every 14 days, with a reference that ends where it begins. It is looked at only once 14 days of it have gone by; until
then the one before is: so that no change is learnt as usual before it was looked at for two weeks. A young series has less to learn from:
7 days, then 14.
"""

from evaluation.monitors.hours import HOURS_A_DAY, Span

REFERENCE_HOURS = 28 * HOURS_A_DAY
PERIOD_HOURS = 14 * HOURS_A_DAY
YOUNG_HOURS = 7 * HOURS_A_DAY
READ_HOURS = REFERENCE_HOURS + 2 * PERIOD_HOURS
"""How far back cells are read."""


def begin_of_watch(first: int, now: int) -> int | None:
    """In hours since 1970, for a series whose first hour is `first`; None while there is too little to learn from."""
    first = -(-first // HOURS_A_DAY) * HOURS_A_DAY
    steady = (now // PERIOD_HOURS - 1) * PERIOD_HOURS
    if steady >= first + PERIOD_HOURS:
        return steady
    if now >= first + PERIOD_HOURS + YOUNG_HOURS:
        return first + PERIOD_HOURS
    return first + YOUNG_HOURS if now > first + YOUNG_HOURS else None


def reference(begin: int) -> Span:
    """What a watch that begins then is compared with."""
    return Span(begin=begin - REFERENCE_HOURS, end=begin)
