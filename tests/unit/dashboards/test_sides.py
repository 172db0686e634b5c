"""A word diff in two columns: nothing gets lost, and lines that belong together stand beside each other."""

from hypothesis import assume, given
from hypothesis import strategies as st

from dashboards.sides import Row, rows
from registry.diffs.words import Segment, words


def text(line: tuple[Segment, ...] | None) -> str | None:
    return None if line is None else "".join(segment.text for segment in line)


def shown(found: list[Row]) -> list[tuple[str | None, str | None]]:
    return [(text(row.left), text(row.right)) for row in found]


def test_a_changed_line_stands_beside_itself():
    found = rows(words("Be kind.\nAnswer in 30 words.\nBye.", "Be kind.\nAnswer in 20 words.\nBye."))
    assert shown(found) == [
        ("Be kind.", "Be kind."),
        ("Answer in 30 words.", "Answer in 20 words."),
        ("Bye.", "Bye."),
    ]
    assert [row.same for row in found] == [True, False, True]
    assert [segment.operation for segment in found[1].left or ()] == ["same", "removed", "same"]


def test_a_new_line_has_nothing_beside_it():
    assert shown(rows(words("one\nthree", "one\ntwo\nthree"))) == [("one", "one"), (None, "two"), ("three", "three")]
    assert shown(rows(words("one\ntwo\nthree", "one\nthree"))) == [("one", "one"), ("two", None), ("three", "three")]


def test_long_unchanged_stretches_are_folded_and_counted():
    lines = [f"line {number}" for number in range(20)]
    old, new = "\n".join(lines), "\n".join([*lines[:10], "another", *lines[10:]])
    found = rows(words(old, new))
    assert [row.folded for row in found if row.folded] == [8, 8]
    assert len([row for row in found if not row.folded]) == 5
    assert all(not row.folded for row in rows(words("a\nb\nc\nd", "x\nb\nc\nd")))  # one line isn't folded


def test_a_message_that_came_or_went_has_one_side():
    assert shown(rows([Segment(operation="added", text="a\nb")])) == [(None, "a"), (None, "b")]
    assert shown(rows([Segment(operation="removed", text="a\nb")])) == [("a", None), ("b", None)]


LINES = st.lists(st.sampled_from(["", "be kind", "be brief", "{{ a }}", "no, never", "x y z"]), max_size=8).map(
    "\n".join
)


@given(LINES, LINES)
def test_both_texts_are_there_in_full(old, new):
    assume(old != new)  # where nothing changed all is folded
    found = rows(words(old, new), context=1000)
    left = [text(row.left) for row in found if row.left is not None]
    right = [text(row.right) for row in found if row.right is not None]
    assert "\n".join(line or "" for line in left) == old
    assert "\n".join(line or "" for line in right) == new
