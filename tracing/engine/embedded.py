"""chDB behind a small surface: open a folder, lend handles, tell what a statement does, stop a query.

The only module that imports chdb, and it does so inside `open_engine`, after the process has been made fit for it. It
knows the measured traps of the embedded engine and refuses to know HTTP, sessions and threads.
"""

import importlib
import json
import os
import resource
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

from tracing.engine.errors import ClickHouseError, from_engine

OPEN_FILES: Final = 4096
DATABASE: Final = "slugline"
_NOT_STREAMABLE: Final = "Streaming query is not supported"


class Effect(Enum):
    """What a statement does, as the engine's own parser sees it."""

    READS = "reads"
    WRITES = "writes"
    CONTROLS = "controls"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a result, a complete document of its own, with the rows and bytes read and written to make it."""

    data: bytes
    rows: int = 0
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What statements have made of a handle: its database, and the settings that are not at their defaults."""

    database: str
    changed: Mapping[str, str]


class Handle:
    """One chDB connection. Not for two threads at once.

    A query that fails after rows have come out leaves those rows in front of the next result on the same handle, so a
    handle that saw an error is closed, or emptied with `drain`.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def effect(self, sql: bytes) -> Effect:
        """What `sql` would do; UNKNOWN if it does not parse. Raises ClickHouseError (62) if it is not one statement."""
        try:
            report = self._connection.classify_query(sql)
        except RuntimeError as error:
            raise from_engine(error) from None
        if report["statement_count"] > 1:
            raise ClickHouseError(62, "Syntax error (Multi-statements are not allowed)")
        if report["statement_count"] == 0:
            return Effect.UNKNOWN
        name = str(report["query_class"].name)
        return {"READ_ONLY": Effect.READS, "MUTATING": Effect.WRITES}.get(name, Effect.CONTROLS)

    def run(self, sql: bytes, *, output: str = "TabSeparated", parameters: Mapping[str, str] | None = None) -> Piece:
        """Run one statement to its end. The whole result is in memory. Raises ClickHouseError."""
        try:
            result = self._connection.query(sql, output, params=dict(parameters or {}))
        except RuntimeError as error:
            raise from_engine(error) from None
        return _piece(result)

    def stream(self, sql: bytes, *, output: str, parameters: Mapping[str, str]) -> Generator[Piece] | None:
        """Begin a SELECT whose pieces are made as they are asked for, or return None if it is no statement for that.

        The iterator's steps raise ClickHouseError; closing the iterator early cancels the query.
        """
        try:
            stream = self._connection.send_query(sql, output, params=dict(parameters))
        except RuntimeError as error:
            if _NOT_STREAMABLE in str(error):
                return None
            raise from_engine(error) from None
        return self._pieces(stream)

    def _pieces(self, stream: Any) -> Generator[Piece]:
        over = False
        try:
            while not over:
                try:
                    result = self._connection.streaming_fetch_result(stream)
                except RuntimeError as error:
                    over = True
                    raise from_engine(error) from None
                over = result is None or result.rows_read() == 0
                if result is not None:
                    yield _piece(result)
        finally:
            if not over:
                self._connection.streaming_cancel_query(stream)

    def state(self) -> State:
        """The handle's state now. Takes milliseconds, so it is kept rather than asked for again."""
        database = self.run(b"SELECT currentDatabase()", output="TabSeparatedRaw").data.decode().rstrip("\n")
        rows = self.run(b"SELECT name, value FROM system.settings WHERE changed", output="JSONCompactEachRow")
        return State(database=database, changed=dict(json.loads(row) for row in rows.data.splitlines()))

    def drain(self) -> bool:
        """After an error: empty the handle of what the failed query left. False if it can't be trusted any more."""
        mark = os.urandom(8).hex()
        try:
            return any(self.run(f"SELECT '{mark}'".encode()).data == f"{mark}\n".encode() for _ in range(3))
        except ClickHouseError:
            return False

    def close(self) -> None:
        """Give the connection back to the engine."""
        self._connection.close()


class Engine:
    """An open data folder. `version` is the ClickHouse version, `memory` the bound for everything, in bytes."""

    def __init__(self, module: Any, target: str, memory: int) -> None:
        self._module = module
        self._target = target
        self.memory = memory
        # The engine lives as long as a connection is open: this one stays, and stops queries of the others.
        self._keeper = self._connect()
        self.version = self._keeper.run(b"SELECT version()").data.decode().strip()
        self._keeper.run(f"CREATE DATABASE IF NOT EXISTS {DATABASE}".encode())

    def handle(self) -> Handle:
        """A fresh handle (a quarter of a millisecond) in our database, with no settings and no tables of anyone's."""
        handle = self._connect()
        handle.run(f"USE {DATABASE}".encode())
        return handle

    def _connect(self) -> Handle:
        try:
            return Handle(self._module.connect(self._target))
        except RuntimeError as error:
            raise from_engine(error) from None

    def kill(self, mark: str) -> None:
        """Stop the query whose `log_comment` is `mark`. chDB gives queries ids of its own, so that is its name."""
        handle = self.handle()
        try:
            handle.run(b"KILL QUERY WHERE Settings['log_comment'] = {mark:String} ASYNC", parameters={"mark": mark})
        finally:
            handle.close()

    def close(self) -> None:
        """Close the folder. Every other handle must be closed before."""
        self._keeper.close()


def open_engine(path: Path, *, memory: int) -> Engine:
    """Open the data folder at `path`, made if it is missing, with at most `memory` bytes for everything.

    Changes the process: TZ is UTC from here on, the limit of open files is raised. Raises RuntimeError with the reason.
    """
    # DateTime('UTC') values come back in the process's zone, whatever the query says.
    os.environ["TZ"] = "UTC"
    time.tzset()
    _allow_open_files()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        chdb: Any = importlib.import_module("chdb._chdb")
    except ImportError as error:
        raise RuntimeError(f"chdb is not installed ({error}); install slugline[embedded]") from error
    # chDB's own handlers sleep for minutes on a crash instead of dying, so that nobody would restart the process.
    chdb.set_signal_handlers_enabled(0)
    chdb.reset_signal_handlers()
    caches = f"mark_cache_size={memory // 16}&uncompressed_cache_size=0"
    try:
        engine = Engine(chdb, f"{path}?max_server_memory_usage={memory}&{caches}", memory)
    except (RuntimeError, ClickHouseError) as error:
        raise RuntimeError(f"chDB can't open the data folder {path}: {error}") from error
    chdb.reset_signal_handlers()
    return engine


def _allow_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < OPEN_FILES:
        if hard != resource.RLIM_INFINITY and hard < OPEN_FILES:
            raise RuntimeError(
                f"the engine needs {OPEN_FILES} open files and may have {hard}; raise it (ulimit -Hn {OPEN_FILES})"
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, hard))


def _piece(result: Any) -> Piece:
    return Piece(
        data=bytes(result.bytes() or b""),
        rows=result.rows_read(),
        read_rows=result.storage_rows_read(),
        read_bytes=result.storage_bytes_read(),
        written_rows=result.rows_written(),
    )
