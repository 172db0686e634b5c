"""20,000 calls and their scores through ClickHouse down for a minute, slow for a minute, answers lost, and kills: `python -m bench.soak`.

Calls come at a steady rate from several connections. Their time is measured before the trouble, while ClickHouse is down, and while it is
slow. In the end each call that was answered and each score that was accepted must be in ClickHouse once. `--calls N` makes it shorter.
"""

import argparse
import contextlib
import os
import platform
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.chaos.test_kill import check, kill
from tests.chaos.test_loading import Rows, outside, until_loaded
from tests.plugins.callers import Callers
from tests.plugins.engine import run_engine
from tests.plugins.fault_proxy import address_of, serve_faults
from tests.plugins.server import Server, run_server, simulator_settings
from tests.plugins.simulator import serve_simulator

RESULTS = Path(__file__).parent / "results" / "soak.md"
CALLS = 20_000
CONNECTIONS = 8
CALLS_PER_SECOND = 100
SEED = 5
PHASES = (("before", 0.25), ("down", 0.3), ("slow", 0.3), ("kills", 0.15))
"""Parts of all calls; at the full number and rate `down` and `slow` last a minute each."""


class Soak(Callers):
    """Calls at a steady rate, each scored; knows how long they took in which phase."""

    def __init__(self, server: Server) -> None:
        self.phase = PHASES[0][0]
        self.scored: list[str] = []
        self.seconds: dict[str, list[float]] = {name: [] for name, _ in PHASES}
        self._url = server.url
        super().__init__(CONNECTIONS)

    def call(self, number: int, stopped: Callable[[], bool]) -> None:
        due = time.perf_counter() + number / CALLS_PER_SECOND
        text = "What does it cost? " * 60
        with httpx.Client(base_url=self._url, timeout=30) as client:
            while not stopped():
                time.sleep(max(0.0, due - time.perf_counter()))
                due += CONNECTIONS / CALLS_PER_SECOND
                phase, began = self.phase, time.perf_counter()
                body = {"model": "prompt/killed@latest", "messages": [{"role": "user", "content": text}]}
                try:
                    answer = client.post("/v1/chat/completions", json=body)
                    took = time.perf_counter() - began
                    assert answer.status_code == 200, answer.text
                    call = answer.headers["x-slugline-call-id"]
                    self.received.append(call)
                    self.seconds[phase].append(took)
                    score = {"call_id": call, "name": "soak", "value": number % 2 == 0, "id": f"score-{call}"}
                    if client.post("/api/scores", json=score).status_code == 201:
                        self.scored.append(score["id"])
                except httpx.HTTPError:
                    self.broken += 1


def quantile(values: list[float], part: float) -> float:
    """In milliseconds."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))] * 1000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--calls", type=int, default=CALLS)
    calls = options.parse_args().calls
    choose = random.Random(SEED)
    folder = Path(tempfile.mkdtemp(prefix="slugline-soak-"))
    (folder / "engine").mkdir()
    with contextlib.ExitStack() as stack:
        provider = stack.enter_context(serve_simulator()) + "/v1"
        database = stack.enter_context(run_engine(folder / "engine"))
        proxy = stack.enter_context(serve_faults(address_of(database)))
        settings = simulator_settings(provider) + outside(provider, database, proxy)
        password = {"ROWS_PASSWORD": database.password}
        server = stack.enter_context(run_server(folder, settings, wait_for_engine=False, **password))
        server.save("killed", "Be kind.")
        with Soak(server) as soak:
            until = 0.0
            for name, part in PHASES:
                soak.phase = name
                until += part * calls
                proxy.fail("down" if name == "down" else "")
                proxy.delay = 1.0 if name == "slow" else 0.0
                while len(soak.received) < until:
                    if name == "kills":
                        proxy.fail(choose.choice(["before", "after", "gone"]), times=2)
                        kill(server, choose.choice(["slugline.worker", "slugline.keeper"]), choose)
                        time.sleep(2)
                    time.sleep(0.1)
                print(name, len(soak.received), flush=True)
            proxy.fail("")
        began = time.monotonic()
        until_loaded(server)
        caught_up = time.monotonic() - began
        rows = Rows(database)
        check(rows, soak.received)
        found = {
            row["id"]: row["n"] for row in rows.sql("SELECT score_id AS id, count() AS n FROM score_events GROUP BY id")
        }
        lost = [score for score in soak.scored if score not in found]
        doubled = [score for score, count in found.items() if count != 1]
        assert (lost, doubled) == ([], [])
    table = [
        f"| {name} | {len(taken):,} | {quantile(taken, 0.5):.1f} | {quantile(taken, 0.99):.1f} | "
        f"{quantile(taken, 0.99) / quantile(soak.seconds['before'], 0.99):.2f} |"
        for name, taken in soak.seconds.items()
    ]
    text = f"""# A soak

`python -m bench.soak` on {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; load average at the end
{os.getloadavg()[0]:.1f}. {CALLS_PER_SECOND} calls a second and a score for each, {CONNECTIONS} connections, 2 workers; the callers,
the provider and ClickHouse on the same cores. Milliseconds from the request to the whole answer.

| ClickHouse is | calls | p50 | p99 | p99 against before |
| --- | --- | --- | --- | --- |
{chr(10).join(table)}

{len(soak.received):,} calls answered and {len(soak.scored):,} scores accepted; {soak.broken} broken off by kills.
Each is in ClickHouse once: 0 lost, 0 doubled. Everything was loaded {caught_up:.1f} s after the last call.
"""
    RESULTS.write_text(text, "utf-8")
    print(text)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
