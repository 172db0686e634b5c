"""Which notes of a deduplication log stand after a kill: those whose rows are there."""

from pathlib import Path

import pytest

from tracing.engine.repair import Blocks, committed, forget_uncommitted

FIRST, SECOND, THIRD = b"1\tall_1_1_0\tall_11_1\n", b"1\tall_2_2_0\tall_22_2\n", b"1\tall_3_3_0\tall_33_3\n"
ONE, TWO, MERGED = Blocks("all", 1, 1), Blocks("all", 2, 2), Blocks("all", 1, 2)


@pytest.mark.parametrize(
    ("log", "parts", "stands"),
    [
        (b"", [], b""),
        (FIRST + SECOND, [ONE, TWO], FIRST + SECOND),
        (FIRST + SECOND, [ONE], FIRST),
        (FIRST + SECOND, [MERGED], FIRST + SECOND),
        (FIRST + SECOND + THIRD, [MERGED], FIRST + SECOND),
        (FIRST, [], b""),
        (FIRST + SECOND[:-4], [MERGED], FIRST),
        (FIRST[:5], [], b""),
        # What is not last is history: its rows were deleted since, and its token counts.
        (FIRST + SECOND, [TWO], FIRST + SECOND),
        (FIRST + b"2\tall_1_1_0\tall_11_1\n", [], FIRST + b"2\tall_1_1_0\tall_11_1\n"),
        (FIRST, [Blocks("202611", 1, 1)], b""),
        (b"1\tnot a part\tx\n", [], b"1\tnot a part\tx\n"),
    ],
)
def test_what_stands(log: bytes, parts: list[Blocks], stands: bytes) -> None:
    assert log[: committed(log, parts)] == stands


def test_only_the_newest_log_of_a_table_is_cut(tmp_path: Path) -> None:
    table = tmp_path / "store" / "abc" / "abc-1"
    logs = table / "deduplication_logs"
    logs.mkdir(parents=True)
    (table / "all_1_1_0").mkdir()
    (table / "tmp_insert_all_3_3_0").mkdir()
    (logs / "deduplication_log_9.txt").write_bytes(SECOND)
    (logs / "deduplication_log_10.txt").write_bytes(FIRST + THIRD)
    assert forget_uncommitted(tmp_path) == 1
    assert (logs / "deduplication_log_9.txt").read_bytes() == SECOND
    assert (logs / "deduplication_log_10.txt").read_bytes() == FIRST
    assert forget_uncommitted(tmp_path) == 0


def test_a_new_folder_needs_nothing(tmp_path: Path) -> None:
    assert forget_uncommitted(tmp_path / "missing") == 0
