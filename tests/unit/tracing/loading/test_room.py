"""What may still be written, and what is told of what could not be."""

import logging
import os
from pathlib import Path

import pytest

from tests.unit.tracing.test_spool import event
from tracing.loading.losses import Losses, read_losses
from tracing.loading.room import Bounds, Room, publish_size
from tracing.loading.segments import SpoolFolders
from tracing.spool import Spool


@pytest.fixture
def folders(tmp_path: Path) -> SpoolFolders:
    return SpoolFolders.at(tmp_path)


def test_the_bound_counts_all_segments(folders: SpoolFolders) -> None:
    for number, folder in enumerate((folders.open, folders.ready, folders.refused)):
        (folder / f"calls.{number}.jsonl").write_bytes(b"x" * 100)
    room = Room(folders, Bounds(max_bytes=1000, min_free_bytes=0))
    room.look()
    assert room.refusal(700) == ""
    assert "1,000 bytes (spool_max_bytes)" in room.refusal(701)
    room.taken(600)
    assert room.refusal(101)
    (folders.ready / "calls.1.jsonl").unlink()
    room.look()
    assert room.refusal(800) == ""


def test_the_floor_keeps_the_disk_from_filling(folders: SpoolFolders) -> None:
    disk = os.statvfs(folders.open)
    room = Room(folders, Bounds(max_bytes=2**60, min_free_bytes=disk.f_blocks * disk.f_frsize))
    room.look()
    assert "spool_min_free_bytes" in room.refusal(1)


def test_workers_believe_who_counted_for_all_but_not_for_ever(folders: SpoolFolders) -> None:
    (folders.ready / "calls.a.jsonl").write_bytes(b"x" * 100)
    publish_size(folders)
    (folders.ready / "calls.b.jsonl").write_bytes(b"x" * 100)
    room = Room(folders, Bounds())
    room.look()
    assert room.ready_bytes == 100
    os.utime(folders.ready.parent / "size.json", (0, 0))
    room.look()
    assert room.ready_bytes == 200


def test_a_full_spool_takes_nothing_says_so_and_goes_on_once_there_is_room(
    folders: SpoolFolders, caplog: pytest.LogCaptureFixture
) -> None:
    size = 2000
    spool = Spool(folders, bounds=Bounds(max_bytes=size, min_free_bytes=0), worker="worker 1")
    recorded = 0
    while spool.append(event(recorded)):
        recorded += 1
    assert recorded > 1
    assert not spool.append(event(0))
    assert not spool.recording
    assert (spool.counts.recorded, spool.counts.lost) == (recorded, 2)
    assert "spool_max_bytes" in spool.counts.last_error
    assert [record.levelname for record in caplog.records] == ["ERROR"], "said once, and not for each call"
    spool.close()
    for path in folders.ready.iterdir():
        path.unlink()
    again = Spool(folders, bounds=Bounds(max_bytes=size, min_free_bytes=0), worker="worker 1")
    assert again.recording
    assert again.append(event(1))
    again.close()
    [lost] = read_losses(folders)
    assert (lost.worker, lost.count) == ("worker 1", 2)


def test_losses_are_counted_over_restarts_and_told_in_time(
    folders: SpoolFolders, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    now = [0.0]
    first = Losses(folders, "worker 1", clock=lambda: now[0])
    first.note("the disk is full")
    first.close()
    second = Losses(folders, "worker 1", clock=lambda: now[0])
    other = Losses(folders, "worker 2")
    assert [lost.count for lost in read_losses(folders)] == [1]
    for _ in range(3):
        second.note('full: "ü"' * 100)
    second.tend(writing=False)
    now[0] = 61.0
    second.tend(writing=False)
    second.note("full")
    second.tend(writing=True)
    second.tend(writing=True)
    second.close()
    other.close()
    [lost] = read_losses(folders)
    assert (lost.count, lost.reason, lost.first <= lost.last) == (5, "full", True)
    said = [record.getMessage() for record in caplog.records]
    assert [line.partition(" lost,")[0].rpartition(": ")[2] for line in said] == [
        "1 more",
        "1 more",
        "2 more",
        "1 more",
    ]
    assert "again" in said[-1]


def test_without_a_place_on_disk_losses_still_count(tmp_path: Path) -> None:
    folders = SpoolFolders.at(tmp_path)
    folders.lost.rmdir()
    losses = Losses(folders, "worker 1")
    losses.note("full")
    assert losses.lost.count == 1
    folders.lost.mkdir()
    losses.tend(writing=False)
    assert [lost.count for lost in read_losses(folders)] == [1]
    losses.close()
