"""Reading and rendering a prompt over HTTP at a fixed rate: `python -m bench.registry_reads [--url postgresql://…]`.

Starts `slugline serve` with two workers and asks `GET /api/prompts/{slug}` and `POST /api/prompts/{slug}/render` 500 times a second, for
20 seconds each, over 16 connections that stay open. The rate is kept whatever the answers do, and each time is counted from when the
request was due, so that a stall shows in every request that waited for it. Beside it: the same with a save and a promotion each second,
which every worker has to notice. Prints a table and writes bench/results/registry-reads.md.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import uvloop

RESULTS = Path(__file__).parent / "results" / "registry-reads.md"
RATE, SECONDS, CONNECTIONS, PROMPTS, ROUNDS = 500, 20, 16, 200, 3
TEXT = (
    "You are a support agent of {{ company }}. Answer {{ customer }} in a friendly tone.\n"
    + "Keep to the rules. " * 100
)


@contextmanager
def served(url: str | None) -> Iterator[str]:
    """A server with two workers on a registry of some size."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        command = [sys.executable, "-m", "slugline", "serve", "--port", "0", "--workers", "2", "--data", str(data)]
        environment = {**os.environ, **({"SLUGLINE_REGISTRY__URL": url} if url else {})}
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                base = _ready(data / "url")
                with httpx.Client(base_url=base, timeout=30) as api:
                    for number in range(PROMPTS):
                        content = {"messages": [{"role": "system", "content": TEXT}], "model": "m"}
                        body = {"slug": f"p{number}", "content": content}
                        api.post("/api/prompts", json=body).raise_for_status()
                        promotion = {"version": 1, "reason": "bench"}
                        api.post(f"/api/prompts/p{number}/channels/stable/promote", json=promotion).raise_for_status()
                yield base
            finally:
                process.terminate()
                process.wait(60)


def _ready(file: Path) -> str:
    for _ in range(600):
        if file.exists() and (base := file.read_text().strip()):
            try:
                if httpx.get(f"{base}/health/live").status_code == 200:
                    return base
            except httpx.TransportError:
                pass
        time.sleep(0.1)
    raise SystemExit("the server did not start")


async def load(base: str, method: str, path: str, body: bytes) -> list[float]:
    """Milliseconds of each request from when it was due to its last byte."""
    parts = urlsplit(base)
    due: asyncio.Queue[tuple[float, int] | None] = asyncio.Queue()
    times: list[float] = []

    async def ask() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        while (item := await due.get()) is not None:
            at, number = item
            target = path.replace("{slug}", f"p{number % PROMPTS}")
            head = f"{method} {target} HTTP/1.1\r\nhost: {parts.netloc}\r\ncontent-type: application/json\r\n"
            writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200"), answer
            lower = answer.lower()
            length = int(lower[lower.index(b"content-length:") + 15 :].split(b"\r\n", 1)[0])
            await reader.readexactly(length)
            times.append((time.perf_counter() - at) * 1000)
        writer.close()

    workers = [asyncio.create_task(ask()) for _ in range(CONNECTIONS)]
    begin = time.perf_counter()
    for number in range(RATE * SECONDS):
        at = begin + number / RATE
        if (pause := at - time.perf_counter()) > 0:
            await asyncio.sleep(pause)
        due.put_nowait((at, number))
    for _ in workers:
        due.put_nowait(None)
    await asyncio.gather(*workers)
    return times


async def writes(base: str) -> None:
    """A save and a promotion each second, until cancelled."""
    async with httpx.AsyncClient(base_url=base, timeout=30) as api:
        for number in range(10_000):
            content = {"messages": [{"role": "system", "content": f"{TEXT} {number}"}], "model": "m"}
            saved = await api.post("/api/prompts/p0/versions", json={"content": content})
            version = {"version": saved.raise_for_status().json()["version"], "reason": "bench"}
            (await api.post("/api/prompts/p0/channels/stable/promote", json=version)).raise_for_status()
            await asyncio.sleep(1)


async def measure(base: str, method: str, path: str, body: bytes, *, writing: bool) -> list[float]:
    writer = asyncio.create_task(writes(base)) if writing else None
    try:
        return await load(base, method, path, body)
    finally:
        if writer is not None:
            writer.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="the registry's URL; SQLite without one")
    given = parser.parse_args()
    variables = json.dumps({"variables": {"company": "Acme", "customer": "Ada"}}).encode()
    cases = [
        ("GET /api/prompts/{slug}", "GET", "/api/prompts/{slug}", b"", False),
        ("POST …/render", "POST", "/api/prompts/{slug}/render", variables, False),
        ("GET, a save and a promotion each second", "GET", "/api/prompts/{slug}", b"", True),
        ("POST …/render, the same", "POST", "/api/prompts/{slug}/render", variables, True),
    ]
    rows = []
    with served(given.url) as base:
        uvloop.run(load(base, "GET", "/api/prompts/{slug}", b""))  # every version loaded and compiled once
        for name, method, path, body, writing in cases:
            rounds = [uvloop.run(measure(base, method, path, body, writing=writing)) for _ in range(ROUNDS)]
            quantiles = [statistics.quantiles(times, n=1000) for times in rounds]
            figures = []
            for place in (499, 899, 989, 998):
                values = sorted(each[place] for each in quantiles)
                figures.append(f"{statistics.median(values):.2f} ({values[0]:.2f}-{values[-1]:.2f})")
            rows.append(f"| {name} | {' | '.join(figures)} |")
            print(rows[-1], flush=True)
    kind = "PostgreSQL" if given.url else "SQLite"
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    RESULTS.parent.mkdir(exist_ok=True)
    section = "\n".join(
        [
            f"## {kind}",
            "",
            f"`python -m bench.registry_reads{' --url …' if given.url else ''}` on {machine}; {RATE} requests a second for {SECONDS} s, "
            f"{ROUNDS} rounds, the load on the same cores; milliseconds, median of the rounds (lowest-highest).",
            "",
            "| | p50 | p90 | p99 | p99.9 |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )
    before = RESULTS.read_text("utf-8") if RESULTS.exists() else "# Reading prompts over HTTP\n"
    kept = [part for part in before.split("\n## ")[1:] if not part.startswith(kind)]
    title = "# Reading prompts over HTTP\n"
    RESULTS.write_text("\n".join([title, *(f"## {part.strip()}\n" for part in kept), section]), "utf-8")


if __name__ == "__main__":
    main()
