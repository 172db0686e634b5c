"""From the spool into the real engine: each segment once, whatever happens in between."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.engine import Database, run_engine
from tracing.clickhouse import ClickHouse, ClickHouseRefused, ClickHouseUnavailable, Target
from tracing.event import CallEvent, encode
from tracing.loader import Loader
from tracing.migrate import migrate, migrations
from tracing.spool import Spool, SpoolFolders


def event(number: int, **more: Any) -> CallEvent:
    fields: dict[str, Any] = {
        "call_id": f"018f0000-0000-7000-8000-{number:012d}",
        "ts": "2026-11-22T00:00:00.123456Z",
        "outcome": "ok",
        "status": 200,
        "duration_ms": 1.5,
        **more,
    }
    return CallEvent(**fields)


@contextlib.asynccontextmanager
async def connected(database: Database) -> AsyncIterator[ClickHouse]:
    async with ClickHouse(database.target) as clickhouse:
        yield clickhouse


def fill(folder: Path, *events: CallEvent) -> SpoolFolders:
    spool = Spool(SpoolFolders.at(folder), lambda error: None)
    for given in events:
        spool.append(given)
    spool.close()
    return spool.folders


async def count(clickhouse: ClickHouse) -> int:
    return int((await clickhouse.query("SELECT count() FROM calls")).rows[0][0])


async def test_every_field_arrives_as_it_was(clickhouse: Database, tmp_path: Path) -> None:
    given = event(
        1,
        prompt="p",
        version=7,
        tags={"a": "b'\"\\", "ü": ""},
        overrides=("model",),
        cost="0.000000001",
        input_tokens=None,
        output_tokens=4_294_967_295,
        first_chunk_ms=None,
        stream=True,
        response='{"text": "line\\nbreak \u2028 \x00 🎉"}',
    )
    folders = fill(tmp_path, given)
    async with connected(clickhouse) as there:
        assert await Loader(folders, there).load_ready() == 1
        [row] = (await there.query("SELECT * FROM calls")).dicts()
    assert (row["version"], row["tags"], row["overrides"], row["stream"]) == (7, given.tags, ["model"], True)
    assert (str(row["cost"]), row["input_tokens"], row["output_tokens"]) == ("1E-9", None, 4_294_967_295)
    assert (row["response"], row["first_chunk_ms"]) == (given.response, None)
    assert row["ts"].isoformat().startswith("2026-11-22T00:00:00.123")


async def test_a_segment_that_is_sent_again_counts_once(clickhouse: Database, tmp_path: Path) -> None:
    folders = fill(tmp_path, *(event(number) for number in range(100)))
    [segment] = folders.ready.iterdir()
    raw = segment.read_bytes()
    async with connected(clickhouse) as there:
        loader = Loader(folders, there)
        for _ in range(3):  # as after a kill between the insert and the deletion
            segment.write_bytes(raw)
            assert await loader.load_ready() == 1
            assert await count(there) == 100
        assert not any(folders.ready.iterdir())


async def test_what_is_sealed_when_the_end_comes_is_loaded_before_the_end(clickhouse: Database, tmp_path: Path) -> None:
    folders = fill(tmp_path, event(1))
    async with connected(clickhouse) as there:
        await Loader(folders, there).run(lambda: True)
        assert await count(there) == 1


async def test_equal_events_in_two_segments_are_two(clickhouse: Database, tmp_path: Path) -> None:
    folders = fill(tmp_path, event(1))
    fill(tmp_path, event(1))
    async with connected(clickhouse) as there:
        assert await Loader(folders, there).load_ready() == 2
        assert await count(there) == 2


@pytest.mark.parametrize(
    "bad", [b'{"no_such_column": 1}\n', b"not json\n", b'{"call_id": "no uuid"}\n', b'{"status": "x"}\n']
)
async def test_a_segment_that_is_refused_is_set_aside_with_the_reason_and_blocks_nothing(
    clickhouse: Database, tmp_path: Path, bad: bytes
) -> None:
    folders = fill(tmp_path, event(1))
    (folders.ready / "calls.00000000-bad.jsonl").write_bytes(bad)
    async with connected(clickhouse) as there:
        loader = Loader(folders, there)
        await loader.load_ready()
        assert await count(there) == 1
    assert (folders.refused / "calls.00000000-bad.jsonl").read_bytes() == bad
    assert (folders.refused / "calls.00000000-bad.reason").read_text().strip()
    assert loader.metrics().rows_refused == 1
    assert not any(folders.ready.iterdir())


async def test_what_is_not_the_segments_fault_leaves_it_where_it_is(clickhouse: Database, tmp_path: Path) -> None:
    folders = fill(tmp_path, event(1))
    async with connected(clickhouse) as there:
        await there.command("RENAME TABLE calls TO calls_elsewhere")
        with pytest.raises(ClickHouseRefused):
            await Loader(folders, there).load_ready()
        assert len(list(folders.ready.iterdir())) == 1
        await there.command("RENAME TABLE calls_elsewhere TO calls")
        await Loader(folders, there).load_ready()
        assert await count(there) == 1


async def test_clickhouse_away_and_back_at_another_address(tmp_path: Path) -> None:
    """The engine comes back with another port and password; the loader finds it and nothing is lost or doubled."""
    (tmp_path / "engine").mkdir()
    target: list[Target | None] = [None]
    folders = fill(tmp_path / "spool", event(1))
    stop = asyncio.Event()
    async with ClickHouse(lambda: target[0]) as clickhouse:
        with pytest.raises(ClickHouseUnavailable, match="isn't up"):
            await clickhouse.query("SELECT 1")
        with run_engine(tmp_path / "engine") as database:
            target[0] = database.target()
            assert await migrate(clickhouse) == [name for name, _ in migrations()]
            assert await migrate(clickhouse) == []
            assert await Loader(folders, clickhouse).load_ready() == 1
        fill(tmp_path / "spool", event(2))
        loader = Loader(folders, clickhouse)
        running = asyncio.create_task(loader.run(stop.is_set))
        while not loader.metrics().waiting:
            await asyncio.sleep(0.02)
        assert len(list(folders.ready.iterdir())) == 1
        with run_engine(tmp_path / "engine") as database:
            target[0] = database.target()
            while any(folders.ready.iterdir()):
                await asyncio.sleep(0.05)
            assert await count(clickhouse) == 2
            fill(tmp_path / "spool", event(3))
            stop.set()
            await running
            assert await count(clickhouse) == 3, "what was sealed by the end is loaded before the end"


def test_a_clickhouse_url() -> None:
    found = Target.from_url("https://me:se%40cret@host:9443/db", password=None)
    assert found == Target(url="https://host:9443", user="me", password="se@cret", database="db")
    assert Target.from_url("http://host", password="p") == Target(
        url="http://host:8123", user="default", password="p", database="slugline"
    )
    for wrong in ("host:8123", "tcp://host", ""):
        with pytest.raises(ValueError, match="must look like"):
            Target.from_url(wrong)


async def test_while_clickhouse_is_away_nothing_is_read_again_and_again(tmp_path: Path) -> None:
    """A backlog of any size costs no more than a look at its names: the cores are the workers' then."""
    folders = SpoolFolders.at(tmp_path / "spool")
    for number in range(8):
        (folders.ready / f"calls.{uuid.uuid4()}.jsonl").write_bytes(encode(event(number, request="x" * 1_000_000)))

    def read() -> int:
        """Bytes that this process has read, from whatever file, https://man7.org/linux/man-pages/man5/proc_pid_io.5.html."""
        return int(Path("/proc/self/io").read_text().split()[1])

    stop = asyncio.Event()
    async with ClickHouse(lambda: None) as clickhouse:
        loader = Loader(folders, clickhouse)
        running = asyncio.create_task(loader.run(stop.is_set))
        while not loader.metrics().waiting:
            await asyncio.sleep(0.01)
        before = read()
        await asyncio.sleep(1)
        stop.set()
        with pytest.raises(ClickHouseUnavailable):
            await running
        assert read() - before < 1_000_000
