"""Which form a record has, and what events are in it. Pure, but for the notes that traces leave for their observations.

Forms are told apart by the names in a record, so that a file may be given without saying what it is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tracing.event import Event
from tracing.transfer import calls_in, langfuse, litellm, scores_in

What = Literal["calls", "scores"]
Origin = Literal["auto", "slugline", "langfuse", "litellm"]


class Notes(Protocol):
    """What traces said of their observations, by the trace's id."""

    def put(self, trace_id: str, notes: Mapping[str, Any]) -> None:
        """Keeps what a trace said."""
        ...

    def get(self, trace_id: str) -> Mapping[str, Any]:
        """What it said; empty where it didn't come."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How records are read: what is wanted of them, from where they are, and a prompt's slug here for its name there."""

    what: What
    origin: Origin
    slug: Callable[[str], str]
    notes: Notes


def events(record: Mapping[str, Any], reading: Reading) -> Iterator[Event]:
    """The events in a record: none where it is of another kind, such as an app's own step. Raises ValueError with the reason."""
    origin = reading.origin if reading.origin != "auto" else _origin(record)
    if origin == "slugline":
        yield scores_in.score_event(record) if reading.what == "scores" else calls_in.call_event(record)
    elif origin == "litellm":
        if reading.what == "scores":
            raise ValueError("a spend log holds no scores")
        yield litellm.call_event(record, reading.slug)
    else:
        yield from _from_langfuse(langfuse.plain_names(record), reading)


def holds_traces(record: Mapping[str, Any]) -> bool:
    """Whether a file that begins with this record holds traces: observations refer to them, so it is read first."""
    return _origin(record) == "langfuse" and langfuse.is_trace(langfuse.plain_names(record))


def _origin(record: Mapping[str, Any]) -> Origin:
    if litellm.is_spend_log(record):
        return "litellm"
    if "call_id" in record or "ts" in record or "score_id" in record:
        return "slugline"
    row = langfuse.plain_names(record)
    if langfuse.is_observation(row) or langfuse.is_score(row) or langfuse.is_trace(row) or _whole_trace(row):
        return "langfuse"
    return "slugline"


def _whole_trace(row: Mapping[str, Any]) -> bool:
    """A single trace as it is downloaded or as the API gives it, with what belongs to it inside."""
    return any(_rows(row, name) for name in ("observations", "scores")) and "id" in row


def _from_langfuse(row: Mapping[str, Any], reading: Reading) -> Iterator[Event]:
    if langfuse.is_observation(row):
        if reading.what == "calls":
            call = langfuse.call_event(row, reading.notes.get(str(row.get("trace_id"))), reading.slug)
            if call is not None:
                yield call
    elif langfuse.is_score(row):
        if reading.what == "scores":
            yield langfuse.score_event(row)
    elif langfuse.is_trace(row) or _whole_trace(row):
        reading.notes.put(str(row.get("id")), langfuse.trace_notes(row))
        for inner in _rows(row, "observations" if reading.what == "calls" else "scores"):
            yield from _from_langfuse({"trace_id": row.get("id"), **langfuse.plain_names(inner)}, reading)
    else:
        raise ValueError("no observation, trace or score as Langfuse exports them")


def _rows(row: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    inner = row.get(name)
    return [each for each in inner if isinstance(each, Mapping)] if isinstance(inner, list) else []
