"""Shares of a channel: who gets which version, and that hardly anybody changes when shares do."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import PromptInvalidError
from registry.split import Arm, Caller, Split, check_split, choose

NOW = datetime(2026, 11, 22, tzinfo=UTC)
KEYS = [f"session {number}" for number in range(20_000)]


def _who(main: int, *arms: tuple[int, float]) -> dict[str, int]:
    split = Split(arms=tuple(Arm(version=version, share=share) for version, share in arms))
    return {key: choose("a", main, split, key, NOW)[0] for key in KEYS}


@pytest.mark.parametrize("share", [0.5, 5.0, 50.0, 95.0])
def test_a_share_is_as_large_as_it_says(share):
    got = sum(version == 8 for version in _who(7, (8, share)).values()) / len(KEYS) * 100
    assert abs(got - share) < 4 * (share * (100 - share) / len(KEYS)) ** 0.5  # four standard errors


def test_a_share_that_grows_takes_callers_and_sends_nobody_back():
    before, after = _who(7, (8, 5.0)), _who(7, (8, 20.0))
    moved = {(before[key], after[key]) for key in KEYS if before[key] != after[key]}
    assert moved == {(7, 8)}


def test_another_arm_sends_nobody_back_and_moves_few_between_the_others():
    before, after = _who(7, (8, 20.0)), _who(7, (8, 20.0), (9, 10.0))
    moved = [(before[key], after[key]) for key in KEYS if before[key] != after[key]]
    assert set(moved) == {(7, 9), (8, 9), (7, 8)}
    assert moved.count((7, 8)) < 0.03 * len(KEYS)


def test_promoting_what_was_rolled_out_changes_nothing_for_whoever_had_it():
    before, after = _who(7, (8, 20.0)), _who(8, (7, 5.0))
    assert all(after[key] == 8 for key in KEYS if before[key] == 8)


@given(st.text(max_size=50), st.floats(0.01, 99.99), st.floats(0.01, 99.99))
def test_whoever_has_the_smaller_share_keeps_it_in_the_larger(key, one, two):
    low, high = sorted((one, two))
    arms = [Split(arms=(Arm(version=2, share=share),)) for share in (low, high)]
    few, many = (choose("a", 1, split, key or "k", NOW)[0] for split in arms)
    assert few == 1 or many == 2


def test_an_arm_ends_by_itself():
    arm = Arm(version=6, share=50.0, kind="holdback", until=NOW + timedelta(hours=1))
    split = Split(arms=(arm,))
    assert {choose("a", 7, split, key, NOW) for key in KEYS[:100]} == {(7, "main"), (6, "holdback")}
    assert {choose("a", 7, split, key, NOW + timedelta(hours=1)) for key in KEYS[:100]} == {(7, "")}


def test_two_prompts_do_not_split_their_callers_alike():
    split = Split(arms=(Arm(version=2, share=50.0),))
    one, two = ([choose(slug, 1, split, key, NOW)[0] for key in KEYS[:2000]] for slug in ("a", "b"))
    assert 0.4 < sum(x == y for x, y in zip(one, two, strict=True)) / 2000 < 0.6


@pytest.mark.parametrize(
    ("sticky", "caller", "key"),
    [
        ("session", Caller(session="s", user="u", trace="t"), "session s"),
        ("user", Caller(session="s", user="u", trace="t"), "user u"),
        ("user", Caller(session="s", trace="t"), "session s"),
        ("session", Caller(trace="t"), "trace t"),
        ("variable:plan", Caller(user="u", variables={"plan": "gold"}), "variable gold"),
        ("variable:plan", Caller(user="u", variables={"plan": ""}), "user u"),
        ("variable:n", Caller(variables={"n": 0}), "variable 0"),
        ("session", Caller(), ""),
    ],
)
def test_what_callers_are_told_apart_by(sticky, caller, key):
    assert caller.key(sticky) == key


def test_a_caller_that_nothing_tells_apart_gets_the_main_version():
    assert choose("a", 7, Split(arms=(Arm(version=8, share=99.0),)), "", NOW) == (7, "main")


@pytest.mark.parametrize(
    ("arms", "sticky", "said"),
    [
        ([(7, 5.0)], "session", "version 7 is the channel's own version"),
        ([(8, 5.0), (8, 5.0)], "session", "stands there twice"),
        ([(8, 60.0), (9, 40.0)], "session", "add up to 100 %, and nothing is left for version 7"),
        ([(8, 0.0)], "session", "from 0.01 to 99.99; not 0"),
        ([(8, float("nan"))], "session", "not nan"),
        ([(8, 5.0)], "cookie", "session, user, trace, or variable:NAME"),
        ([(8, 5.0)], "variable:a b", "variable:NAME"),
        ([(number, 1.0) for number in range(10, 21)], "session", "at most 10 versions"),
    ],
)
def test_splits_that_make_no_sense(arms, sticky, said):
    with pytest.raises(PromptInvalidError, match=said):
        check_split([Arm(version=version, share=share) for version, share in arms], 7, sticky, lambda number: number)
