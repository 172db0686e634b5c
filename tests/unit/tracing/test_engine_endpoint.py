"""The endpoint file: whole or absent, for the owner only, and worth nothing once its process is dead."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tracing.engine import Endpoint


def endpoint(pid: int) -> Endpoint:
    return Endpoint(
        url="http://127.0.0.1:8123",
        user="slugline",
        password="secret",
        database="slugline",
        pid=pid,
        version="26.9.2.1",
    )


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_is_written_is_read(tmp_path: Path) -> None:
    here = endpoint(os.getpid())
    here.write(tmp_path / "new" / "endpoint.json")
    assert Endpoint.read(tmp_path / "new" / "endpoint.json") == here


def test_only_the_owner_may_read_it_and_no_draft_stays(tmp_path: Path) -> None:
    endpoint(os.getpid()).write(tmp_path / "endpoint.json")
    assert stat.S_IMODE((tmp_path / "endpoint.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["endpoint.json"]


def test_a_dead_process_has_no_endpoint(tmp_path: Path) -> None:
    endpoint(dead_pid()).write(tmp_path / "endpoint.json")
    assert Endpoint.read(tmp_path / "endpoint.json") is None


def test_a_killed_process_that_nobody_reaped_has_no_endpoint(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"], stdout=-1)
    assert process.stdout is not None
    process.stdout.readline()
    endpoint(process.pid).write(tmp_path / "endpoint.json")
    assert Endpoint.read(tmp_path / "endpoint.json") is not None
    process.kill()
    process.stdout.read()  # its end of the pipe closes when it is dead, and it is not waited for yet
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert Endpoint.read(tmp_path / "endpoint.json") is None
    process.stdout.close()
    process.wait()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '"url"', json.dumps({"url": "http://127.0.0.1:1", "pid": "x"})])
def test_something_else_is_no_endpoint(tmp_path: Path, text: str) -> None:
    (tmp_path / "endpoint.json").write_text(text)
    assert Endpoint.read(tmp_path / "endpoint.json") is None


def test_no_file_is_no_endpoint(tmp_path: Path) -> None:
    assert Endpoint.read(tmp_path / "missing" / "endpoint.json") is None


def test_removing_spares_a_successors_file(tmp_path: Path) -> None:
    mine, theirs = endpoint(os.getpid()), endpoint(os.getppid())
    theirs.write(tmp_path / "endpoint.json")
    mine.remove(tmp_path / "endpoint.json")
    assert Endpoint.read(tmp_path / "endpoint.json") == theirs
    theirs.remove(tmp_path / "endpoint.json")
    assert not (tmp_path / "endpoint.json").exists()


def test_the_password_is_not_in_the_repr() -> None:
    assert "secret" not in repr(endpoint(1))


def test_reading_an_endpoint_imports_no_engine() -> None:
    code = "import sys, tracing.engine; print(sorted({'chdb', 'uvicorn'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
