"""The spool: nothing appended is lost, nothing torn is loaded, nothing of a living writer is touched."""

import json
import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from tracing import spool as module
from tracing.event import CallEvent
from tracing.spool import Spool, SpoolFolders, adopt_orphans


def event(number: int) -> CallEvent:
    return CallEvent(call_id=f"call-{number}", ts="2026-11-22T00:00:00Z", outcome="ok", status=200, duration_ms=1)


def open_spool(folder: Path) -> Spool:
    return Spool(SpoolFolders.at(folder), lambda error: None)


def ids(*folders: Path) -> list[str]:
    lines = [
        line for folder in folders for file in sorted(folder.glob("*.jsonl")) for line in file.read_text().splitlines()
    ]
    return [json.loads(line)["call_id"] for line in lines]


def test_an_event_is_in_the_file_when_append_returns(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    assert spool.append(event(1))
    assert ids(spool.folders.open) == ["call-1"]
    spool.close()
    assert ids(spool.folders.ready) == ["call-1"]
    assert ids(spool.folders.open) == []


def test_a_full_segment_is_sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SEGMENT_ROWS", 3)
    spool = open_spool(tmp_path)
    for number in range(7):
        spool.append(event(number))
    assert [len(file.read_text().splitlines()) for file in sorted(spool.folders.ready.iterdir())] == [3, 3]
    spool.close()
    assert ids(spool.folders.ready) == [f"call-{number}" for number in range(7)]


def test_names_are_never_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SEGMENT_ROWS", 1)
    spool = open_spool(tmp_path)
    names = set()
    for number in range(50):
        spool.append(event(number))
        for file in spool.folders.ready.iterdir():
            assert file.name not in names
            names.add(file.name)
            file.unlink()
    assert len(names) == 50


def test_many_threads_append_whole_lines(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.start()
    threads = [
        threading.Thread(target=lambda start=start: [spool.append(event(start + n)) for n in range(200)])
        for start in range(0, 1600, 200)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spool.close()
    assert sorted(ids(spool.folders.ready)) == sorted(f"call-{number}" for number in range(1600))
    assert spool.counts.recorded == 1600


def test_a_living_writer_is_left_alone(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append(event(1))
    assert adopt_orphans(spool.folders) == []
    spool.close()


def test_a_killed_writer_s_lines_are_adopted_without_the_torn_one(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from tests.unit.tracing.test_spool import event, open_spool
        spool = open_spool(Path(sys.argv[1]))
        for number in range(5):
            spool.append(event(number))
        os.write(spool._segments["calls"].fd, b'{"call_id": "torn')
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=root, check=False)
    assert done.returncode == -9
    folders = SpoolFolders.at(tmp_path)
    adopted = adopt_orphans(folders)
    assert len(adopted) == 1
    assert ids(folders.ready) == [f"call-{number}" for number in range(5)]
    assert adopt_orphans(folders) == []


def test_a_torn_only_line_leaves_nothing(tmp_path: Path) -> None:
    folders = SpoolFolders.at(tmp_path)
    (folders.open / "calls.x.jsonl").write_text('{"torn')
    assert adopt_orphans(folders) == []
    assert not any(folders.open.iterdir())


def test_a_long_torn_line_is_cut_off(tmp_path: Path) -> None:
    folders = SpoolFolders.at(tmp_path)
    (folders.open / "calls.x.jsonl").write_text('{"call_id":"a"}\n{"torn":"' + "x" * 200_000)
    adopt_orphans(folders)
    assert ids(folders.ready) == ["a"]


def test_a_disk_that_takes_nothing_costs_the_record_and_not_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = open_spool(tmp_path)
    spool.append(event(1))
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, line: real(fd, line[:10]))
    assert not spool.append(event(2))
    monkeypatch.undo()
    assert spool.append(event(3))
    spool.close()
    assert ids(spool.folders.ready) == ["call-1", "call-3"]
    assert (spool.counts.recorded, spool.counts.lost) == (2, 1)
    assert "10 of" in spool.counts.last_error


def test_the_spool_is_for_its_owner_only(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool")
    spool.append(event(1))
    assert all(folder.stat().st_mode & 0o077 == 0 for folder in (tmp_path / "spool").rglob("*"))
    spool.close()


def test_no_append_waits_for_an_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk hangs in fsync: thousands of records, segments that fill up among them, are written all the same."""
    monkeypatch.setattr(module, "MAX_SEGMENT_ROWS", 10)
    hangs, entered, goes_on = threading.Event(), threading.Event(), threading.Event()
    real = os.fsync

    def fsync(fd: int) -> None:
        entered.set()
        if hangs.is_set():
            goes_on.wait(30)
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    spool = open_spool(tmp_path)
    spool.start()
    hangs.set()
    assert spool.append(event(0))
    assert entered.wait(30), "nothing was synced: this tests nothing"
    done = threading.Thread(target=lambda: [spool.append(event(number)) for number in range(1, 2000)])
    done.start()
    done.join(30)
    waited = done.is_alive()
    goes_on.set()
    done.join()
    spool.close()
    assert not waited
    assert sorted(ids(spool.folders.ready)) == sorted(f"call-{number}" for number in range(2000))


def test_what_is_written_is_synced_within_a_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fsync
    monkeypatch.setattr(module, "SEAL_SECONDS", 3600)
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(os.fstat(fd).st_size), real(fd)))
    spool = open_spool(tmp_path)
    spool.start()
    spool.append(event(1))
    [path] = spool.folders.open.glob("*.jsonl")
    deadline = time.monotonic() + 30
    while path.stat().st_size not in synced:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    spool.close()
