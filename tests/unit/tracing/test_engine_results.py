"""Pieces of a result become one document, and an error behind rows can't be taken for a row."""

import pytest

from tracing.engine.results import Joiner, Passage, exception_block, passage


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("Native", Passage.PLAIN),
        ("TabSeparated", Passage.PLAIN),
        ("JSONEachRow", Passage.PLAIN),
        ("TSVWithNames", Passage.ONE_LINE),
        ("CSVWithNamesAndTypes", Passage.TWO_LINES),
        ("JSONCompactEachRowWithNamesAndTypes", Passage.TWO_LINES),
        ("JSON", Passage.WHOLE),
        ("Parquet", Passage.WHOLE),
        ("ArrowStream", Passage.WHOLE),
        ("Values", Passage.WHOLE),
        ("PrettyCompact", Passage.WHOLE),
        ("RowBinaryWithNames", Passage.WHOLE),
    ],
)
def test_how_a_format_travels(name: str, way: Passage) -> None:
    assert passage(name, array_of_rows=False) is way


def test_json_rows_in_one_array_are_one_document() -> None:
    assert passage("JSONEachRow", array_of_rows=True) is Passage.WHOLE
    assert passage("Native", array_of_rows=True) is Passage.PLAIN


def joined(name: str, *pieces: bytes) -> bytes:
    joiner = Joiner(passage(name, array_of_rows=False), name)
    return b"".join(joiner.feed(piece) for piece in pieces)


def test_a_header_stands_once() -> None:
    assert joined("TSVWithNames", b"a\tb\n1\t2\n", b"a\tb\n3\t4\n", b"a\tb\n\n4\t6\n") == b"a\tb\n1\t2\n3\t4\n\n4\t6\n"
    assert joined("TSVWithNamesAndTypes", b"a\nInt8\n1\n", b"a\nInt8\n2\n", b"") == b"a\nInt8\n1\n2\n"


def test_a_header_stands_once_when_the_first_piece_is_empty() -> None:
    assert joined("TSVWithNames", b"", b"a\n1\n", b"a\n2\n") == b"a\n1\n2\n"


def test_totals_without_a_header_are_kept() -> None:
    assert joined("TSVWithNames", b"a\n1\n", b"\n7\n") == b"a\n1\n\n7\n"


def test_a_line_end_in_a_quoted_name_is_not_the_headers_end() -> None:
    header = b'"a ""x\n""","b"\n'
    assert joined("CSVWithNames", header + b"1,2\n", header + b"3,4\n") == header + b"1,2\n3,4\n"


def test_without_a_header_nothing_is_taken_away() -> None:
    assert joined("CSV", b"1\n", b"1\n", b"") == b"1\n1\n"


def test_an_error_behind_rows_has_its_length_and_tag() -> None:
    block = exception_block("0123456789abcdef", "Code: 1. DB::Exception: é")
    message = "Code: 1. DB::Exception: é\n".encode()
    assert block == (
        b"\r\n__exception__\r\n0123456789abcdef\r\n"
        + message
        + b"%d 0123456789abcdef\r\n__exception__\r\n" % len(message)
    )
