"""The way from a run's thread to the event loop: items in order, little room, and an end that both sides learn of.

It refuses to know what the items say.
"""

import asyncio
import threading
from typing import Final

from tracing.engine.output import Item, StoppedError

PATIENCE: Final = 60.0  # seconds that a client may take for one piece, and a statement may wait for its turn
_ROOM: Final = 2


class CutOffError(Exception):
    """The response has to end where it is, without looking complete."""


class Pipe:
    """A Channel from a run's thread to the event loop, with room for few items: a slow client slows its query."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._room = threading.Semaphore(_ROOM)
        self._items: asyncio.Queue[Item | None] = asyncio.Queue()
        self._closed = False

    def put(self, item: Item, /) -> None:
        """Called on the run's thread. Raises StoppedError."""
        if not self._room.acquire(timeout=PATIENCE) or self._closed:
            raise StoppedError
        self._loop.call_soon_threadsafe(self._items.put_nowait, item)

    async def get(self) -> Item:
        """The next item; the one before it is done with. Raises CutOffError if the run ended without another."""
        item = await self._items.get()
        if item is None:
            raise CutOffError
        self._room.release()
        return item

    def end(self) -> None:
        """Say that the run is over: whoever still waits for an item learns that there is none."""
        self._items.put_nowait(None)

    def close(self) -> None:
        """Nobody takes items any more: a run that waits for room goes on, to find that out."""
        self._closed = True
        self._room.release(_ROOM)
