"""Good lines and bad ones, with a reader that can be asked what it was asked."""

import pytest

from tracing.loading.sieve import MAX_BAD_LINES, in_words, sieve


class Reader:
    """Refuses lines with 'bad' in them, and whatever stands beside one."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, lines: bytes) -> str:
        self.asked += 1
        return "Code: 27\n  no good" if b"bad" in lines else ""


def lines(*bad: int, count: int = 1000) -> bytes:
    return b"".join(
        b'{"x": "%s %d"}\n' % (b"bad" if number in bad else b"good", number) for number in range(1, count + 1)
    )


@pytest.mark.parametrize("bad", [(1,), (1000,), (499, 500, 501), tuple(range(1, 60, 7)), ()])
async def test_only_bad_lines_are_parted_off(bad: tuple[int, ...]) -> None:
    reader = Reader()
    found = await sieve(lines(*bad), reader)
    assert tuple(piece.number for piece in found.bad) == bad
    assert found.good.count(b"\n") == 1000 - len(bad)
    assert b"bad" not in found.good
    assert reader.asked <= 2 + len(bad) * 22


async def test_what_is_no_json_object_is_found_without_asking() -> None:
    reader = Reader()
    poisoned = b'{"a": 1}\n\x00\x00\x00\n{"b": "\xff"}\n[1]\n{"torn": \n{"c": 2}\n'
    found = await sieve(poisoned, reader)
    assert found.good == b'{"a": 1}\n{"c": 2}\n'
    assert reader.asked == 1
    told = in_words(found.bad).splitlines()
    assert [line.partition(": ")[0] for line in told] == ["line 2", "line 3", "line 4", "line 5"]
    assert "UTF-8" in told[1]


async def test_a_segment_of_bad_lines_is_not_searched_for_ever() -> None:
    reader = Reader()
    found = await sieve(lines(*range(1, 5001), count=5000), reader)
    assert found.good == b""
    assert sum(len(piece.lines) for piece in found.bad) == 5000
    assert len(found.bad) < MAX_BAD_LINES + 20
    assert reader.asked < MAX_BAD_LINES * 4
    assert "lines from" in in_words(found.bad)
    assert in_words(found.bad).count("\n") == len(found.bad)
