"""One way to ClickHouse for both engines: clickhouse-connect over HTTP.

Whether a ClickHouse server or the embedded engine answers is decided by a `Locate` alone. The embedded engine comes back
on another port with another password after a restart, so the address is asked for again whenever a connection is made.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import aiohttp
from clickhouse_connect.driver import create_async_client
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.exceptions import ClickHouseError, Error

CONNECT_SECONDS = 5
ANSWER_SECONDS = (
    330  # longer than the engine's own limit of 300 s for inserts, so that the engine's reason is what is read
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where ClickHouse answers, and as whom to ask it. `direct`: past every proxy that the environment names."""

    url: str
    user: str
    password: str
    database: str
    direct: bool = False

    @classmethod
    def from_url(cls, url: str, *, password: str | None = None) -> "Target":
        """From `http[s]://user[:password]@host[:port]/database`; a password given apart wins over the URL's."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"the ClickHouse URL must look like https://user@host:8443/database, not {url!r}")
        port = parts.port or (8443 if parts.scheme == "https" else 8123)
        return cls(
            url=f"{parts.scheme}://{parts.hostname}:{port}",
            user=unquote(parts.username or "default"),
            password=password if password is not None else unquote(parts.password or ""),
            database=parts.path.strip("/") or "slugline",
        )


_ERROR_BYTES = 1 << 16
_BROKEN_OFF = re.compile(rb"\r\n__exception__\r\n")
"""How ClickHouse begins an error behind rows that are on their way (since 25.11), https://clickhouse.com/docs/interfaces/http."""

Locate = Callable[[], Target | None]
"""Gives the address now in force, or None while ClickHouse isn't up."""


class ClickHouseUnavailable(Exception):
    """ClickHouse can't be reached now. What was recorded stays in the spool and is loaded later."""


class ClickHouseRefused(Exception):
    """ClickHouse answered with an error: `name` is the error's, such as UNKNOWN_TABLE, the message its own words."""

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Rows of a query with the names of their columns."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]

    def dicts(self) -> list[dict[str, Any]]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class ClickHouse:
    """A connection that is made when it is needed and made anew when it breaks. Use within one event loop."""

    def __init__(self, locate: Locate) -> None:
        self._locate = locate
        self._client: AsyncClient | None = None
        self._connecting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def query(self, sql: str, parameters: Mapping[str, Any] | None = None, /, **settings: Any) -> Result:
        """Runs a SELECT with `{name:Type}` parameters.

        Raises ClickHouseUnavailable or ClickHouseRefused.
        """
        async with self._borrowed() as client:
            answer = await client.query(sql, parameters=dict(parameters or {}), settings=settings)
            return Result(columns=tuple(answer.column_names), rows=answer.result_rows)

    async def command(self, sql: str, parameters: Mapping[str, Any] | None = None, /, **settings: Any) -> None:
        """Runs a statement that gives no rows, with `{name:Type}` parameters."""
        async with self._borrowed() as client:
            await client.command(sql, parameters=dict(parameters) if parameters else None, settings=settings)

    async def insert_lines(self, table: str, lines: bytes, settings: Mapping[str, Any]) -> None:
        """Inserts JSONEachRow lines as they are."""
        async with self._borrowed() as client:
            await client.raw_insert(table, insert_block=lines, fmt="JSONEachRow", settings=dict(settings))

    async def raw(self, sql: str, *, fmt: str, **settings: Any) -> bytes:
        """A query's result in one of ClickHouse's own formats."""
        async with self._borrowed() as client:
            return bytes(await client.raw_query(sql, fmt=fmt, settings=settings))

    async def stream(
        self, sql: str, parameters: Mapping[str, Any] | None = None, /, *, fmt: str, **settings: Any
    ) -> AsyncGenerator[bytes]:
        """A query's result in one of ClickHouse's own formats, piece by piece as it is made.

        Raises as `query` does; behind the first rows, too: what came before is then no whole result.
        """
        given = dict(parameters) if parameters else None
        async with (
            self._borrowed() as client,
            await client.raw_stream(sql, parameters=given, fmt=fmt, settings=settings) as pieces,
        ):
            held = b""
            try:
                async for piece in pieces:
                    # An error behind rows comes as a block of its own at the end, which is no part of the result.
                    held = (held + piece)[-_ERROR_BYTES:]
                    if _BROKEN_OFF.search(held):
                        continue
                    yield piece
            except aiohttp.ClientError:
                if not _BROKEN_OFF.search(held):
                    raise
            if _BROKEN_OFF.search(held):
                message = held.decode("utf-8", "replace")
                found = re.search(r"DB::Exception: (.*\(([A-Z][A-Z0-9_]+)\))", message, re.DOTALL)
                raise ClickHouseRefused(found[1] if found else message, found[2] if found else "")

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    @contextlib.asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[AsyncClient]:
        try:
            async with self._connecting:  # two at once would make two clients, and one of them would never be closed
                client = await self._connected()
            yield client
        except Error as error:
            if error.code is not None:
                raise ClickHouseRefused(_own_words(str(error)), error.name or "") from error
            await self.close()
            raise ClickHouseUnavailable(f"ClickHouse can't be reached: {error}") from error
        except (ClickHouseError, aiohttp.ClientError, OSError, TimeoutError) as error:
            await self.close()
            raise ClickHouseUnavailable(f"ClickHouse can't be reached: {error!r}") from error

    async def _connected(self) -> AsyncClient:
        if self._client is None:
            target = self._locate()
            if target is None:
                raise ClickHouseUnavailable(
                    "ClickHouse isn't up (the embedded engine has not started yet, or is starting again)"
                )
            parts = urlsplit(target.url)
            self._client = await create_async_client(
                interface=parts.scheme,
                host=parts.hostname,
                port=parts.port,
                username=target.user,
                password=target.password,
                database=target.database,
                # The client has no switch for the direct way: without a proxy it looks for one in the environment. A server
                # that is named as its own proxy is reached directly, with its whole URL as the target, which it must take
                # (RFC 9112, section 3.2.2). The environment stays as it is for those libraries that read it, too.
                http_proxy=target.url if target.direct else None,
                connect_timeout=CONNECT_SECONDS,
                send_receive_timeout=ANSWER_SECONDS,
                autogenerate_session_id=False,
                query_retries=0,
            )
        return self._client


def _own_words(message: str) -> str:
    """ClickHouse's own sentence and the name of its error, without what the driver puts around them."""
    found = re.search(r"DB::Exception: (.*\([A-Z][A-Z0-9_]+\))", message, re.DOTALL)
    return found[1] if found else message
