"""The calls as a command sees them: those in ClickHouse here, or those of a server that is asked over HTTP.

Both ways give the same JSON values and ask for the same roles. Refuses to know terminals.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from slugline.client import ServerClient, key_text
from slugline.settings import Settings, SettingsError
from tracing.clickhouse import ClickHouse
from tracing.search.filters import CallFilter, Sight
from tracing.search.find import Page, find_call, find_calls

if TYPE_CHECKING:
    from tracing.transfer.export import Format


class CallRecords(Protocol):
    """The calls that somebody may see. Methods raise SearchError and RegistryErrors, and what ClickHouse or a server raises."""

    async def page(self, asked: CallFilter, *, limit: int, cursor: str = "") -> Page:
        """Calls that fit, newest first."""
        ...

    async def call(self, call_id: str) -> dict[str, Any]:
        """One call in full."""
        ...

    def export(self, asked: CallFilter, form: Format) -> AsyncIterator[bytes]:
        """All calls that fit, in pieces of a file."""
        ...


class LocalCalls:
    """The calls in ClickHouse."""

    def __init__(self, clickhouse: ClickHouse, sight: Sight) -> None:
        self._clickhouse = clickhouse
        self._sight = sight

    async def page(self, asked: CallFilter, *, limit: int, cursor: str = "") -> Page:
        now = datetime.now(UTC)
        return await find_calls(self._clickhouse, asked, self._sight, limit=limit, cursor=cursor, now=now)

    async def call(self, call_id: str) -> dict[str, Any]:
        return await find_call(self._clickhouse, call_id, self._sight)

    def export(self, asked: CallFilter, form: Format) -> AsyncIterator[bytes]:
        from tracing.transfer.csv_text import as_csv
        from tracing.transfer.export import export_calls

        lines = export_calls(self._clickhouse, asked, self._sight, now=datetime.now(UTC))
        return as_csv(lines) if form == "csv" else lines


class RemoteCalls:
    """The calls behind a server, as the key's holder sees them."""

    def __init__(self, client: ServerClient) -> None:
        self._client = client

    async def page(self, asked: CallFilter, *, limit: int, cursor: str = "") -> Page:
        said = self._client.get("/api/calls", **_query(asked), limit=limit, cursor=cursor or None)
        since = said.get("since")  # an older server doesn't say
        return Page(
            rows=said["calls"], next_cursor=said["next_cursor"], since=datetime.fromisoformat(since) if since else None
        )

    async def call(self, call_id: str) -> dict[str, Any]:
        from slugline.remote_reads import part

        found: dict[str, Any] = self._client.get(f"/api/calls/{part(call_id)}")
        return found

    async def export(self, asked: CallFilter, form: Format) -> AsyncIterator[bytes]:
        for piece in self._client.stream("/api/calls/export", **_query(asked), format=form):
            yield piece


@contextlib.asynccontextmanager
async def open_calls(
    data: Path | None, config: Path | None, server: str | None, *, follow: bool = False
) -> AsyncIterator[CallRecords]:
    """The calls of a server, or those here; flags win over SLUGLINE_URL, as in `slugline.commands.options.access_for`.

    With `follow` no engine is started for the question: the server's is waited for. Raises SettingsError, and as `permit` does.
    """
    url = server_url(data, config, server)
    if url:
        client = ServerClient(url, key=key_text(os.environ))
        with contextlib.closing(client):
            yield RemoteCalls(client)
        return
    from slugline.commands.options import settings_for
    from slugline.locate import locate_clickhouse
    from slugline.records import open_records

    settings = settings_for(data, config)
    sight = sight_here(settings)
    if follow:
        async with ClickHouse(locate_clickhouse(settings, os.environ)) as clickhouse:
            yield LocalCalls(clickhouse, sight)
        return
    async with open_records(settings) as clickhouse:
        yield LocalCalls(clickhouse, sight)


def server_url(data: Path | None, config: Path | None, server: str | None) -> str:
    """The server that a command asks; "" for what is here. Raises SettingsError."""
    if server and data:
        raise SettingsError("--data and --server name two places: leave one of them out")
    if server is None and (data is not None or config is not None):
        return ""
    return (os.environ.get("SLUGLINE_URL", "") if server is None else server).strip()


def sight_here(settings: Settings) -> Sight:
    """What the key in SLUGLINE_KEY may see; whoever owns the data folder sees everything."""
    if not os.environ.get("SLUGLINE_KEY", "").strip():
        return Sight()
    from slugline.commands.options import open_registry
    from slugline.compose import sight_of

    return sight_of(open_registry(settings).by)


def _query(asked: CallFilter) -> dict[str, Any]:
    return asked.model_dump(mode="json", exclude_defaults=True)
