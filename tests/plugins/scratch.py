"""Where tests put their files: in memory, where there is room for them.

Nothing that a test writes outlives the run, and much of what is tested forces its writes to disk: a registry at each commit, the spool,
ClickHouse at each insert. On a disk the suite waits for that several minutes. Where /dev/shm is missing or small (as in a container with
Docker's 64 MB), and where TMPDIR or --basetemp says another place, files go where they always went.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

_MEMORY = Path("/dev/shm")
_ROOM = 8 << 30
"""Bytes that must be free there: several times what a whole run leaves, as what passed tests have written is swept away."""


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Before pytest's own folder is made. Processes of the tests, and the workers of a parallel run, have it by the environment."""
    if "TMPDIR" in os.environ or config.option.basetemp or not _has_room(_MEMORY):
        return
    os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)


def _has_room(folder: Path) -> bool:
    try:
        return os.access(folder, os.W_OK) and min(shutil.disk_usage(folder).free, _available()) >= _ROOM
    except (OSError, ValueError):
        return False


def _available() -> int:
    """Bytes of memory that processes may still take."""
    names = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return int(names["MemAvailable"].removesuffix(" kB")) << 10
