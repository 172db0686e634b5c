"""History in and out: an import of calls of five years in any order, the same again, and an export.

    python -m bench.transfer [--rows 1000000] [--body 2000]

Prints rows a second and the most memory that the command itself took, engine apart. Each row is one JSON line with two bodies.
"""

import argparse
import contextlib
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

WORDS = [f"word{number:x}" for number in range(4000)]
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def write(path: Path, rows: int, body: int, days: int) -> int:
    """Writes the history; gives its size before compression."""
    pick, size = random.Random(1), 0
    with gzip.open(path, "wb", 1) as file:
        for _ in range(rows):
            text = " ".join(pick.choices(WORDS, k=body // 9))
            line = json.dumps(
                {
                    "call_id": str(uuid.UUID(int=pick.getrandbits(128), version=4)),
                    "ts": (NOW - timedelta(seconds=pick.randrange(86_400 * days))).isoformat(),
                    "prompt": f"prompt-{pick.randrange(30)}",
                    "version": pick.randrange(1, 9),
                    "model": pick.choice(["large", "small"]),
                    "user": f"user-{pick.randrange(10_000)}",
                    "duration_ms": pick.random() * 3000,
                    "input_tokens": pick.randrange(4000),
                    "output_tokens": pick.randrange(400),
                    "cost": pick.randrange(10**6) / 10**8,
                    "request": {"messages": [{"role": "user", "content": text[: body * 2 // 3]}]},
                    "response": {"choices": [{"message": {"role": "assistant", "content": text[body * 2 // 3 :]}}]},
                }
            ).encode()
            size += len(line) + 1
            file.write(line + b"\n")
    return size


def timed(what: str, rows: int, *arguments: str) -> None:
    """Runs a command, and says how long it and its engine took, and how much memory the command."""
    began = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "slugline", *arguments], stdout=subprocess.DEVNULL)
    peak = 0
    while True:
        with contextlib.suppress(OSError, IndexError):
            status = Path(f"/proc/{process.pid}/status").read_text()
            peak = max(peak, int(status.partition("VmHWM:")[2].split()[0]))
        ended, result, used = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        time.sleep(0.1)
    assert result == 0
    process.returncode = 0
    seconds, cpu = time.monotonic() - began, used.ru_utime + used.ru_stime
    print(
        f"| {what} | {seconds:.0f} s | {rows / seconds:,.0f} | {cpu / rows * 1e6:.0f} µs | {peak / 1024:.0f} MiB |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--body", type=int, default=2000)
    parser.add_argument("--days", type=int, default=365 * 5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path, data = Path(folder) / "history.jsonl.gz", Path(folder) / "data"
        size = write(path, given.rows, given.body, given.days)
        print(
            f"{given.rows:,} rows, {size / given.rows:,.0f} bytes each, {given.days} days; load {os.getloadavg()[0]:.1f}\n"
        )
        print("| what | time | rows/s | CPU a row | memory |\n| --- | --- | --- | --- | --- |")
        timed("import", given.rows, "calls", "import", str(path), "--data", str(data))
        timed("the same again", given.rows, "calls", "import", str(path), "--data", str(data))
        timed("export", given.rows, "calls", "export", "--data", str(data), "-o", str(Path(folder) / "out.jsonl"))


if __name__ == "__main__":
    main()
