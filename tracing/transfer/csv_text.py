"""JSON lines as CSV (RFC 4180): a header, then a row a line; what is no plain value stands as JSON in its cell. Pure but for the stream."""

import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Any

_FLUSH_BYTES = 256 * 1024


async def as_csv(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same rows as CSV, in pieces; columns are those of the first row. `pieces` are whole lines each."""
    text = io.StringIO()
    writer: Any = csv.writer(text)
    columns: list[str] = []
    async for piece in pieces:
        for line in piece.splitlines():
            row = json.loads(line)
            if not columns:
                columns = list(row)
                writer.writerow(columns)
            writer.writerow([cell(row.get(column)) for column in columns])
            if text.tell() > _FLUSH_BYTES:
                yield _taken(text)
    if text.tell():
        yield _taken(text)


def cell(value: Any) -> Any:
    """A value as a cell; None is an empty one, as an empty text is."""
    if value is None or (isinstance(value, str | int | float) and not isinstance(value, bool)):
        return value
    return json.dumps(value, ensure_ascii=False)


def _taken(text: io.StringIO) -> bytes:
    taken = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return taken
