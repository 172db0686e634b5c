"""Server-sent events, as bytes in and events out (https://html.spec.whatwg.org/multipage/server-sent-events.html). Pure.

Events keep their own bytes, so that a stream can be passed on exactly as it came. Chunk boundaries mean nothing.
"""

import re
from dataclasses import dataclass, field

_END = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n|\r\n\n")


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event: its bytes with the blank line that ends it, and its data."""

    raw: bytes
    data: bytes


@dataclass(slots=True)
class EventReader:
    """Cuts a byte stream into events; what has not ended yet waits in `rest`."""

    rest: bytearray = field(default_factory=bytearray)
    _searched: int = 0

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """The events that end within this chunk."""
        self.rest += chunk
        events = []
        start = 0
        position = max(0, self._searched - 3)  # an end may straddle two chunks
        while match := _END.search(self.rest, position):
            raw = bytes(self.rest[start : match.end()])
            events.append(ServerSentEvent(raw, data_of(raw)))
            start = position = match.end()
        if start:
            del self.rest[:start]
        self._searched = len(self.rest)
        return events

    def finish(self) -> bytes:
        """What is left when the stream has ended without a blank line."""
        left = bytes(self.rest)
        self.rest.clear()
        self._searched = 0
        return left


def data_of(raw: bytes) -> bytes:
    """The data of one event: its `data:` lines, joined by newlines."""
    if raw.startswith(b"data:") and raw.find(b"\n") >= len(raw) - 3 and b"\r" not in raw[:-4]:
        return raw[5:].strip()  # the usual case: one data line and nothing else
    parts = []
    for line in raw.splitlines():
        if line.startswith(b"data:"):
            parts.append(line[6:] if line[5:6] == b" " else line[5:])
    return b"\n".join(parts)
