"""Named statements: found by name, in files that stay plain SQL."""

import pytest

from evaluation.statements import load_statements, parse_statements


def test_statements_are_found_by_name_without_their_semicolon() -> None:
    text = "-- about the file\n-- name: one\nSELECT 1;\n\n-- name: two\n-- a remark\nSELECT ';'\n;\n"
    assert parse_statements(text) == {"one": "SELECT 1", "two": "-- a remark\nSELECT ';'"}


@pytest.mark.parametrize(
    "text", ["-- name: one\nSELECT 1;\n-- name: one\nSELECT 2;", "-- name: one\n\n-- name: two\nSELECT 2"]
)
def test_a_name_that_comes_twice_or_is_empty_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="'one' must be there once"):
        parse_statements(text)


def test_the_quality_report_has_its_statements() -> None:
    assert set(load_statements("evaluation", "quality.sql")) == {"size", "calls", "calls_by_day", "scores"}
