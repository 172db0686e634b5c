"""How long a promotion takes to answer, with four workers under load: `python -m bench.promotion`.

On SQLite and on a PostgreSQL that forces its writes to disk, in one run. Four threads call all the while, each as fast as it is answered;
meanwhile the prompt is promoted to and fro, a reply after the other, and after each reply one call on a new connection must be served
by the new version. Prints a table and writes bench/results/promotion.md.
"""

import os
import platform
import statistics
import tempfile
import threading
import time
from pathlib import Path

import httpx

from tests.plugins.postgresql import run_postgresql
from tests.plugins.server import Server, run_server, simulator_settings
from tests.plugins.simulator import serve_simulator

RESULTS = Path(__file__).parent / "results" / "promotion.md"
WORKERS, CALLERS, MOVES = 4, 4, 200


def measure(settings: str, folder: Path) -> str:
    """One database's row of the table."""
    with run_server(folder, settings, workers=WORKERS, wait_for_engine=False) as server:
        numbers = [server.save("moving", f"Version {number}.") for number in (1, 2)]
        server.promote("moving", numbers[0])
        stop, calls = threading.Event(), [0] * CALLERS
        callers = [threading.Thread(target=_call, args=(server, stop, calls, place)) for place in range(CALLERS)]
        for caller in callers:
            caller.start()
        time.sleep(2)
        begun, before = time.perf_counter(), sum(calls)
        times, stale, acknowledged = [], 0, []
        try:
            for turn in range(MOVES):
                wanted = numbers[(turn + 1) % 2]
                began = time.perf_counter()
                answer = server.api.post(
                    "/api/prompts/moving/channels/stable/promote", json={"version": wanted, "reason": "bench"}
                )
                times.append((time.perf_counter() - began) * 1000)
                acknowledged.append(len(answer.raise_for_status().json()["served"]["acknowledged"]))
                with httpx.Client(base_url=server.url, timeout=60) as client:
                    stale += _ask(client) != f"moving@{wanted}"
        finally:
            rate = (sum(calls) - before) / (time.perf_counter() - begun)
            stop.set()
            for caller in callers:
                caller.join()
    cuts = statistics.quantiles(times, n=100)
    seen = f"{min(acknowledged)}-{max(acknowledged)} of {WORKERS}"
    return f"{cuts[49]:.1f} | {cuts[89]:.1f} | {cuts[98]:.1f} | {max(times):.1f} | {rate:.0f} | {seen} | {stale} of {MOVES} |"


def _call(server: Server, stop: threading.Event, calls: list[int], place: int) -> None:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        while not stop.is_set():
            _ask(client)
            calls[place] += 1


def _ask(client: httpx.Client) -> str:
    body = {"model": "prompt/moving", "messages": [{"role": "user", "content": "x"}]}
    return client.post("/v1/chat/completions", json=body).raise_for_status().headers["x-slugline-prompt"]


def main() -> None:
    rows = []
    with serve_simulator() as simulator, run_postgresql(fsync="on", full_page_writes="on") as postgresql:
        base = simulator_settings(f"{simulator}/v1")
        for name, registry in (("SQLite", ""), ("PostgreSQL", f'\n[registry]\nurl = "{postgresql.create()}"\n')):
            with tempfile.TemporaryDirectory() as folder:
                rows.append(f"| {name} | {measure(base + registry, Path(folder))}")
                print(rows[-1], flush=True)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    text = f"""# How long a promotion takes to answer

`python -m bench.promotion` on {machine}: {WORKERS} workers, {CALLERS} callers without a pause and
{MOVES} promotions one after the other, all on the same cores; milliseconds until the reply.

| | p50 | p90 | p99 | longest | calls/s meanwhile | workers named in the reply | stale answers after it |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""
    RESULTS.write_text(text + "\n".join(rows) + "\n", "utf-8")


if __name__ == "__main__":
    main()
