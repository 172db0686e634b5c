"""One owner for one folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tracing.engine.lock import FolderIsOwnedError, owned

HOLD = "import sys, pathlib\nfrom tracing.engine.lock import owned\nwith owned(pathlib.Path(sys.argv[1])):\n    print(flush=True); sys.stdin.read()"


def test_the_second_owner_hears_who_the_first_is(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "data")], stdin=-1, stdout=-1)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()
    with pytest.raises(FolderIsOwnedError, match=f"pid {process.pid};.*another --path"), owned(tmp_path / "data"):
        pass
    process.kill()  # the kernel gives the lock back, however the owner ends
    process.wait()
    with owned(tmp_path / "data"):
        assert (tmp_path / "data.lock").read_text() == f"{os.getpid()}\n"
    process.stdin.close()
    process.stdout.close()


def test_it_can_be_taken_again(tmp_path: Path) -> None:
    for _ in range(2):
        with owned(tmp_path / "data"):
            pass
