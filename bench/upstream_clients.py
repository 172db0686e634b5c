"""The request path's HTTP client against the libraries it could have been: `python -m bench.upstream_clients`.

A bare ASGI proxy (uvicorn, uvloop, httptools) that does nothing but pass a request on with the client under test is pinned to
one core; the upstream and the load generator (wrk) to the other. Each client gets the same load in turn, several rounds
interleaved; the median is given, with the spread and the proxy's own CPU time per request. Needs wrk (Debian: apt-get install wrk)
and, for those rows, `pip install aiohttp pyreqwest`. Prints a table and writes bench/results/upstream-clients.md.
"""

import argparse
import importlib.metadata
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

CLIENTS = ("slugline", "pyreqwest", "aiohttp", "httpx")
RESULTS = Path(__file__).parent / "results" / "upstream-clients.md"
CONNECTIONS = 32
BODY = '{"model":"m","messages":[{"role":"user","content":"' + "y" * 1400 + '"}]}'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("wrk is missing: apt-get install wrk")
    clients = [name for name in CLIENTS if name == "slugline" or _version(name)]
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "post.lua"
        script.write_text(f"wrk.method='POST'; wrk.headers['content-type']='application/json'; wrk.body=[[{BODY}]]")
        upstream = _start("upstream", 9600, core=1)
        proxies = {name: _start(name, 9601 + place, core=0) for place, name in enumerate(clients)}
        try:
            rows = _measure(proxies, script, given.seconds, given.rounds)
        finally:
            for process in (upstream, *proxies.values()):
                process.kill()
                process.wait()
    text = _report(rows, given.seconds, given.rounds)
    print(text)
    RESULTS.write_text(text)


def _start(name: str, port: int, core: int) -> subprocess.Popen[bytes]:
    command = ["taskset", "-c", str(core), sys.executable, "-m", "bench.upstream_apps", name, str(port)]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[1])
    process.port = port  # type: ignore[attr-defined]
    for _ in range(200):
        try:
            httpx.post(
                f"http://127.0.0.1:{port}/" + ("v1/answer" if name == "upstream" else "answer"), content="{}", timeout=5
            )
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return process
    raise RuntimeError(f"{name} did not start")


def _measure(
    proxies: dict[str, subprocess.Popen[bytes]], script: Path, seconds: int, rounds: int
) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """(client, kind) → (requests a second, CPU milliseconds a request) of each round."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for _ in range(rounds):
        for kind, connections in (("answer", CONNECTIONS), ("stream", 8)):
            for name, process in proxies.items():
                before = _cpu_seconds(process.pid)
                command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}", "-s", str(script)]
                url = f"http://127.0.0.1:{process.port}/{kind}"  # type: ignore[attr-defined]
                output = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
                assert "Non-2xx" not in output, output
                count = int(re.search(r"(\d+) requests in", output)[1])  # type: ignore[index]
                rate = float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])  # type: ignore[index]
                found.setdefault((name, kind), []).append((rate, (_cpu_seconds(process.pid) - before) * 1000 / count))
    return found


def _report(rows: dict[tuple[str, str], list[tuple[float, float]]], seconds: int, rounds: int) -> str:
    lines = [
        "# HTTP clients for the request path",
        "",
        f"`python -m bench.upstream_clients --seconds {seconds} --rounds {rounds}` on {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, uvicorn {_version('uvicorn')}; proxy on one core, upstream and wrk on the other. "
        "Medians of the rounds, lowest and highest in brackets. A stream is 54 events.",
        "",
        "| client | requests/s, 32 connections | CPU ms a request | streams/s, 8 connections | CPU ms a stream |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name in dict.fromkeys(name for name, _ in rows):
        label = "own (proxy/upstream.py)" if name == "slugline" else f"{name} {_version(name)}"
        cells = []
        for kind in ("answer", "stream"):
            for column, digits in ((0, 0), (1, 3)):
                values = [row[column] for row in rows[name, kind]]
                cells.append(
                    f"{statistics.median(values):,.{digits}f} [{min(values):,.{digits}f}, {max(values):,.{digits}f}]"
                )
        lines.append(f"| {label} | {' | '.join(cells)} |")
    lines += [
        "",
        "Cancelling a call whose answer has not begun ends the provider's call with every client but pyreqwest 0.15, whose request goes "
        "on in its own thread until it times out.",
        "",
    ]
    return "\n".join(lines)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


if __name__ == "__main__":
    main()
