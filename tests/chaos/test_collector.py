"""A collector that goes away, while the keeper is killed: every call and score arrives in the end."""

import contextlib
import os
import re
import signal
import time
from pathlib import Path
from urllib.parse import urlsplit

from tests.plugins.collector import Collector, attributes, http_collector
from tests.plugins.server import Server, run_server, simulator_settings
from tests.plugins.simulator import serve_simulator


def kill_keeper(server: Server) -> None:
    for pid in server.children("slugline.keeper"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def call(server: Server, count: int) -> list[str]:
    made = []
    for number in range(count):
        body = {"model": "prompt/watched@latest", "messages": [], "stream": number % 2 == 0}
        answer = server.api.post("/v1/chat/completions", json=body)
        assert answer.status_code == 200
        made.append(answer.headers["x-slugline-call-id"])
    return made


def arrived(collector: Collector) -> set[str]:
    return {attributes(span.attributes)["slugline.call.id"] for span in collector.spans}


def test_a_collector_that_is_away_and_a_keeper_that_is_killed_lose_nothing(tmp_path: Path) -> None:
    with serve_simulator() as provider, contextlib.ExitStack() as stack:
        collector = stack.enter_context(http_collector())
        port = urlsplit(collector.url).port or 0
        settings = simulator_settings(provider + "/v1") + f'[telemetry]\nendpoint = "{collector.url}"\n'
        with run_server(tmp_path, settings, workers=2) as server:
            server.save("watched", "Be kind.")
            calls = call(server, 20)
            collector.until(lambda: arrived(collector) == set(calls))
            stack.close()  # the collector goes away
            calls += call(server, 30)
            kill_keeper(server)
            calls += call(server, 30)
            scores = [{"call_id": each, "name": "helpful", "value": True} for each in calls]
            assert server.api.post("/api/scores", json=scores).status_code == 201
            collector.until(lambda: "traces wait to be sent: the collector can't be reached" in server.log.read_text())
            waiting = re.compile(r"^slugline_export_segments_waiting [1-9]", re.MULTILINE)
            collector.until(lambda: waiting.search(server.api.get("/metrics").text))
            with http_collector(collector, port=port):
                for _ in range(3):  # in the middle of catching up
                    kill_keeper(server)
                    calls += call(server, 5)
                    time.sleep(0.7)
                collector.until(lambda: arrived(collector) == set(calls))
                collector.until(
                    lambda: len({attributes(each.attributes)["slugline.score.id"] for each in collector.logs}) == 80
                )
                server.until("SELECT count() AS n FROM calls", lambda rows: rows[0]["n"] == len(calls))
                collector.until(lambda: not list(server.data.glob("spool/export/*.jsonl")))


def test_clickhouse_that_is_away_keeps_nothing_from_the_collector(tmp_path: Path) -> None:
    with serve_simulator() as provider, http_collector() as collector:
        settings = simulator_settings(provider + "/v1") + f'[telemetry]\nendpoint = "{collector.url}"\n'
        settings += '[clickhouse]\nurl = "http://127.0.0.1:9/slugline"\n'
        with run_server(tmp_path, settings, workers=1, wait_for_engine=False) as server:
            server.save("watched", "Be kind.")
            calls = call(server, 5)
            collector.until(lambda: arrived(collector) == set(calls))
            assert len(list(server.data.glob("spool/ready/*.jsonl"))) > 0
            server.process.kill()  # it would wait for ClickHouse before it ends
            server.process.wait()
