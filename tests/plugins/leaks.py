"""No secret anywhere: looks for keys and planted values in all that a server of the tests leaves behind.

Every `run_server` ends in it: the data folder (spool, registry, ClickHouse's files) and the log as bytes, ClickHouse's tables as rows, as
its files are compressed, and every page that a test read. A test plants a value by giving it to the server as a variable whose name ends
in KEY, SECRET or PASSWORD, or by using one of PLANTED.
"""

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
from clickhouse_connect.driver.exceptions import ClickHouseError

PLANTED = (
    "sk-of-the-caller",
    "sk-nobody",
    "sk-ant-mine",
    "sk-ant-nobody",
    "sk-proj-planted0planted1planted2planted3",
    "4111 1111 1111 1111",
    "planted-pa55",
)
"""Values that tests send in places where nothing may keep them: callers' own keys in headers, secrets in bodies."""

_SLUGLINE_KEY = r"slk_[A-Za-z0-9]{40}"
_SHORTEST = 6
_UNKNOWN_TABLE = 60
_TABLES = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"


class Leak(AssertionError):
    """A value stands where it must not; named by where it was found and how it begins."""


def planted_values(environment: Mapping[str, str]) -> list[str]:
    """The values that may be found nowhere: those of the server's variables that hold secrets, and PLANTED."""
    names = ("KEY", "SECRET", "PASSWORD")
    given = [value for name, value in environment.items() if name.endswith(names) and len(value) >= _SHORTEST]
    return [*PLANTED, *given]


def files_of(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """All files below a folder with their bytes, of whatever is there while it is read: the engine merges and drops parts meanwhile."""
    for place, _, names in os.walk(folder):  # passes over folders that have gone
        for path in sorted(Path(place) / name for name in names):
            with contextlib.suppress(FileNotFoundError):
                if path.is_file():
                    yield path, path.read_bytes()


def look_at_files(folder: Path, values: list[str]) -> None:
    """Raises Leak for a value, or a whole Slugline key, in a file of the data folder or in the log."""
    looked_for = _pattern(values).encode()
    for path, content in files_of(folder):
        left_behind = path.name == "server.log" or path.is_relative_to(folder / "data")
        if left_behind and (found := re.search(looked_for, content)):
            raise Leak(f"{path}: {found[0][:12].decode()}…")


def look_at_rows(ask: Callable[[str], list[dict[str, Any]]], values: list[str]) -> None:
    """Raises Leak for a value in a row of any table. Says nothing where ClickHouse doesn't answer: its files were looked at."""
    looked_for = _pattern(values).replace("\\", "\\\\").replace("'", "\\'")
    try:
        tables = [row["name"] for row in ask(_TABLES)]
        for table in tables:
            line = "formatRowNoNewline('JSONEachRow', *)"
            try:
                found = ask(
                    f"SELECT extract({line}, '{looked_for}') AS found FROM {table} WHERE match({line}, '{looked_for}') LIMIT 1"
                )
            except ClickHouseError as error:
                if error.code == _UNKNOWN_TABLE:
                    continue  # a server that has only just started still migrates: it has dropped this one since
                raise
            if found:
                raise Leak(f"ClickHouse table {table}: {found[0]['found'][:12]}…")
    except (ClickHouseError, OSError) as error:
        if isinstance(error, ClickHouseError) and error.code is not None:
            raise


def look_at_pages(values: list[str]) -> Callable[[httpx.Response], None]:
    """A hook for a client: raises Leak for a value on a page that a test reads. A new Slugline key is shown once, so those may be."""
    looked_for = re.compile("|".join(map(re.escape, values)))

    def look(response: httpx.Response) -> None:
        if "text/html" in response.headers.get("content-type", ""):
            response.read()
            if found := looked_for.search(response.text):
                raise Leak(f"the page {response.url}: {found[0][:12]}…")

    return look


def _pattern(values: list[str]) -> str:
    return "|".join([_SLUGLINE_KEY, *map(re.escape, values)])
