"""How a result travels: which formats may be passed on piece by piece, and how pieces become one document.

chDB hands out a streamed result as a row of complete documents, each with its own header and end. For some formats
their concatenation is the document; for some a repeated header must go; the others have to be written to a file as a whole.
It refuses to know the engine and the wire.
"""

import re
from enum import Enum
from typing import Final

_PLAIN: Final = frozenset(
    (
        *("native", "rowbinary", "msgpack", "bsoneachrow", "rawblob", "lineasstring", "null"),
        *("tabseparated", "tsv", "tabseparatedraw", "tsvraw", "raw", "csv", "tskv"),
        *(
            "jsoneachrow",
            "jsonlines",
            "ndjson",
            "jsonstringseachrow",
            "jsoncompacteachrow",
            "jsoncompactstringseachrow",
        ),
    )
)
_HEADED: Final = re.compile(
    r"(tabseparated|tsv|tabseparatedraw|tsvraw|csv|jsoncompacteachrow|jsoncompactstringseachrow)withnames(andtypes)?"
)


class Passage(Enum):
    """How many header lines each piece begins with; WHOLE formats can't be joined at all."""

    PLAIN = 0
    ONE_LINE = 1
    TWO_LINES = 2
    WHOLE = -1


def passage(output_format: str, *, array_of_rows: bool) -> Passage:
    """How a result in `output_format` may travel; `array_of_rows` means that JSON rows are wrapped in one array."""
    name = output_format.lower()
    if array_of_rows and "json" in name:
        return Passage.WHOLE
    if name in _PLAIN:
        return Passage.PLAIN
    headed = _HEADED.fullmatch(name)
    if headed:
        return Passage.TWO_LINES if headed[2] else Passage.ONE_LINE
    return Passage.WHOLE


class Joiner:
    """Makes one document of the pieces of one result, in order."""

    def __init__(self, passage: Passage, output_format: str) -> None:
        self._lines = max(passage.value, 0)
        self._quoted = output_format.lower().startswith("csv")
        self._first = True

    def feed(self, piece: bytes) -> bytes:
        """The bytes of `piece` that belong to the document."""
        if self._first or not self._lines or not piece:
            self._first = self._first and not piece
            return piece
        # The piece for totals, and an empty last one, may come without a header: they begin with an empty line.
        return piece if piece.startswith(b"\n") else piece[_header_end(piece, self._lines, self._quoted) :]


def _header_end(piece: bytes, lines: int, quoted: bool) -> int:
    position = 0
    for _ in range(lines):
        while True:
            end = piece.find(b"\n", position)
            if end < 0:
                return len(piece)
            # A line end inside an open quotation mark belongs to a column's name.
            line_is_open = quoted and piece.count(b'"', 0, end) % 2 == 1
            position = end + 1
            if not line_is_open:
                break
    return position


def exception_block(tag: str, text: str) -> bytes:
    """An error behind rows that are already on their way, as ClickHouse 25.11 and later mark it.

    `tag` is the response's X-ClickHouse-Exception-Tag, so that no row can pass for an error.
    """
    message = text.encode() + b"\n"
    mark = tag.encode()
    return b"\r\n__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n" % (mark, message, len(message), mark)
