"""What answers of a collector mean, by OTLP's rules."""

from datetime import UTC, datetime

import pytest

from tracing.telemetry.delivery import (
    HELD_SECONDS,
    MAX_WAIT_SECONDS,
    MOST_RETRY_AFTER_SECONDS,
    Delivery,
    from_grpc,
    from_http,
    seconds_after,
    wait_before,
)

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, "later") for status in (429, 502, 503, 504)),
        *((status, "held") for status in (301, 401, 403, 404)),
        *((status, "dropped") for status in (400, 415, 500, 501)),
        (413, "smaller"),
    ],
)
def test_http(status: int, kind: str) -> None:
    found = from_http(status, "7", "said so", NOW)
    assert (found.kind, found.wait) == (kind, 7 if kind == "later" else None)
    assert found.message.startswith(f"the collector answered {status}: said so")
    assert ("its key" in found.message, "its address" in found.message) == (
        status in {401, 403},
        status in {301, 404},
    )


@pytest.mark.parametrize(
    ("code", "delay", "kind"),
    [
        ("UNAVAILABLE", None, "later"),
        ("DEADLINE_EXCEEDED", None, "later"),
        ("RESOURCE_EXHAUSTED", 2.0, "later"),
        ("RESOURCE_EXHAUSTED", None, "smaller"),
        ("UNAUTHENTICATED", None, "held"),
        ("UNIMPLEMENTED", None, "held"),
        ("INVALID_ARGUMENT", None, "dropped"),
        ("INTERNAL", None, "dropped"),
    ],
)
def test_grpc(code: str, delay: float | None, kind: str) -> None:
    found = from_grpc(code, "", delay)
    assert (found.kind, found.wait) == (kind, delay)


def test_retry_after() -> None:
    assert seconds_after("", NOW) is None
    assert seconds_after(" 12 ", NOW) == 12
    assert seconds_after("Mon, 23 Nov 2026 01:00:30 GMT", NOW) == 30
    assert seconds_after("Mon, 23 Nov 2020 01:00:30 GMT", NOW) == 0
    assert seconds_after("999999", NOW) == MOST_RETRY_AFTER_SECONDS
    assert seconds_after("soon", NOW) is None
    assert seconds_after("٣", NOW) is None


def test_waits_grow_and_are_not_all_the_same() -> None:
    later = Delivery(kind="later")
    waits = [wait_before(tries, later, 0) for tries in range(1, 8)]
    assert waits == [0.5, 1, 2, 4, 8, MAX_WAIT_SECONDS, MAX_WAIT_SECONDS]
    assert wait_before(1, later, 1) == 0.25
    assert wait_before(10_000, later, 0) == MAX_WAIT_SECONDS
    assert wait_before(5, Delivery(kind="later", wait=0.0), 0) == 0.1
    assert wait_before(1, Delivery(kind="held"), 0) == HELD_SECONDS
