"""Inserts whose answer never came: whatever happened to them, each row is there once, and in every view once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from tests.integration.test_loader import connected, event, fill
from tests.plugins.engine import Database
from tests.plugins.fault_proxy import FaultProxy, address_of, serve_faults, through
from tracing.clickhouse import ClickHouse, ClickHouseRefused, ClickHouseUnavailable
from tracing.event import Event, ScoreEvent
from tracing.loader import Loader
from tracing.loading.shipment import Shipment, read_notes, write_note
from tracing.spool import Spool, SpoolFolders

VIEW = (
    "CREATE TABLE per_prompt (prompt String, n UInt64) ENGINE = SummingMergeTree ORDER BY prompt"
    " SETTINGS non_replicated_deduplication_window = 10000",
    "CREATE MATERIALIZED VIEW per_prompt_view TO per_prompt AS SELECT prompt, count() AS n FROM calls GROUP BY prompt",
)


@pytest.fixture(autouse=True)
def _tokens_are_relied_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the suite's engine has been running when a test comes to it."""
    monkeypatch.setattr("tracing.loading.sender.TOKEN_SECONDS", 1e9)


@pytest.fixture
def proxy(clickhouse: Database) -> Iterator[FaultProxy]:
    with serve_faults(address_of(clickhouse)) as running:
        yield running


@pytest.fixture
async def there(clickhouse: Database, proxy: FaultProxy) -> AsyncIterator[ClickHouse]:
    """By way of the proxy, with a view on calls."""
    async with connected(clickhouse) as direct:
        for statement in VIEW:
            await direct.command(statement)
    async with connected(through(clickhouse, proxy)) as connection:
        yield connection


def score(number: int, received: str = "2026-11-22T00:00:00.000001Z") -> ScoreEvent:
    return ScoreEvent(
        score_id=f"score-{number}'\\",
        target_kind="call",
        target="x",
        ts="2026-11-22T00:00:00.000000Z",
        received_at=received,
        name="n",
        value=1.0,
        kind="number",
    )


def spooled(folder: Path, *events: Event) -> SpoolFolders:
    spool = Spool(SpoolFolders.at(folder))
    for given in events:
        spool.append(given)
    spool.close()
    return spool.folders


async def counted(clickhouse: ClickHouse) -> tuple[int, int, int]:
    """Rows, ids, and rows by the view."""
    [row] = (
        await clickhouse.query("SELECT count(), uniqExact(call_id), (SELECT sum(n) FROM per_prompt) FROM calls")
    ).rows
    return (int(row[0]), int(row[1]), int(row[2]))


def in_another_life(folders: SpoolFolders) -> Shipment:
    """The one note, as if its shipment had been sent to a server that was killed since."""
    [note] = read_notes(folders)
    older = msgspec.structs.replace(note, life="elsewhere@1")
    write_note(folders, older)
    return older


async def loaded(loader: Loader, folders: SpoolFolders) -> None:
    """Until everything is loaded, however often it takes."""
    for _ in range(100):
        with contextlib.suppress(ClickHouseUnavailable, ClickHouseRefused):
            await loader.load_ready()
        if not any(folders.ready.iterdir()):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(loader.metrics())


@pytest.mark.parametrize("fault", ["before", "after", "gone"])
@pytest.mark.parametrize("restarted", [False, True], ids=["same life", "another life"])
async def test_a_connection_that_breaks(
    there: ClickHouse, proxy: FaultProxy, tmp_path: Path, fault: str, restarted: bool
) -> None:
    """Clickhouse-connect sends a broken insert once more by itself, so that two of them break here."""
    folders = fill(tmp_path, *(event(number) for number in range(100)))
    fill(tmp_path, *(event(number) for number in range(100, 150)))
    await there.query("SELECT 1")
    proxy.fail(fault, times=2)
    with pytest.raises(ClickHouseUnavailable):
        await Loader(folders, there).load_ready()
    assert proxy.faults > 0
    [note] = read_notes(folders)
    assert len(note.segments) == 2
    proxy.times = 0
    if restarted:
        in_another_life(folders)
    loader = Loader(folders, there)  # as after a kill of the keeper
    await loaded(loader, folders)
    assert await counted(there) == (150, 150, 150)
    assert not any(folders.sending.iterdir())
    assert loader.metrics().looked_for == int(restarted)


async def without_answer(there: ClickHouse, proxy: FaultProxy, folders: SpoolFolders) -> Shipment:
    """Sends what is in the spool, and hears no answer; gives the note, as if the server had been killed since."""
    await there.query("SELECT 1")
    proxy.fail("after", times=2)
    with pytest.raises(ClickHouseUnavailable):
        await Loader(folders, there).load_ready()
    proxy.times = 0
    return in_another_life(folders)


async def test_a_part_that_is_gone_although_its_token_is_noted_is_sent_under_another(
    there: ClickHouse, proxy: FaultProxy, tmp_path: Path
) -> None:
    """What a kill between note and part leaves on a server. A table commits before its views, so they lack the rows as well."""
    folders = fill(tmp_path, *(event(number) for number in range(100)))
    note = await without_answer(there, proxy, folders)
    for table in ("calls", "per_prompt"):
        await there.command(f"ALTER TABLE {table} DELETE WHERE 1", mutations_sync=2)
    lines = (folders.ready / note.segments[0]).read_bytes()
    await there.insert_lines("calls", lines, {"insert_deduplication_token": note.token})
    assert (await counted(there))[0] == 0, "the token is not noted: this tests nothing"
    loader = Loader(folders, there)
    await loaded(loader, folders)
    assert await counted(there) == (100, 100, 200 - 100)
    assert proxy.inserts[-1] == note.token + "#2"
    assert (loader.metrics().looked_for, loader.metrics().sent_again) == (1, 100)


async def test_a_fresh_token_is_the_same_after_another_kill(
    there: ClickHouse, proxy: FaultProxy, tmp_path: Path
) -> None:
    folders = fill(tmp_path, *(event(number) for number in range(10)))
    note = await without_answer(there, proxy, folders)
    await there.command("ALTER TABLE calls DELETE WHERE 1", mutations_sync=2)
    proxy.fail("after", times=2)
    with pytest.raises(ClickHouseUnavailable):
        await Loader(folders, there).load_ready()
    [second] = read_notes(folders)
    assert second.token == note.token + "#2"
    proxy.times = 0
    await loaded(Loader(folders, there), folders)
    assert set(proxy.inserts) == {note.token, note.token + "#2"}
    assert (await counted(there))[:2] == (10, 10)


async def test_rows_that_are_there_reach_the_views_that_missed_them(
    there: ClickHouse, proxy: FaultProxy, tmp_path: Path
) -> None:
    await there.command("DROP VIEW per_prompt_view")
    folders = fill(tmp_path, *(event(number) for number in range(100)))
    await without_answer(there, proxy, folders)
    await there.command(VIEW[1])
    assert await counted(there) == (100, 100, 0)
    await loaded(Loader(folders, there), folders)
    assert await counted(there) == (100, 100, 100)


async def test_only_missing_lines_are_sent_again(there: ClickHouse, proxy: FaultProxy, tmp_path: Path) -> None:
    """What is left of a segment over several partitions, of which one is gone."""
    months = [event(number, ts=f"2026-{1 + number % 3:02}-22T00:00:00.123456Z") for number in range(90)]
    folders = fill(tmp_path, *months)
    await without_answer(there, proxy, folders)
    await there.command("ALTER TABLE calls DELETE WHERE toMonth(ts) = 2", mutations_sync=2)
    assert (await counted(there))[0] == 60
    proxy.inserts.clear()
    await loaded(Loader(folders, there), folders)
    assert (await counted(there))[:2] == (90, 90)
    assert [token[-2:] for token in proxy.inserts] == ["nl", "#2"]


async def test_a_token_that_may_be_forgotten_is_not_sent_again(
    there: ClickHouse, proxy: FaultProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that has run for long may have dropped the token, and would take the rows a second time."""
    folders = fill(tmp_path, *(event(number) for number in range(100)))
    await without_answer(there, proxy, folders)
    proxy.inserts.clear()
    monkeypatch.setattr("tracing.loading.sender.TOKEN_SECONDS", 0.0)
    await loaded(Loader(folders, there), folders)
    assert await counted(there) == (100, 100, 100)
    assert proxy.inserts == []


async def test_a_deletion_that_was_under_way_is_finished(there: ClickHouse, proxy: FaultProxy, tmp_path: Path) -> None:
    folders = fill(tmp_path, *(event(number) for number in range(10)))
    fill(tmp_path, *(event(number) for number in range(10, 20)))
    note = await without_answer(there, proxy, folders)
    (folders.ready / note.segments[0]).unlink()
    await loaded(Loader(folders, there), folders)
    assert await counted(there) == (20, 20, 20)
    assert not any(folders.sending.iterdir())


async def test_scores_are_looked_for_by_their_version(there: ClickHouse, proxy: FaultProxy, tmp_path: Path) -> None:
    """A score that was replaced meanwhile is not missing, whatever merges have done; one that is older than its segment's is."""
    folders = spooled(tmp_path, *(score(number) for number in range(4)))
    await without_answer(there, proxy, folders)
    await there.command(
        "ALTER TABLE score_events DELETE WHERE score_id LIKE 'score-0%' OR score_id LIKE 'score-1%'", mutations_sync=2
    )
    spooled(tmp_path / "other", score(0, "2026-11-22T00:00:00.000002Z"))
    await Loader(SpoolFolders.at(tmp_path / "other"), there).load_ready()
    loader = Loader(folders, there)
    await loaded(loader, folders)
    found = await there.query("SELECT score_id, toString(received_at) FROM score_events FINAL ORDER BY score_id")
    assert [(row[0], row[1][-1]) for row in found.rows] == [
        ("score-0'\\", "2"),
        ("score-1'\\", "1"),
        ("score-2'\\", "1"),
        ("score-3'\\", "1"),
    ]
    assert loader.metrics().sent_again == 1


async def test_nothing_is_sent_anew_while_the_first_try_is_being_carried_out(
    there: ClickHouse, proxy: FaultProxy, tmp_path: Path
) -> None:
    folders = fill(tmp_path, *(event(number) for number in range(10)))
    await there.query("SELECT 1")
    proxy.fail("before", times=2)
    with pytest.raises(ClickHouseUnavailable):
        await Loader(folders, there).load_ready()
    proxy.times = 0
    note = in_another_life(folders)
    slow = asyncio.create_task(
        there.command(
            "INSERT INTO calls (call_id, ts) SELECT generateUUIDv4(), now() FROM numbers(8) WHERE sleepEachRow(0.2) = 0",
            insert_deduplication_token=note.token,
        )
    )
    while not (await there.query("SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO calls%'")).rows[0][
        0
    ]:
        await asyncio.sleep(0.01)
    with pytest.raises(ClickHouseRefused, match="still being carried out"):
        await Loader(folders, there).load_ready()
    assert len(list(folders.ready.iterdir())) == 1
    await slow
    await loaded(Loader(folders, there), folders)
    assert (await counted(there))[0] == 8 + 10


async def test_a_view_that_always_fails_does_not_keep_rows_waiting_for_ever(
    there: ClickHouse, proxy: FaultProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracing.loader.TRIES_BEFORE_LOOK", 2)
    await there.command(
        "CREATE MATERIALIZED VIEW failing TO per_prompt AS SELECT toString(throwIf(status = 200)) AS prompt, 0 AS n FROM calls"
    )
    folders = fill(tmp_path, event(1))
    loader = Loader(folders, there)
    await loaded(loader, folders)
    assert (await counted(there))[:2] == (1, 1)
    assert loader.metrics().views_missed == 1
