"""Opening the registry from the command line: made where there is none, never in the place of one that has gone."""

import time
from pathlib import Path

import pytest

from registry.errors import RegistryUnavailableError
from registry.serving.live import LiveRegistry
from registry.values import Content
from slugline.folder import DataFolder
from slugline.local import open_local
from slugline.settings import Settings

SECONDS = 30


def test_an_empty_registry_never_takes_the_place_of_one_that_has_gone(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data")
    content = Content(kind="text", text="Hello")
    open_local(settings, {}).save("a", content, message="m")
    folder = DataFolder(settings.data)
    live = LiveRegistry(settings.registry_url, snapshot=folder.snapshot)
    live.join("worker 1")
    deadline = time.monotonic() + SECONDS
    while not (folder.snapshot / "state.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    live.close()
    file = settings.data / "registry.db"
    file.rename(tmp_path / "registry.db")
    with pytest.raises(RegistryUnavailableError, match="is gone: put a backup in its place"):
        open_local(settings, {})
    assert not file.exists()
    (tmp_path / "registry.db").rename(file)
    assert open_local(settings, {}).version("a", 1).content == content
