"""One app for all tests of a file: building its routes takes longer than most of what is asked of it."""

from typing import Any


class Standing:
    """Stands where an app looks for something, such as a store, and passes everything on to what the running test has put there."""

    def __init__(self) -> None:
        self._it: Any = None

    def put(self, it: Any) -> None:
        """From now on this is it."""
        self._it = it

    def __getattr__(self, name: str) -> Any:
        return getattr(self._it, name)
