"""Every statement is bounded in time and memory, whatever the client asks for, and values stay values in SQL."""

import pytest

from tracing.engine.errors import ClickHouseError
from tracing.engine.limits import Limits, assignment, identifier, quoted

LIMITS = Limits(memory=1000)


def test_without_a_word_from_the_client_there_are_bounds() -> None:
    reads, writes = LIMITS.settings({}, reads=True), LIMITS.settings({}, reads=False)
    assert (reads["max_execution_time"], writes["max_execution_time"]) == ("30", "300")
    assert (reads["max_memory_usage"], writes["max_memory_usage"]) == ("1000", "1000")


@pytest.mark.parametrize(
    ("asked", "given"), [("1", "1"), ("0.5", "0.5"), ("60", "60"), ("9999", "300"), ("0", "30"), ("inf", "300")]
)
def test_the_client_may_set_the_time_up_to_a_bound(asked: str, given: str) -> None:
    assert LIMITS.settings({"max_execution_time": asked}, reads=True)["max_execution_time"] == given


@pytest.mark.parametrize(("asked", "given"), [("10", "10"), ("0", "1000"), ("4000", "1000")])
def test_the_client_may_take_less_memory(asked: str, given: str) -> None:
    assert LIMITS.settings({"max_memory_usage": asked}, reads=True)["max_memory_usage"] == given


def test_large_bounds_are_whole_numbers() -> None:
    assert Limits(memory=48 << 30).settings({}, reads=True)["max_memory_usage"] == str(48 << 30)


def test_what_is_no_number_is_left_to_the_engine() -> None:
    assert LIMITS.settings({"max_memory_usage": "much"}, reads=True)["max_memory_usage"] == "much"


def test_insert_blocks_are_pinned_unless_the_client_says_otherwise() -> None:
    assert LIMITS.settings({}, reads=False)["max_insert_threads"] == "1"
    assert LIMITS.settings({"max_insert_threads": "2"}, reads=False)["max_insert_threads"] == "2"
    assert "max_insert_threads" not in LIMITS.settings({}, reads=True)


def test_values_can_not_leave_their_quotes() -> None:
    assert assignment({"a": "1', b = '2", "c": "\\", "d": None}) == rb"SET a = '1\', b = \'2', c = '\\', d = DEFAULT"
    assert quoted("it's\\") == r"'it\'s\\'"
    assert identifier("a`b") == r"`a\`b`"


@pytest.mark.parametrize("name", ["a b", "a=1, b", "", "1a", "a'"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ClickHouseError) as caught:
        assignment({name: "1"})
    assert (caught.value.code, caught.value.status) == (115, 404)
