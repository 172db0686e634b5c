from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.writing.moves import way_back


@pytest.mark.parametrize(
    ("moves", "path"),
    [
        ([], []),
        ([("promote", 1)], [1]),
        ([("promote", 1), ("promote", 2), ("promote", 3)], [1, 2, 3]),
        ([("promote", 1), ("promote", 2), ("promote", 3), ("rollback", 2)], [1, 2]),
        ([("promote", 1), ("promote", 2), ("rollback", 1), ("promote", 3)], [1, 3]),
        ([("promote", 1), ("promote", 2), ("promote", 1)], [1, 2, 1]),
        ([("promote", 1), ("promote", 2), ("rollback", 1), ("rollback", 2)], [1, 2]),
    ],
)
def test_the_way_back(moves, path):
    assert way_back(moves) == path


@given(st.lists(st.tuples(st.sampled_from(["promote", "rollback"]), st.integers(1, 4))))
def test_the_present_version_is_the_last_one_moved_to(moves):
    path = way_back(moves)
    assert (path[-1:] == [moves[-1][1]]) if moves else path == []
    assert all(a != b for a, b in pairwise(path))
