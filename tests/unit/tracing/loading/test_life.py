"""Whether a server was started anew, by what it tells of its age."""

import pytest

from tracing.loading.life import Life

LIFE = Life(host="here", started=1_000_000, age=60.0)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("here@1000000", True),
        ("here@1001000", True),  # ages are told in whole seconds
        ("here@998900", True),
        ("here@1010000", False),
        ("there@1000000", False),
        ("", False),
        ("here@", False),
    ],
)
def test_a_note_is_of_the_same_life_or_not(text: str, same: bool) -> None:
    assert LIFE.is_that_of(text) is same
    assert LIFE.is_that_of(LIFE.text)
