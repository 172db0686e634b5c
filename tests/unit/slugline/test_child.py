"""How a process of the server starts: its module's `main()`, with the garbage collector at rest until it has started."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import gc, sys
from slugline.process import started

def main():
    print(*sys.argv)
    print(gc.isenabled(), gc.get_freeze_count() > 0)
    started()
    print(gc.isenabled(), gc.get_freeze_count() > 0)
"""


def test_the_collector_rests_until_the_process_has_started(tmp_path: Path) -> None:
    (tmp_path / "some_process.py").write_text(PROGRAM)
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-m", "slugline.child", "some_process", "5", "two"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.stdout.splitlines() == ["some_process 5 two", "False False", "True True"]
