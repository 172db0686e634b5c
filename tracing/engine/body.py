"""A request's body: the statement is kept in memory and bounded, an insert's data goes to a file as it comes in.

It knows ASGI's `receive`, the codings and multipart forms. It refuses to know the engine or the meaning of a setting.
"""

import email.parser
import email.policy
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tracing.engine import statement
from tracing.engine.compression import Decoder
from tracing.engine.errors import ClickHouseError

Receive = Callable[[], Awaitable[Any]]

LONGEST_STATEMENT: Final = 16 * 1024 * 1024
_LOOK_AFTER: Final = 64 * 1024


class ClientLeftError(Exception):
    """The client closed the connection before its request was complete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A statement, and the file with its data if it is an insert that has some. Whoever gets it removes the file."""

    sql: bytes
    insert: statement.Insert | None = None
    data: Path | None = None

    def discard(self) -> None:
        """Remove the data's file, if there is one."""
        if self.data:
            self.data.unlink(missing_ok=True)


async def pieces(receive: Receive, coding: str) -> AsyncIterator[bytes]:
    """The body's bytes, decompressed. Raises ClientLeftError; ClickHouseError if the coding is unknown or broken."""
    decoder = Decoder(coding)
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeftError
        if data := decoder.feed(message.get("body", b"")):
            yield data
        if not message.get("more_body", False):
            decoder.finish()
            return


async def read(query: bytes, incoming: AsyncIterator[bytes], folder: Path) -> Body:
    """Read a body whose statement may have begun in the URL (`query`); data is spooled into `folder`.

    Raises ClickHouseError (307) for a statement above 16 MiB, and what `pieces` raises.
    """
    sql = bytearray(query + b"\n" if query else b"")
    found = statement.insert(bytes(sql)) if query else None
    looked = bool(query)
    if not found:
        async for piece in incoming:
            sql += piece
            if not looked and len(sql) >= _LOOK_AFTER:
                looked = True
                if found := statement.insert(bytes(sql)):
                    break
            if len(sql) > LONGEST_STATEMENT:
                raise ClickHouseError(307, f"the statement is longer than {LONGEST_STATEMENT} bytes")
        if not looked:
            found = statement.insert(bytes(sql))
    if not found:
        return Body(sql=bytes(sql).strip())
    return Body(
        sql=bytes(sql[: found.data]), insert=found, data=await _spool(bytes(sql[found.data :]), incoming, folder)
    )


async def form(incoming: AsyncIterator[bytes], content_type: str) -> Mapping[str, bytes]:
    """Read a multipart form: name → value. Raises ClickHouseError (48) if it has a file in it, and as `pieces` does."""
    raw = bytearray(b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n")
    async for piece in incoming:
        raw += piece
        if len(raw) > LONGEST_STATEMENT:
            raise ClickHouseError(307, f"the form is longer than {LONGEST_STATEMENT} bytes")
    fields: dict[str, bytes] = {}
    for part in email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(bytes(raw)).walk():
        name = part.get_param("name", header="content-disposition")
        if part.get_filename() is not None:
            raise ClickHouseError(48, f"the form field '{name}' is a file; external tables are not offered here")
        value = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(value, bytes):
            fields[name] = value
    return fields


async def _spool(first: bytes, rest: AsyncIterator[bytes], folder: Path) -> Path:
    # The name's ending says "not compressed" to the engine, which would else guess it from the name.
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".rows", delete=False) as file:
        try:
            file.write(first)
            async for piece in rest:
                file.write(piece)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    return Path(file.name)
