"""Callers for tests and bench: threads that call a server until they are told to stop, and know what they received in full."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self


class Callers(ABC):
    """`count` threads that each run `call(number, stopped)`. What they note in `received` was answered in full; `broken` was not."""

    def __init__(self, count: int) -> None:
        self.received: list[str] = []
        self.broken = 0
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self.call, args=(number, self._stop.is_set)) for number in range(count)
        ]

    @abstractmethod
    def call(self, number: int, stopped: Callable[[], bool]) -> None:
        """Calls until `stopped()`."""

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
