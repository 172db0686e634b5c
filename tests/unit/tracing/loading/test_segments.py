"""Segments as files: foreign ones are in nobody's way."""

import os
import time
from pathlib import Path

from tracing.loading.segments import SpoolFolders, adopt_orphans, foreign, new_name, replace_file, sealed, table_of


def test_names() -> None:
    name = new_name("score_events")
    assert table_of(name) == "score_events"
    assert name != new_name("score_events")
    for other in ("calls.jsonl", "calls.x.jsonl.swp", "x.txt", "Calls.x.jsonl", "../calls.x.jsonl", ""):
        assert table_of(other) is None


def test_the_oldest_comes_first_whatever_the_files_times_say(tmp_path: Path) -> None:
    folders = SpoolFolders.at(tmp_path)
    names = []
    for second in range(3):
        names.append(new_name("calls"))
        time.sleep(0.002)
        (folders.ready / names[-1]).write_text("{}\n")
        os.utime(folders.ready / names[-1], (0, 2_000_000_000 - second))
    found = sealed(folders)
    assert [segment.name for segment in found] == names
    assert all(segment.born <= time.time() for segment in found)
    again = sealed(folders, found)
    assert again == found


def test_a_clock_that_was_set_back_leaves_no_segment_born_after_its_last_line(tmp_path: Path) -> None:
    folders = SpoolFolders.at(tmp_path)
    name = new_name("calls")
    (folders.ready / name).write_text("{}\n")
    os.utime(folders.ready / name, (0, 1000))
    [segment] = sealed(folders)
    assert (segment.born, segment.written) == (1000, 1000)


def test_foreign_files_are_left_alone_and_in_nobodys_way(tmp_path: Path) -> None:
    folders = SpoolFolders.at(tmp_path)
    for folder in (folders.open, folders.ready):
        (folder / "notes.txt").write_text("mine")
        (folder / "calls.directory.jsonl").mkdir()
    os.mkfifo(folders.open / "calls.pipe.jsonl")
    (folders.open / "calls.link.jsonl").symlink_to(tmp_path / "elsewhere")
    (folders.open / "calls.orphan.jsonl").write_text("{}\n")
    assert adopt_orphans(folders) == ["calls.orphan.jsonl"]
    assert [segment.name for segment in sealed(folders)] == ["calls.orphan.jsonl"]
    assert foreign(folders) == [
        "open/calls.directory.jsonl",
        "open/calls.link.jsonl",
        "open/calls.pipe.jsonl",
        "open/notes.txt",
        "ready/calls.directory.jsonl",
        "ready/notes.txt",
    ]


def test_what_was_killed_at_its_birth_goes_but_not_what_is_being_born(tmp_path: Path) -> None:
    folders = SpoolFolders.at(tmp_path)
    for name, age in (("old", 3600), ("new", 0)):
        path = folders.open / f".calls.{name}.jsonl"
        path.write_bytes(b"")
        os.utime(path, (0, time.time() - age))
    assert adopt_orphans(folders) == []
    assert [path.name for path in folders.open.iterdir()] == [".calls.new.jsonl"]


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    replace_file(tmp_path / "a", b"one" * 100_000)
    replace_file(tmp_path / "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
