"""What ClickHouse can't take, and what is no segment at all: nothing of it costs a good line or keeps the rest from being loaded."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.integration.test_loader import connected, count, event, fill
from tests.plugins.engine import Database
from tracing.clickhouse import ClickHouseRefused
from tracing.event import encode
from tracing.loader import Loader
from tracing.loading.refused import refused_lines, retry
from tracing.loading.segments import SpoolFolders, adopt_orphans

BAD = (
    b'{"no_such_column": 1}',
    b"not json",
    b"\x00\x00\x00\x00",
    b'{"call_id": "no uuid"}',
    b'{"call_id": "018f0000-0000-7000-8000-000000000000", "prompt": "\xff\xfe"}',
    b'{"status": 1, "status": 2, "version": -1}',
    b'[{"status": 200}]',
)


def put(folders: SpoolFolders, name: str, content: bytes) -> None:
    (folders.ready / name).write_bytes(content)


async def test_one_bad_line_costs_no_good_one(clickhouse: Database, tmp_path: Path) -> None:
    folders = SpoolFolders.at(tmp_path)
    good = [encode(event(number)) for number in range(1000)]
    poisoned = b"".join(good[:500]) + b"".join(line + b"\n" for line in BAD) + b"".join(good[500:])
    (folders.open / "calls.poisoned.jsonl").write_bytes(poisoned + b'{"torn')
    fill(tmp_path, *(event(number) for number in range(1000, 1100)))
    assert adopt_orphans(folders) == ["calls.poisoned.jsonl"]
    async with connected(clickhouse) as there:
        loader = Loader(folders, there)
        await loader.load_ready()
        assert await count(there) == 1100
        [(ids,)] = (await there.query("SELECT uniqExact(call_id) FROM calls")).rows
        assert ids == 1100
    [refused] = refused_lines(folders)
    assert (folders.refused / refused.name).read_bytes() == b"".join(line + b"\n" for line in BAD)
    assert [reason.partition(": ")[0] for reason in refused.reasons] == [f"line {501 + n}" for n in range(len(BAD))]
    assert "no_such_column" in refused.reasons[0]
    assert loader.metrics().rows_refused == len(BAD)
    assert not any(folders.ready.iterdir())
    assert not any(folders.sending.iterdir())


async def test_a_bad_segment_keeps_its_company_together(clickhouse: Database, tmp_path: Path) -> None:
    """Of fifty segments that travel together the bad one goes alone, and not each of them."""
    folders = SpoolFolders.at(tmp_path)
    for number in range(50):
        bad = b'{"call_id": "no uuid"}\n' if number == 31 else b""
        put(folders, f"calls.{number:02}.jsonl", encode(event(2 * number)) + bad + encode(event(2 * number + 1)))
    async with connected(clickhouse) as there:
        loader = Loader(folders, there)
        await loader.load_ready()
        assert await count(there) == 100
    assert loader.metrics().inserts <= 4
    assert [each.name for each in refused_lines(folders)] == ["calls.31.jsonl"]


async def test_refused_lines_are_loaded_after_what_was_in_their_way_is_mended(
    clickhouse: Database, tmp_path: Path
) -> None:
    folders = SpoolFolders.at(tmp_path)
    put(folders, "calls.a.jsonl", encode(event(1)) + encode(event(2)).replace(b'"status"', b'"state_of_it"'))
    async with connected(clickhouse) as there:
        loader = Loader(folders, there)
        await loader.load_ready()
        [refused] = refused_lines(folders)
        new = retry(folders, refused.name)
        assert new != refused.name
        await loader.load_ready()
        assert [each.name for each in refused_lines(folders)] == [new], "refused once more, under its new name"
        await there.command("ALTER TABLE calls ADD COLUMN state_of_it UInt16")
        retry(folders, new)
        await loader.load_ready()
        assert await count(there) == 2
    assert list(folders.refused.iterdir()) == []
    with pytest.raises(FileNotFoundError, match="no segment's name"):
        retry(folders, "../calls.a.jsonl")


async def test_foreign_files_and_unknown_tables_keep_nothing_waiting(clickhouse: Database, tmp_path: Path) -> None:
    folders = fill(tmp_path, event(1))
    put(folders, "calls.empty.jsonl", b"")
    put(folders, "calls.blank.jsonl", b"\n\n\n")
    put(folders, "weather.a.jsonl", b'{"rain": 1}\n')
    put(folders, "notes.txt", b"mine")
    (folders.ready / "calls.directory.jsonl").mkdir()
    async with connected(clickhouse) as there:
        await Loader(folders, there).load_ready()
        assert await count(there) == 1
    assert sorted(path.name for path in folders.ready.iterdir()) == ["calls.directory.jsonl", "notes.txt"]
    reasons = {each.name: each.reasons[0] for each in refused_lines(folders)}
    assert "no table 'weather' is known" in reasons["weather.a.jsonl"]


async def test_a_table_that_is_missing_keeps_only_its_own_rows_waiting(clickhouse: Database, tmp_path: Path) -> None:
    folders = fill(tmp_path, event(1))
    for number in range(5):
        put(folders, f"score_events.{number}.jsonl", b'{"score_id": "%d"}\n' % number)
        os.utime(folders.ready / f"score_events.{number}.jsonl", (0, 1000))
    stop = asyncio.Event()
    async with connected(clickhouse) as there:
        await there.command("RENAME TABLE score_events TO elsewhere")
        loader = Loader(folders, there)
        running = asyncio.create_task(loader.run(stop.is_set))
        while not await count(there):
            await asyncio.sleep(0.05)
        while "score_events" not in loader.metrics().waiting:
            await asyncio.sleep(0.05)
        fill(tmp_path, event(2))
        while await count(there) < 2:
            await asyncio.sleep(0.05)
        while loader.metrics().waiting_segments != 5:  # what was loaded last is noticed at the next look
            await asyncio.sleep(0.05)
        await there.command("RENAME TABLE elsewhere TO score_events")
        while loader.metrics().waiting_segments:
            await asyncio.sleep(0.05)
        assert loader.metrics().waiting == ""
        stop.set()
        assert await running
        [(rows,)] = (await there.query("SELECT count() FROM score_events")).rows
        assert rows == 5


async def test_fresh_records_come_before_the_backlog_which_keeps_to_its_rate(
    clickhouse: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracing.loading.shipment.MAX_ROWS", 10)
    folders = SpoolFolders.at(tmp_path)
    for number in range(6):
        name = f"calls.old-{number}.jsonl"
        put(folders, name, b"".join(encode(event(number * 10 + n)) for n in range(10)))
        os.utime(folders.ready / name, (0, 1000 + number))
    fill(tmp_path, event(1000, prompt="fresh"))
    stop = asyncio.Event()
    async with connected(clickhouse) as there:
        loader = Loader(
            folders, there, backfill_rows_per_second=0.01
        )  # the next one of the backlog in a quarter of an hour
        running = asyncio.create_task(loader.run(stop.is_set, last_seconds=0))
        while loader.metrics().rows_loaded < 11:
            await asyncio.sleep(0.02)
        fill(tmp_path, event(1001, prompt="fresh"))
        while loader.metrics().rows_loaded < 12:
            await asyncio.sleep(0.02)
        metrics = loader.metrics()
        assert (metrics.backlog_segments, metrics.waiting_segments) == (5, 5)
        assert metrics.oldest_seconds > 1_000_000
        assert sum(metrics.lag_buckets) == 12
        rows = (await there.query("SELECT call_id FROM calls WHERE prompt = ''")).rows
        assert sorted(int(str(row[0])[-12:]) for row in rows) == list(range(10)), "the oldest first"
        stop.set()
        await running
        await Loader(folders, there).load_ready()
        assert await count(there) == 62


async def test_records_of_a_clock_that_jumps_are_loaded_once_with_no_negative_lag(
    clickhouse: Database, tmp_path: Path
) -> None:
    """Segments from a year ahead, from the past, and from now, while the loader's own clock goes back and forth."""
    now = [1_800_000_000.0]
    folders = SpoolFolders.at(tmp_path)
    for number, at in enumerate((now[0] + 31_536_000, 5.0, now[0])):
        fill(tmp_path, *(event(number * 100 + n) for n in range(100)))
        [name] = [
            path.name for path in folders.ready.iterdir() if path.stat().st_nlink == 1 and not path.name.endswith("x")
        ]
        os.utime(folders.ready / name, (0, at))
        (folders.ready / name).rename(tmp_path / f"{number}")
    for number in range(3):
        (tmp_path / f"{number}").rename(folders.ready / f"calls.{number}.jsonl")
    async with connected(clickhouse) as there:
        loader = Loader(folders, there, clock=lambda: now[0])
        await there.command("RENAME TABLE calls TO elsewhere")
        with pytest.raises(ClickHouseRefused):
            await loader.load_ready()
        for step in (-10_000_000.0, 20_000_000.0):
            now[0] += step
            with pytest.raises(ClickHouseRefused):
                await loader.load_ready()
        await there.command("RENAME TABLE elsewhere TO calls")
        await loader.load_ready()
        metrics = loader.metrics()
        assert (metrics.lag_seconds >= 0, metrics.oldest_seconds, metrics.lag_sum >= 0) == (True, 0.0, True)
        [(rows, ids)] = (await there.query("SELECT count(), uniqExact(call_id) FROM calls")).rows
        assert (rows, ids) == (300, 300)
