"""Clients that are programs of their own: each does its cases once on a side and prints what they gave as JSON."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.contract.comparison import Seen, arrivals, plain
from tests.plugins.aimock import Aimock

SECONDS = 240


def run_program(
    command: Sequence[str | Path], url: str, prefix: str, mock: Aimock, **environment: str
) -> dict[str, Seen]:
    """What each case gave, and what arrived for it. The program sees nothing of this process's environment but the path."""
    done = subprocess.run(
        [*map(str, command), url, prefix],
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {name: Seen(value=plain(given), arrived=arrivals(mock, f"{prefix}-{name}")) for name, given in seen.items()}
