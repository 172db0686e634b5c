"""The folder on disk: what is read, what is refused, and that nothing leaves it."""

import os

import pytest

from slugline.gitops.folder import read_folder, write
from slugline.settings import SettingsError


def test_prompt_files_of_the_folder_and_below_it(tmp_path):
    for name in ("b.prompty", "a.yaml", "deep/er/c.yml", "README.md", ".hidden.yaml", ".git/x.yaml", "notes.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    files, errors = read_folder(tmp_path)
    assert files == [("a.yaml", b"x"), ("b.prompty", b"x"), ("deep/er/c.yml", b"x")]
    assert errors == []


def test_links_that_leave_the_folder_are_refused_and_others_followed(tmp_path):
    folder, outside = tmp_path / "prompts", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (outside / "secret.prompty").write_text("secret")
    (folder / "real.prompty").write_text("real")
    (folder / "inside.prompty").symlink_to("real.prompty")
    (folder / "leaves.prompty").symlink_to(outside / "secret.prompty")
    (folder / "dots.prompty").symlink_to("../outside/secret.prompty")
    (folder / "broken.prompty").symlink_to("nowhere")
    (folder / "circle.prompty").symlink_to("circle.prompty")
    (folder / "away").symlink_to(outside, target_is_directory=True)
    (folder / "up").symlink_to(folder, target_is_directory=True)
    files, errors = read_folder(folder)
    assert files == [("inside.prompty", b"real"), ("real.prompty", b"real")]
    told = {error.path: error.message for error in errors}
    assert set(told) == {"leaves.prompty", "dots.prompty", "broken.prompty", "circle.prompty", "away"}
    assert "leaves the folder" in told["leaves.prompty"] and "leaves the folder" in told["dots.prompty"]
    assert "nothing in it is read" in told["away"]
    assert {error.slug for error in errors} == {"leaves", "dots", "broken", "circle", None}


def test_the_folder_itself_may_be_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.prompty").write_text("x")
    (tmp_path / "prompts").symlink_to("real")
    assert read_folder(tmp_path / "prompts") == ([("a.prompty", b"x")], [])


def test_a_folder_that_is_none(tmp_path):
    with pytest.raises(SettingsError, match="`slugline pull` makes it"):
        read_folder(tmp_path / "nothing")
    (tmp_path / "file").write_text("x")
    with pytest.raises(SettingsError, match="is no folder"):
        read_folder(tmp_path / "file")


def test_what_is_no_ordinary_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.prompty")
    (tmp_path / "large.yaml").write_bytes(b" " * 10_000_001)
    assert [error.message for error in read_folder(tmp_path)[1]] == [
        "it has more than 10,000,000 bytes",
        "it is no ordinary file",
    ]


def test_writing_keeps_the_mode_and_leaves_nothing_beside(tmp_path):
    (tmp_path / "a.prompty").write_text("old")
    (tmp_path / "a.prompty").chmod(0o640)
    write(tmp_path, "a.prompty", "é\r\n")
    write(tmp_path, "deep/b.prompty", "new")
    assert (tmp_path / "a.prompty").read_bytes() == "é\r\n".encode()
    assert (tmp_path / "a.prompty").stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.prompty", "b.prompty", "deep"]


def test_nothing_is_written_outside_and_a_link_inside_stays_one(tmp_path):
    folder = tmp_path / "prompts"
    folder.mkdir()
    (tmp_path / "outside.prompty").write_text("theirs")
    (folder / "a.prompty").symlink_to("../outside.prompty")
    (folder / "real.prompty").write_text("old")
    (folder / "b.prompty").symlink_to("real.prompty")
    for path in ("a.prompty", "../b.prompty"):
        with pytest.raises(SettingsError, match="leaves the folder"):
            write(folder, path, "mine")
    assert (tmp_path / "outside.prompty").read_text() == "theirs"
    write(folder, "b.prompty", "new")
    assert (folder / "b.prompty").is_symlink()
    assert (folder / "real.prompty").read_text() == "new"


def test_a_write_that_fails_leaves_the_old_file_and_says_so(tmp_path):
    (tmp_path / "dir.prompty").mkdir()
    with pytest.raises(SettingsError, match=r"dir\.prompty can't be written"):
        write(tmp_path, "dir.prompty", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["dir.prompty"]
