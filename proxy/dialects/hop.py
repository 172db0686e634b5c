"""One step between the hub and another dialect, and how two steps make one. Knows the shape of a step, no dialect."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from proxy.dialects.shapes import Json
from proxy.errors import RequestRefused

State = Literal["open", "complete", "failed"]
"""Where a stream stands: complete when a whole answer has been told, failed when an error has ended it."""


class EventTranslator(Protocol):
    """Turns a stream's parsed events into another dialect's, one by one."""

    @property
    def state(self) -> State:
        """Where the stream stands."""
        ...

    def feed(self, event: Mapping[str, Any]) -> list[Json]:
        """What one event says."""
        ...

    def finish(self) -> list[Json]:
        """The stream has ended: what a complete answer still owes; nothing, and no change of state, if it never was complete."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One step. `request` gives the provider's body and the caller's keys that it can't carry; `caller_names` says how the
    caller calls a key of that body where the names differ."""

    request: Callable[[Mapping[str, Any]], tuple[Json, tuple[str, ...]]]
    answer: Callable[[Mapping[str, Any], Mapping[str, Any]], Json]
    error: Callable[[Any, int], Json]
    events: Callable[[Mapping[str, Any]], EventTranslator]
    caller_names: Mapping[str, str] = field(default_factory=dict)


def through(first: Hop, second: Hop) -> Hop:
    """Both steps as one: requests go through the first, then the second; all that comes back goes the other way."""

    def request(body: Mapping[str, Any]) -> tuple[Json, tuple[str, ...]]:
        middle, dropped = first.request(body)
        names = first.caller_names
        try:
            last, later = second.request(middle)
        except RequestRefused as error:
            error.param = names.get(error.param or "", error.param)
            raise
        return last, tuple(dict.fromkeys([*dropped, *(names.get(key, key) for key in later)]))

    def answer(said: Mapping[str, Any], body: Mapping[str, Any]) -> Json:
        return first.answer(second.answer(said, first.request(body)[0]), body)

    def error(said: Any, status: int) -> Json:
        return first.error(second.error(said, status), status)

    def events(body: Mapping[str, Any]) -> EventTranslator:
        return _Chain(second.events(first.request(body)[0]), first.events(body))

    return Hop(request=request, answer=answer, error=error, events=events, caller_names=first.caller_names)


class _Chain:
    """Two translators in a row: the provider's, then the caller's."""

    def __init__(self, near_provider: EventTranslator, near_caller: EventTranslator) -> None:
        self._provider = near_provider
        self._caller = near_caller

    @property
    def state(self) -> State:
        return self._caller.state

    def feed(self, event: Mapping[str, Any]) -> list[Json]:
        return self._on(self._provider.feed(event))

    def finish(self) -> list[Json]:
        return self._on(self._provider.finish())

    def _on(self, events: list[Json]) -> list[Json]:
        told = [said for event in events for said in self._caller.feed(event)]
        if self._provider.state == "complete" and self._caller.state == "open":
            told += self._caller.finish()
        return told
