"""How fast records are loaded, by rows a shipment, and how long a delivered call takes until SQL sees it. `python -m bench.loading`.

The loading rate: segments of 500 rows of 2 KB with text of this repository's own files in them, through the loader into a fresh embedded
engine, which runs beside it on the same cores. The lag: a whole server, calls at a steady rate, each asked for in SQL until it is there.
"""

import asyncio
import json
import os
import platform
import random
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import httpx

from tests.plugins.engine import run_engine
from tests.plugins.server import run_server, simulator_settings
from tests.plugins.simulator import serve_simulator
from tracing.clickhouse import ClickHouse
from tracing.event import CallEvent, encode
from tracing.loader import Loader
from tracing.loading import shipment
from tracing.loading.segments import SpoolFolders, new_name
from tracing.migrate import migrate

RESULTS = Path(__file__).parent / "results" / "loading.md"
ROWS = 60_000
SEGMENT = 500
ROUNDS = 3
SIZES = (1_000, 5_000, 10_000, 20_000)
CALLS = 150
CALLS_PER_SECOND = 10


def lines(count: int, choose: random.Random) -> list[bytes]:
    """Calls with bodies of text, about 2 KB a line."""
    root = Path(__file__).parents[1]
    words = [word for path in sorted(root.glob("docs/*.md")) for word in path.read_text("utf-8").split()]
    made = []
    for number in range(count):
        start = choose.randrange(len(words) - 300)
        asked, told = " ".join(words[start : start + 120]), " ".join(words[start + 120 : start + 200])
        call = CallEvent(
            call_id=f"{choose.getrandbits(32):08x}-0000-7000-8000-{choose.getrandbits(48):012x}",
            ts="2026-11-22T00:00:00.123456Z",
            trace_id=f"{choose.getrandbits(128):032x}",
            span_id=f"{choose.getrandbits(64):016x}",
            outcome="ok",
            status=200,
            prompt=f"prompt-{number % 30}",
            version=number % 8,
            model_served="simulator-large",
            input_tokens=choose.randrange(4000),
            output_tokens=choose.randrange(400),
            duration_ms=choose.uniform(100, 3000),
            request=json.dumps({"messages": [{"role": "user", "content": asked}]}),
            response=json.dumps({"choices": [{"message": {"content": told}}]}),
        )
        made.append(encode(call))
    return made


async def rate(size: int, made: list[bytes]) -> tuple[float, float]:
    """With `size` rows a shipment: rows a second, and microseconds of CPU a row, the engine's and the loader's."""
    folder = Path(tempfile.mkdtemp(prefix="slugline-bench-"))
    shipment.MAX_ROWS = size
    try:
        folders = SpoolFolders.at(folder / "spool")
        with run_engine(folder) as database:
            async with ClickHouse(database.target) as clickhouse:
                await migrate(clickhouse)
                for start in range(0, ROWS, SEGMENT):
                    part = [made[number % len(made)] for number in range(start, start + SEGMENT)]
                    (folders.ready / new_name("calls")).write_bytes(b"".join(part))
                engine = json.loads((folder / "endpoint.json").read_text())["pid"]
                busy, began = cpu(engine) + time.process_time(), time.perf_counter()
                await Loader(folders, clickhouse).load_ready()
                took = time.perf_counter() - began
                busy = cpu(engine) + time.process_time() - busy
                [(rows,)] = (await clickhouse.query("SELECT count() FROM calls")).rows
                assert rows == ROWS
        return ROWS / took, busy / ROWS * 1e6
    finally:
        shutil.rmtree(folder)


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def lags() -> list[float]:
    """Seconds from a call's answer until its row is seen."""
    found = []
    folder = Path(tempfile.mkdtemp(prefix="slugline-bench-"))
    with serve_simulator() as provider, run_server(folder, simulator_settings(provider + "/v1")) as server:
        server.save("lag", "Be quick.")
        body = {"model": "prompt/lag@latest", "messages": [{"role": "user", "content": "x"}]}
        waiting: dict[str, float] = {}
        with httpx.Client(base_url=server.url, timeout=60) as client:
            for number in range(CALLS):
                answer = client.post("/v1/chat/completions", json=body)
                waiting[answer.headers["x-slugline-call-id"]] = time.perf_counter()
                end = time.perf_counter() + 1 / CALLS_PER_SECOND
                while time.perf_counter() < end or (number == CALLS - 1 and waiting):
                    seen = {row["id"] for row in server.sql("SELECT toString(call_id) AS id FROM calls")}
                    now = time.perf_counter()
                    found += [now - waiting.pop(call) for call in list(waiting) if call in seen]
                    time.sleep(0.02)
    shutil.rmtree(folder)
    return found


def main() -> None:
    made = lines(20_000, random.Random(5))
    size = sum(map(len, made)) / len(made)
    rows = []
    for count in SIZES:
        found = [asyncio.run(rate(count, made)) for _ in range(ROUNDS)]
        rates, busy = sorted(each[0] for each in found), statistics.median(each[1] for each in found)
        rows.append(f"| {count:,} | {statistics.median(rates):,.0f} ({rates[0]:,.0f}-{rates[-1]:,.0f}) | {busy:.0f} |")
        print(rows[-1], flush=True)
    seen = sorted(lags())
    quantiles = [seen[min(len(seen) - 1, int(len(seen) * part))] for part in (0.5, 0.9, 0.99)]
    load = os.getloadavg()[0]
    text = f"""# Loading

`python -m bench.loading` on {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()};
load average at the end {load:.1f} (with other work on the machine
rows/s are a lower bound; CPU a row depends on them less).

## Rows a second

{ROWS:,} rows of {size:,.0f} bytes in segments of {SEGMENT} rows, into a fresh embedded engine on the same cores;
median of {ROUNDS} rounds (lowest-highest).

| rows a shipment | rows/s | CPU a row, µs |
| --- | --- | --- |
{chr(10).join(rows)}

## From a delivered call to its row

{len(seen)} calls, {CALLS_PER_SECOND} a second, each looked for in SQL every 20 ms or so; seconds.

| p50 | p90 | p99 | longest |
| --- | --- | --- | --- |
| {quantiles[0]:.2f} | {quantiles[1]:.2f} | {quantiles[2]:.2f} | {seen[-1]:.2f} |
"""
    RESULTS.write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
