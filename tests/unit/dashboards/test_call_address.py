"""What an address of calls says: filters and typed times, what can't be read in words, and addresses that lead on."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboards.call_address import AROUND, FILTERS, Address, read_address
from tracing.search.filters import CallFilter

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)  # a Friday


def read(*pairs: tuple[str, str]) -> CallFilter:
    asked = read_address("/calls", pairs, NOW, UTC)
    assert asked.problem == ""
    return asked.filter


def problem(*pairs: tuple[str, str]) -> str:
    return read_address("/calls", pairs, NOW, UTC).problem


def test_an_empty_address_is_a_day_and_empty_fields_say_nothing() -> None:
    asked = read_address("/calls", [("user", " "), ("text", ""), ("live", ""), ("cursor", "x")], NOW, UTC)
    assert asked.filter == CallFilter(since=NOW - timedelta(days=1), until=NOW)
    assert not asked.narrow
    assert asked.address.href() == "/calls"


def test_every_filter_of_the_api_can_stand_in_an_address() -> None:
    values = {"status": "5xx", "outcome": "ok", "version": "2", "min_tokens": "3"}
    for name in FILTERS:
        value = values.get(name, "1" if name.startswith(("min", "max")) else "x")
        found = getattr(read((name, value)), name)
        assert str(found[0] if isinstance(found, tuple) else found) in (value, f"{value}.0")
    assert read(("prompt", "a"), ("prompt", "b"), ("prompt", "a")).prompt == ("a", "b")


def test_the_complaint_of_tuesday() -> None:
    found = read(("around", "tuesday 15:00"), ("score", "helpful=false"))
    tuesday = datetime(2026, 11, 17, 15, tzinfo=UTC)
    assert (found.since, found.until) == (tuesday - AROUND, tuesday + AROUND)
    assert found.score == ("helpful=false",)
    assert read(("since", "7d"), ("until", "yesterday")).until == datetime(2026, 11, 19, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (("promt", "x"), "did you mean 'prompt'?"),
        (("since", "soon"), "since is such as"),
        (("around", "2999-01-01"), "has not come yet"),
        (("around", "later"), "around is such as"),
        (("status", "9"), "status: a status is such as 429 or 5xx"),
        (("score", ">3"), "score: a score is looked for as"),
        (("min_cost", "much"), "min_cost: input should be a valid number"),
        (("version", "two"), "version: input should be a valid integer"),
    ],
)
def test_what_cannot_be_read_is_said(pair: tuple[str, str], said: str) -> None:
    assert said in problem(pair)


def test_addresses_lead_on() -> None:
    here = Address(path="/calls", pairs=(("prompt", "a&b"), ("user", "ann"), ("user", "bob"), ("since", "7d")))
    assert here.without("user", "ann").values("user") == ["bob"]
    assert here.without("user").values("user") == []
    assert here.having("outcome", "ok").at("/calls.csv").href() == (
        "/calls.csv?prompt=a%26b&user=ann&user=bob&since=7d&outcome=ok"
    )
    assert here.with_times(around="now").href(cursor="c") == "/calls?prompt=a%26b&user=ann&user=bob&around=now&cursor=c"
