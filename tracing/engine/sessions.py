"""Sessions: a handle that a client keeps across requests, for SET, USE and temporary tables.

It knows who holds which session and when one ends. It refuses to know what runs in it. The clock is the caller's.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from tracing.engine.embedded import Handle, State
from tracing.engine.errors import ClickHouseError


@dataclass(slots=True, kw_only=True)
class Session:
    """One session's handle. `state` is what its SET and USE have made of it, None while that is not known.

    `until` is when it ends if nobody uses it again, on the caller's clock in seconds.
    """

    handle: Handle
    state: State | None = None
    busy: bool = False
    until: float = 0


class Sessions:
    """The sessions of one engine, safe to use from its threads. `opened` makes a handle for a new one."""

    def __init__(self, opened: Callable[[], Handle], clock: Callable[[], float]) -> None:
        self._opened = opened
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def take(self, name: str, *, must_exist: bool) -> Session:
        """Hold it until `release`. Raises ClickHouseError: 373 if it is held, 372 if it must exist and does not."""
        self.expire()
        with self._lock:
            session = self._sessions.get(name)
            if session is None:
                if must_exist:
                    raise ClickHouseError(372, f"Session {name} not found")
                session = self._sessions[name] = Session(handle=self._opened())
            elif session.busy:
                raise ClickHouseError(373, f"Session {name} is locked by a concurrent client")
            session.busy = True
            return session

    def release(self, name: str, *, timeout: float, keep: bool) -> None:
        """Let go of a session that was taken; it ends `timeout` seconds from now, or at once unless `keep`."""
        with self._lock:
            session = self._sessions[name]
            session.busy = False
            session.until = self._clock() + timeout
            if not keep:
                self._sessions.pop(name).handle.close()

    def expire(self) -> None:
        """End every session whose time is over."""
        now = self._clock()
        with self._lock:
            over = [name for name, session in self._sessions.items() if not session.busy and session.until <= now]
            for name in over:
                self._sessions.pop(name).handle.close()

    def close(self) -> None:
        """End all of them. No request may hold one."""
        with self._lock:
            for session in self._sessions.values():
                session.handle.close()
            self._sessions.clear()
