"""ClickHouse errors as values: code, name and text, read from what the engine says and written as the server would.

It knows the form `Code: N. DB::Exception: text. (NAME)` and which HTTP status a code gets. It refuses to know where
an error came from or how it travels.
"""

import errno
import re
from typing import Final

_SHAPE: Final = re.compile(r"Code:\s*(\d+)\.\s*(?:DB::Exception:\s*)?(.*)", re.DOTALL)
_NAME: Final = re.compile(r"\(([A-Z][A-Z0-9_]+)\)\s*$")

# ClickHouse, src/Server/HTTP/exceptionCodeToHTTPStatus.cpp; what is not named there is a 500.
_STATUS: Final[dict[int, int]] = {
    **dict.fromkeys((6, 25, 26, 27, 36, 38, 41, 42, 43, 44, 53, 62, 69, 70, 72, 117), 400),
    194: 401,
    **dict.fromkeys((164, 192, 193, 497, 516), 403),
    **dict.fromkeys((16, 46, 47, 50, 56, 60, 63, 73, 81, 115, 372), 404),
    159: 408,
    411: 411,
    307: 413,
    48: 501,
    **dict.fromkeys((202, 210, 236, 439), 503),
}

# Those that this process raises on its own account, named as ClickHouse names them.
NAMES: Final[dict[int, str]] = {
    36: "BAD_ARGUMENTS",
    48: "NOT_IMPLEMENTED",
    62: "SYNTAX_ERROR",
    78: "UNKNOWN_TYPE_OF_QUERY",
    159: "TIMEOUT_EXCEEDED",
    164: "READONLY",
    194: "REQUIRED_PASSWORD",
    202: "TOO_MANY_SIMULTANEOUS_QUERIES",
    209: "SOCKET_TIMEOUT",
    236: "ABORTED",
    243: "NOT_ENOUGH_SPACE",
    307: "TOO_MANY_BYTES",
    348: "INTO_OUTFILE_NOT_ALLOWED",
    372: "SESSION_NOT_FOUND",
    373: "SESSION_IS_LOCKED",
    394: "QUERY_WAS_CANCELLED",
    516: "AUTHENTICATION_FAILED",
    1001: "STD_EXCEPTION",
}


class ClickHouseError(Exception):
    """A query failed; `code` is ClickHouse's number, `name` its symbol, and the text says what happened."""

    def __init__(self, code: int, text: str, name: str | None = None) -> None:
        self.code = code
        self.name = name or NAMES.get(code, "UNKNOWN_EXCEPTION")
        super().__init__(text)

    @property
    def status(self) -> int:
        """The HTTP status that ClickHouse gives to this code."""
        return _STATUS.get(self.code, 500)

    def wire(self, version: str) -> str:
        """The error as one line of a ClickHouse server of `version`."""
        return f"Code: {self.code}. DB::Exception: {self}. ({self.name}) (version {version} (official build))"


def from_engine(error: BaseException) -> ClickHouseError:
    """Read what was raised. A text in another form keeps its words, under code 1001 as a server does with such."""
    if isinstance(error, ClickHouseError):
        return error
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return ClickHouseError(243, f"the disk of the data folder is full: {error}")
    text = str(error)
    found = _SHAPE.search(text)
    if not found:
        return ClickHouseError(1001, f"{type(error).__name__}: {text}".rstrip(". "))
    message = found[2].strip()
    name = _NAME.search(message)
    if name:
        message = message[: name.start()]
    return ClickHouseError(int(found[1]), message.strip().rstrip("."), name[1] if name else None)
