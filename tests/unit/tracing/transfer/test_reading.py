"""Files in every form they come in, and how their records are put together and told apart."""

import csv
import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracing.transfer import reading
from tracing.transfer.blocks import Blocks
from tracing.transfer.errors import TransferError
from tracing.transfer.reading import Found, open_source

RECORDS = [{"a": 1}, {"a": "ü\n{["}, {"a": {"b": [1, 2]}}]


def found(path: Path, content: bytes) -> list[Found]:
    path.write_bytes(content)
    with open_source(path) as source:
        return list(source.records())


FORMS = {
    "lines": "\n".join(map(json.dumps, RECORDS)),
    "lines with a mark, blank ones and Windows' ends": "\ufeff\r\n"
    + "\r\n\r\n".join(map(json.dumps, RECORDS))
    + "\r\n",
    "an array": json.dumps(RECORDS),
    "a broken-up array": json.dumps(RECORDS, indent=2, ensure_ascii=False),
    "broken-up objects one after another": "\n".join(json.dumps(record, indent=1) for record in RECORDS),
    "a page of an API": json.dumps({"data": RECORDS, "meta": {"page": 1}}),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("zipped", [False, True])
def test_every_form_gives_the_same_records(
    tmp_path: Path, form: str, zipped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_CHUNK", 16)  # so that elements lie across pieces
    content = FORMS[form].encode()
    got = found(tmp_path / "x", gzip.compress(content) if zipped else content)
    assert [each.record for each in got] == RECORDS, got


def test_csv_has_cells_of_text_and_none_for_nothing(tmp_path: Path) -> None:
    got = found(tmp_path / "x.csv", b'\xef\xbb\xbfa,b\r\n1,"x, ""y""\nz"\r\n,2\r\n3\r\n')
    assert [each.record for each in got] == [{"a": "1", "b": 'x, "y"\nz'}, {"b": "2"}, None]
    assert "2 cells" in got[2].reason
    assert csv.field_size_limit() < reading.LONGEST, "the limit of the whole process is as it was"


def test_what_is_no_record_says_where_and_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LONGEST", 100)
    content = b'{"a": 1}\n{"a": \n"text"\n' + b'{"a": "' + b"x" * 300 + b'"}\n{"a": 2}\n{"a": "\xff"}'
    got = found(tmp_path / "x", content)
    assert [(each.line, each.record) for each in got] == [
        (1, {"a": 1}),
        (2, None),
        (3, None),
        (4, None),
        (5, {"a": 2}),
        (6, None),
    ]
    assert [each.reason.split(":")[0] for each in got if each.record is None] == [
        "no JSON",
        "no object of names and values",
        "the line is longer than 0 MiB",
        "no JSON",
    ]
    assert found(tmp_path / "x", b"") == []
    with pytest.raises(TransferError, match="neither JSON lines"):
        found(tmp_path / "x", b"hello\nthere\n")
    torn = found(tmp_path / "x", b'[{"a": 1}, {"a"')
    assert [(each.line, each.record is None) for each in torn] == [(1, False), (2, True)]


@given(
    st.lists(
        st.tuples(st.sampled_from(["2024-01", "2025-01", "2026-01"]), st.integers(0, 30), st.integers(1, 50)),
        max_size=80,
    )
)
def test_blocks_hold_each_line_once_and_one_month_each(given: list[tuple[str, int, int]]) -> None:
    blocks = Blocks(rows=5, size=120, waiting=200)
    done = []
    for month, key, size in given:
        block = blocks.add(month, f"{month}/{key}", b"x" * size)
        if block is not None:
            done.append(block)
        assert sum(held.size for held in blocks._months.values()) < 250
    while (rest := blocks.rest()) is not None:
        done.append(rest)
    assert all(len({key.partition("/")[0] for key in block.lines}) == 1 for block in done)
    assert all(len(block.lines) <= 5 for block in done)
    assert {key for block in done for key in block.lines} == {f"{month}/{key}" for month, key, _ in given}
    assert sum(len(block.lines) for block in done) + blocks.repeated == len(given)
