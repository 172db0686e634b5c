"""A request's body: statements in memory, data in a file, nothing left behind."""

import gzip
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tracing.engine import body
from tracing.engine.errors import ClickHouseError


def receiver(parts: Sequence[bytes | None]) -> body.Receive:
    """What ASGI hands out for a body in `parts`; None stands for a client that leaves."""
    messages = [
        {"type": "http.disconnect"}
        if part is None
        else {"type": "http.request", "body": part, "more_body": at < len(parts) - 1}
        for at, part in enumerate(parts)
    ]

    async def receive() -> Any:
        return messages.pop(0)

    return receive


def incoming(*parts: bytes | None, coding: str = "") -> AsyncIterator[bytes]:
    return body.pieces(receiver(parts), coding)


async def test_a_statement_is_kept_in_memory(tmp_path: Path) -> None:
    read = await body.read(b"", incoming(b"SELECT", b" 1 "), tmp_path)
    assert (read.sql, read.insert, read.data) == (b"SELECT 1", None, None)


async def test_a_statement_may_begin_in_the_url(tmp_path: Path) -> None:
    assert (await body.read(b"SELECT", incoming(b"1"), tmp_path)).sql == b"SELECT\n1"
    assert (await body.read(b"SELECT 1", incoming(b""), tmp_path)).sql == b"SELECT 1"


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        (b"INSERT INTO t FORMAT CSV", (b"1\n", b"2\n")),
        (b"", (b"INSERT INTO t FORMAT CSV\n1\n2\n",)),
        (b"", (b"INSERT INTO t FOR", b"MAT CSV\n1", b"\n2\n")),
    ],
)
async def test_an_inserts_data_is_in_a_file_until_it_is_discarded(
    tmp_path: Path, query: bytes, parts: tuple[bytes, ...]
) -> None:
    read = await body.read(query, incoming(*parts), tmp_path)
    assert read.insert is not None
    assert read.data is not None
    assert (read.data.read_bytes(), read.data.parent) == (b"1\n2\n", tmp_path)
    assert read.data.stat().st_mode & 0o077 == 0
    read.discard()
    read.discard()
    assert list(tmp_path.iterdir()) == []


async def test_large_data_behind_the_statement_is_not_taken_for_a_statement(tmp_path: Path) -> None:
    parts = [b"INSERT INTO t FORMAT CSV\n"] + [b"x" * (1 << 20)] * 20
    read = await body.read(b"", incoming(*parts), tmp_path)
    assert read.data is not None
    assert read.data.stat().st_size == 20 << 20


async def test_a_statement_has_a_bound(tmp_path: Path) -> None:
    with pytest.raises(ClickHouseError, match="longer than") as caught:
        await body.read(b"", incoming(*[b"SELECT 1 + " * 100_000] * 20), tmp_path)
    assert caught.value.status == 413


async def test_a_client_that_leaves_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(body.ClientLeftError):
        await body.read(b"INSERT INTO t FORMAT CSV", incoming(b"1\n", None), tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_broken_compression_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ClickHouseError, match="gzip"):
        await body.read(b"INSERT INTO t FORMAT CSV", incoming(gzip.compress(b"1\n")[:-3], coding="gzip"), tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_compressed_data_is_stored_plain(tmp_path: Path) -> None:
    read = await body.read(b"", incoming(gzip.compress(b"INSERT INTO t FORMAT CSV\n1\n"), coding="gzip"), tmp_path)
    assert read.data is not None
    assert read.data.read_bytes() == b"1\n"


FORM = b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n--b--\r\n'


async def test_a_form_has_named_values() -> None:
    data = FORM % (b"param_x", b"", "ü\n2".encode())
    assert await body.form(incoming(data), "multipart/form-data; boundary=b") == {"param_x": "ü\n2".encode()}


async def test_a_file_in_a_form_is_refused() -> None:
    data = FORM % (b"ext", b'; filename="x.csv"', b"1")
    with pytest.raises(ClickHouseError, match="'ext' is a file"):
        await body.form(incoming(data), "multipart/form-data; boundary=b")
