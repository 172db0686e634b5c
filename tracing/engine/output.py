"""What a run gives to whoever asked, and how pieces of a result become it: joined, compressed, stored or passed on.

It knows the order of bytes in an answer. It refuses to know the engine, HTTP's status codes and headers.
"""

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol, cast

from tracing.engine.compression import encoder
from tracing.engine.embedded import Piece
from tracing.engine.errors import ClickHouseError
from tracing.engine.results import Joiner, Passage, exception_block

_IN_MEMORY: Final = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A complete result: `size` bytes in `file`, from its beginning; `summary` is the X-ClickHouse-Summary header."""

    file: IO[bytes]
    size: int
    output_format: str | None
    coding: str | None
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """The next bytes of a result that is still being made, or the last ones."""

    data: bytes
    last: bool
    output_format: str | None
    coding: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The query failed behind rows that are on their way: `data` says so in the stream, which must then break off."""

    data: bytes


Item = Whole | Streamed | Broken | ClickHouseError


class StoppedError(Exception):
    """Whoever asked for this result has left, or does not take it."""


class Channel(Protocol):
    """Where a run puts its items. `put` waits until there is room; it raises StoppedError when nobody wants them."""

    def put(self, item: Item, /) -> None: ...


class Output:
    """One result in the making. With a `channel` its bytes go out as they come, without one they are stored.

    `output_format` is None for a statement without a result, `coding` the compression, `tag` marks an error in the
    stream, `folder` takes what is too large for memory. `started` is time.monotonic_ns() of when the statement began.
    """

    def __init__(
        self,
        *,
        channel: Channel | None,
        passage: Passage,
        output_format: str | None,
        coding: str | None,
        tag: str,
        folder: Path,
        started: int,
    ) -> None:
        self._channel = channel
        self._joiner = Joiner(passage, output_format or "")
        self._encoder = encoder(coding)
        self._output_format = output_format
        self._coding = coding
        self._tag = tag
        self._began = False
        self._counts = dict.fromkeys(("read_rows", "read_bytes", "written_rows", "result_rows", "result_bytes"), 0)
        self._started = started
        self._file = None if channel else tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, dir=str(folder))  # noqa: SIM115

    def add(self, piece: Piece) -> None:
        """Take the next piece of the result. Raises StoppedError."""
        data = self._joiner.feed(piece.data)
        self._count(piece, len(data))
        if not data:
            return
        encoded = self._encoder.feed(data)
        self._began = True
        if self._file:
            self._file.write(encoded)
        elif self._channel:
            self._channel.put(self._streamed(encoded, last=False))

    def finish(self) -> Item:
        """The item that completes the result."""
        # Nothing at all stays nothing: an empty body has no coding.
        rest = self._encoder.finish() if self._began else b""
        if not self._file:
            return self._streamed(rest, last=True)
        self._file.write(rest)
        size = self._file.tell()
        self._file.seek(0)
        summary = {**self._counts, "elapsed_ns": time.monotonic_ns() - self._started}
        return Whole(
            file=cast(IO[bytes], self._file),
            size=size,
            output_format=self._output_format,
            coding=self._coding if self._began else None,
            summary=json.dumps({name: str(value) for name, value in summary.items()}, separators=(",", ":")),
        )

    def fail(self, error: ClickHouseError, version: str) -> Item:
        """The item that ends a result which can't be completed: the error itself as long as nothing is on its way."""
        if self._file:
            self._file.close()
        if self._file or not self._began:
            return error
        return Broken(data=self._encoder.feed(exception_block(self._tag, error.wire(version))) + self._encoder.finish())

    def _count(self, piece: Piece, size: int) -> None:
        self._counts["read_rows"] += piece.read_rows
        self._counts["read_bytes"] += piece.read_bytes
        self._counts["written_rows"] += piece.written_rows
        self._counts["result_rows"] += piece.rows
        self._counts["result_bytes"] += size

    def _streamed(self, data: bytes, *, last: bool) -> Streamed:
        coding = self._coding if self._began else None
        return Streamed(data=data, last=last, output_format=self._output_format, coding=coding)
