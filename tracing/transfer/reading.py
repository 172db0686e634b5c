"""Records out of a file: JSON lines, a JSON array or object however it is broken into lines, or CSV; plain or gzip; a stream as well.

Knows forms of files, and where in one a record stood. Refuses to know what a record means. Memory is bounded by the longest record.
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from tracing.transfer.errors import TransferError

LONGEST = 64 * 1024 * 1024
_CHUNK = 1024 * 1024
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What stood at a place: a record, or `reason` why there is none. `line` is the number of the line, or of the element."""

    line: int
    record: dict[str, Any] | None
    text: str = ""
    reason: str = ""


class Source:
    """An open file. `size` is None where nobody knows; `position` counts the same bytes, compressed where they are."""

    def __init__(self, raw: IO[bytes], name: str, size: int | None) -> None:
        self.name, self.size = name, size
        self._raw = raw
        buffered = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, raw))
        zipped = buffered.peek(2)[:2] == b"\x1f\x8b"
        # No larger buffer around it: what a buffer holds is lost where a torn file ends.
        self._bytes: Any = gzip.GzipFile(fileobj=buffered) if zipped else buffered
        self._text: io.TextIOWrapper | None = None  # kept: one that nobody holds closes the file below it
        self._line = 0

    @property
    def position(self) -> int:
        return self._raw.tell() if self.size is not None else 0

    def records(self) -> Iterator[Found]:
        """Everything in it, in order. Raises TransferError where the file itself breaks off."""
        try:
            begins = self._bytes.peek(_CHUNK)[:_CHUNK].lstrip(b"\xef\xbb\xbf \t\r\n")
            if not begins:
                return
            if begins[:1] == b"[" or (begins[:1] == b"{" and _spread(begins)):
                yield from self._elements()
            elif begins[:1] == b"{":
                yield from self._lines()
            else:
                yield from self._rows()
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise TransferError(
                f"{self.name} can't be unpacked behind line {self._line}: {error}. What came before is taken; "
                "run the import again with the whole file, nothing is taken twice"
            ) from error

    def _lines(self) -> Iterator[Found]:
        while raw := self._bytes.readline(LONGEST + 1):
            self._line += 1
            if len(raw) > LONGEST:
                while raw and not raw.endswith(b"\n"):
                    raw = self._bytes.readline(_CHUNK)
                yield Found(line=self._line, record=None, reason=f"the line is longer than {LONGEST >> 20} MiB")
                continue
            text = raw.strip(b"\xef\xbb\xbf \t\r\n") if self._line == 1 else raw.strip()
            if not text:
                continue
            try:
                value = _decode(text)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                yield Found(line=self._line, record=None, text=_text(text), reason=f"no JSON: {error}")
                continue
            yield from self._found(value, lambda kept=text: _text(kept))

    def _elements(self) -> Iterator[Found]:
        """Values one after another, within brackets or not."""
        decoder = json.JSONDecoder()
        stream = self._text = io.TextIOWrapper(self._bytes, "utf-8", errors="replace")
        held, wanted = "", _CHUNK
        ended = False
        while True:
            held = held.lstrip("\ufeff \t\r\n[],")
            try:
                value, end = decoder.raw_decode(held)
            except ValueError as error:
                if not ended and len(held) <= LONGEST:
                    more = stream.read(wanted)
                    wanted = min(wanted * 2, LONGEST)  # a long element isn't tried again for every megabyte
                    held, ended = held + more, not more
                    continue
                if held:
                    self._line += 1
                    yield Found(
                        line=self._line, record=None, text=held[:10_000], reason=f"no JSON from here on: {error}"
                    )
                return
            wanted = _CHUNK
            self._line += 1
            yield from self._found(value, lambda kept=held[:end]: kept)
            held = held[end:]

    def _rows(self) -> Iterator[Found]:
        """CSV with a header; an empty cell is nothing, JSON in one is JSON."""
        usual = csv.field_size_limit(LONGEST)  # of the whole process, so it is given back
        try:
            yield from self._read_rows()
        finally:
            csv.field_size_limit(usual)

    def _read_rows(self) -> Iterator[Found]:
        self._text = io.TextIOWrapper(self._bytes, "utf-8-sig", errors="replace", newline="")
        rows = csv.DictReader(self._text)
        if not rows.fieldnames or len(rows.fieldnames) < 2:
            raise TransferError(f"{self.name} is neither JSON lines nor a JSON array nor CSV with a header")
        for row in rows:
            self._line += 1
            if None in row or None in row.values():
                told = f"the row has not {len(rows.fieldnames)} cells as the header has"
                yield Found(line=self._line, record=None, text=json.dumps(list(row.values())), reason=told)
                continue
            yield Found(line=self._line, record={name: cell for name, cell in row.items() if cell != ""})

    def _found(self, value: Any, text: Any) -> Iterator[Found]:
        if not isinstance(value, dict):
            yield Found(line=self._line, record=None, text=text(), reason="no object of names and values")
        elif isinstance(value.get("data"), list):  # a page, as APIs answer
            for each in value["data"]:
                yield from self._found(each, lambda kept=each: json.dumps(kept, ensure_ascii=False))
        else:
            yield Found(line=self._line, record=value)


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """A file to read from. Raises TransferError."""
    try:
        with path.open("rb") as raw:
            yield Source(raw, str(path), path.stat().st_size)
    except OSError as error:
        if error.filename is None:
            raise
        raise TransferError(f"{path} can't be read: {error.strerror}") from error


def _spread(begins: bytes) -> bool:
    """Whether an object goes on over several lines: its first line alone is no JSON, but its brackets are still open."""
    line, newline, _ = begins.partition(b"\n")
    return bool(newline) and line.count(b"{") > line.count(b"}") and line.rstrip()[-1:] in b"{[,"


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
