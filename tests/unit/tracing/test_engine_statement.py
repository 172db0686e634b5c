"""Words of a statement: where data begins, which format a result has, what a quote or a comment hides."""

import pytest

from tracing.engine import statement


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        (b"select 1", "SELECT"),
        (b"  -- insert\n /* drop */ With x as (select 1) select * from x", "WITH"),
        (b"((select 1))", "SELECT"),
        (b"#! a comment\nshow tables", "SHOW"),
        (b"", ""),
        (b"'text'", ""),
        (b"; select 1", ""),
    ],
)
def test_keyword(sql: bytes, word: str) -> None:
    assert statement.keyword(sql) == word


@pytest.mark.parametrize(
    ("sql", "into", "settings", "name", "data"),
    [
        (b"INSERT INTO t FORMAT JSONEachRow\n{}", b"INSERT INTO t", b"", "JSONEachRow", b"{}"),
        (b"insert into t (a, b) format CSV 1,2", b"insert into t (a, b)", b"", "CSV", b"1,2"),
        (b"INSERT INTO t FORMAT TSV \t\r\n\t1", b"INSERT INTO t", b"", "TSV", b"\t1"),
        (b"INSERT INTO t FORMAT TSV\n\n1", b"INSERT INTO t", b"", "TSV", b"\n1"),
        (
            b"INSERT INTO t SETTINGS async_insert=0 FORMAT Native\n\x00",
            b"INSERT INTO t",
            b"SETTINGS async_insert=0",
            "Native",
            b"\x00",
        ),
        (
            b"INSERT INTO `format` (`format values`) FORMAT CSV\n;drop",
            b"INSERT INTO `format` (`format values`)",
            b"",
            "CSV",
            b";drop",
        ),
        (
            b"INSERT INTO FUNCTION file('x', 'CSV', 'format Int8') FORMAT CSV",
            b"INSERT INTO FUNCTION file('x', 'CSV', 'format Int8')",
            b"",
            "CSV",
            b"",
        ),
        (b"INSERT INTO t /* FORMAT TSV */ FORMAT CSV\n1", b"INSERT INTO t /* FORMAT TSV */", b"", "CSV", b"1"),
    ],
)
def test_an_insert_is_split_from_its_data(sql: bytes, into: bytes, settings: bytes, name: str, data: bytes) -> None:
    found = statement.insert(sql)
    assert found is not None
    assert (found.into, found.settings.strip(), found.format, sql[found.data :]) == (into, settings, name, data)


@pytest.mark.parametrize(
    "sql",
    [
        b"SELECT 1 FORMAT JSONEachRow",
        b"INSERT INTO t VALUES (1), ('FORMAT CSV')",
        b"INSERT INTO t SELECT 1 FORMAT CSV",
        b"INSERT INTO t WITH 1 AS x SELECT x",
        b"INSERT INTO t FROM INFILE 'x' FORMAT CSV",
        b"INSERT INTO t (a)",
        b"INSERT INTO t (a, 'FORMAT CSV",
        b"",
    ],
)
def test_an_insert_without_data_of_its_own_is_left_alone(sql: bytes) -> None:
    assert statement.insert(sql) is None


@pytest.mark.parametrize(
    ("sql", "before", "name", "rest"),
    [
        (b"SELECT 1", b"SELECT 1", None, b""),
        (b"SELECT 1;", b"SELECT 1", None, b""),
        (b"SELECT 1 -- FORMAT CSV", b"SELECT 1", None, b""),
        (b"SELECT 1 FORMAT JSON", b"SELECT 1 ", "JSON", b""),
        (b"SELECT 1\nformat JSON ; -- done", b"SELECT 1\n", "JSON", b""),
        (b"SELECT 1 FORMAT JSON SETTINGS max_threads = 1;", b"SELECT 1 ", "JSON", b" SETTINGS max_threads = 1"),
        (b"SELECT 1 SETTINGS max_threads = 1 FORMAT CSV", b"SELECT 1 SETTINGS max_threads = 1 ", "CSV", b""),
        (b"SELECT format FROM format", b"SELECT format FROM format", None, b""),
        (b"SELECT 1 AS format FROM t", b"SELECT 1 AS format FROM t", None, b""),
        (b"SELECT 'FORMAT CSV', $$ FORMAT CSV $$", b"SELECT 'FORMAT CSV', $$ FORMAT CSV $$", None, b""),
        (b"SELECT (SELECT 1 FORMAT CSV)", b"SELECT (SELECT 1 FORMAT CSV)", None, b""),
    ],
)
def test_the_closing_format(sql: bytes, before: bytes, name: str | None, rest: bytes) -> None:
    closing = statement.closing(sql)
    assert (closing.before, closing.format, closing.rest) == (before, name, rest)


@pytest.mark.parametrize(
    "sql",
    [b"SELECT 1 INTO OUTFILE '/x'", b"INSERT INTO t FROM\n INFILE '/x' FORMAT CSV", b"select 1 into/**/outfile 'x'"],
)
def test_files_of_the_client_are_seen(sql: bytes) -> None:
    assert statement.touches_files(sql)


@pytest.mark.parametrize(
    "sql", [b"SELECT 'INTO OUTFILE'", b"SELECT 1 -- INTO OUTFILE 'x'", b"SELECT infile FROM outfile"]
)
def test_words_that_only_look_like_files_are_not(sql: bytes) -> None:
    assert not statement.touches_files(sql)
