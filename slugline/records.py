"""Asking ClickHouse from the command line: the running server's engine, a ClickHouse server, or an engine started for the question."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator

from slugline.folder import DataFolder
from slugline.locate import locate_clickhouse
from slugline.settings import Settings
from tracing.clickhouse import ClickHouse, ClickHouseUnavailable
from tracing.migrate import migrate

START_SECONDS = 30.0


@contextlib.asynccontextmanager
async def open_records(settings: Settings) -> AsyncIterator[ClickHouse]:
    """A connection to where the calls are. Without a running server the embedded engine runs for as long as this is open."""
    folder = DataFolder(settings.data)
    with contextlib.ExitStack() as stack:
        alone = not settings.clickhouse.url and folder.engine() is None
        if alone:
            stack.enter_context(folder.owned("a slugline command"))
            stack.enter_context(_engine(folder))
        async with ClickHouse(locate_clickhouse(settings, os.environ)) as clickhouse:
            if alone:
                await migrate(clickhouse)
            yield clickhouse


@contextlib.contextmanager
def _engine(folder: DataFolder) -> Iterator[None]:
    command = [
        sys.executable,
        "-m",
        "tracing.engine",
        "--path",
        str(folder.clickhouse),
        "--endpoint",
        str(folder.endpoint),
    ]
    process = subprocess.Popen([*command, "--until-stdin-closes"], stdin=subprocess.PIPE)
    try:
        deadline = time.monotonic() + START_SECONDS
        while folder.engine() is None:
            if process.poll() is not None or time.monotonic() > deadline:
                raise ClickHouseUnavailable("the embedded engine did not start (its own message is above)")
            time.sleep(0.02)
        yield
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.wait()
