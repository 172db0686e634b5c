"""One case, done twice: directly against a mock provider, and through Slugline. Both must give the same, and arrive the same.

A case is a function of an SDK's client that gives something comparable. Its client sends a test id, by which the mock's journal
tells what arrived. Values that the mock makes up anew for each answer are left out, nothing else.
"""

import asyncio
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from tests.plugins.aimock import Aimock

MADE_UP = frozenset(
    {"id", "created", "created_at", "completed_at", "call_id", "item_id", "response_id", "tool_call_id"}
)
MADE_UP_FILES = frozenset({"file_id", "input_file_id", "output_file_id", "in_progress_at", "expires_at"})
OWN_TO_A_HOP = frozenset(
    {
        "host",
        "connection",
        "accept-encoding",
        "content-length",
        "transfer-encoding",
        "keep-alive",
        "x-test-id",
        "x-request-id",
        "sec-fetch-mode",  # Node's fetch sends it; a browser's word about itself, not for providers
    }
)
"""Headers of one connection, not of the request; and the ones by which the two sides are told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Where a case is done: its base URL ends in /v1 or in nothing, as the client wants it."""

    name: str
    url: str
    test_id: str

    @property
    def headers(self) -> dict[str, str]:
        return {"x-test-id": self.test_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a case gave, or the error it raised, and what arrived at the mock for it."""

    value: Any
    arrived: list[dict[str, Any]]


def do(case: Callable[..., Any], client: Callable[[Side, bool], Any], side: Side, mock: Aimock) -> Seen:
    """Does a case on one side. `client` makes the SDK's client, an asynchronous one when told so."""

    async def asynchronous() -> Any:
        async with client(side, True) as sdk:
            return await case(sdk)

    if inspect.iscoroutinefunction(case):
        value = asyncio.run(asynchronous())
    else:
        with client(side, False) as sdk:
            value = case(sdk)
    return Seen(value=plain(value), arrived=arrivals(mock, side.test_id))


def arrivals(mock: Aimock, test_id: str) -> list[dict[str, Any]]:
    """What arrived at the mock with a test id."""
    return [_arrival(entry) for entry in mock.arrived(test_id)]


def plain(value: Any) -> Any:
    """A value in built-in types, with the kind of a made-up value in its place."""
    if isinstance(value, BaseModel):
        return plain(value.model_dump(mode="json", warnings=False))
    if isinstance(value, dict):
        return {key: type(each).__name__ if _made_up(key, each) else plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


def _made_up(key: str, value: Any) -> bool:
    return key in MADE_UP | MADE_UP_FILES and isinstance(value, str | int | float) and not isinstance(value, bool)


def _arrival(entry: dict[str, Any]) -> dict[str, Any]:
    """A request as it arrived, without what belongs to the connection; a multipart form's boundary differs from call to call."""
    headers = {name: value for name, value in entry["headers"].items() if name not in OWN_TO_A_HOP}
    if headers.get("content-type", "").startswith("multipart/"):
        headers["content-type"] = "multipart/"
    body = entry.get("body")
    path = re.sub(r"(file|batch)-[\w-]+", r"\1-", entry["path"])
    return {"method": entry["method"], "path": path, "headers": headers, "body": plain(body)}


def less_added_usage(through: list[dict[str, Any]], direct: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What arrived through Slugline, less the usage that it asked a stream for by itself: the only thing that it may add."""
    asked = [_asks(arrival["body"]) for arrival in direct] + [False] * len(through)
    return [
        arrival if before or not _asks(arrival["body"]) else {**arrival, "body": _less(arrival["body"])}
        for arrival, before in zip(through, asked, strict=False)
    ]


def _asks(body: Any) -> bool:
    return isinstance(body, dict) and "include_usage" in (body.get("stream_options") or {})


def _less(body: dict[str, Any]) -> dict[str, Any]:
    options = {key: value for key, value in body["stream_options"].items() if key != "include_usage"}
    rest = {key: value for key, value in body.items() if key != "stream_options"}
    return {**rest, "stream_options": options} if options else rest
