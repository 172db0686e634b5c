"""What telemetry costs: a call's counters, a read of /metrics, a span out, a span in. CPU time, so that neighbours don't count much.

python -m bench.telemetry
"""

import asyncio
import gzip
import json
import os
import random
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.plugins.collector import http_collector
from tests.unit.tracing.telemetry.test_outgoing import call
from tracing.clickhouse import ClickHouse
from tracing.event import encode
from tracing.spool import Spool, SpoolFolders
from tracing.telemetry.about import About
from tracing.telemetry.backlog import Backlog, switch
from tracing.telemetry.config import Export, read_export
from tracing.telemetry.counters import Counters
from tracing.telemetry.encode import span_of, spans_request
from tracing.telemetry.exporter import Exporter
from tracing.telemetry.incoming import read_spans
from tracing.telemetry.metrics import call_metrics
from tracing.telemetry.prometheus import text
from tracing.telemetry.senders import open_sender
from tracing.telemetry.settings import TelemetrySettings
from tracing.telemetry.totals import read_totals
from tracing.telemetry.wire import JSON, PROTOBUF, decompressed, read_request


def best(work: Callable[[], Any], count: int, rounds: int = 7) -> tuple[float, float]:
    """CPU microseconds a piece of work that does `count` of them: the least and the median of some rounds."""
    times = []
    for _ in range(rounds):
        begin = time.process_time()
        work()
        times.append((time.process_time() - begin) / count * 1e6)
    return min(times), sorted(times)[rounds // 2]


def counters(folder: Path) -> None:
    owned = Counters(folder)
    choose = random.Random(1)
    events = [
        call(
            model_requested=f"m-{choose.randrange(5)}",
            prompt=f"p-{choose.randrange(20)}",
            duration_ms=choose.uniform(1, 9000),
        )
        for _ in range(1000)
    ]

    def count() -> None:
        for _ in range(50):
            for event in events:
                owned.call(event, recorded=True)
                owned.began()
                owned.ended()

    least, median = best(count, 50_000)
    print(f"a call's counters: {least:.2f} µs (median {median:.2f})")
    for number in range(1000):
        owned.call(call(model_requested=f"x-{number}"), recorded=True)
    others = [Counters(folder) for _ in range(3)]
    for other in others:
        for number in range(1000):
            other.call(call(model_requested=f"x-{number}"), recorded=True)
    least, median = best(lambda: text(call_metrics(read_totals(folder))), 1000)
    print(f"/metrics of 4 workers with 1,000 series each: {least:.1f} ms (median {median:.1f})")


def export_to(url: str, **more: Any) -> Export:
    found = read_export(TelemetrySettings(endpoint=url, **more), {}, version="1", instance="here", secret=str)
    assert found is not None
    return found


def spans_out() -> None:
    plain, full = (
        export_to("http://x"),
        export_to("http://x", bodies=True, also=frozenset({"langfuse", "openinference"})),
    )
    body = json.dumps({"messages": [{"role": "user", "content": "x" * 1700}]})
    events = [call(request=body) for _ in range(512)]
    for name, export in (("names only", plain), ("with bodies of 2 KB, Langfuse's and OpenInference's names", full)):
        least, median = best(
            lambda export=export: spans_request(
                [span_of(event, export) for event in events], export, "1"
            ).SerializeToString(),  # type: ignore[misc]
            512,
        )
        print(f"a span made and packed, {name}: {least:.0f} µs (median {median:.0f})")


def sending(folder: Path, count: int) -> None:
    folders = SpoolFolders.at(folder)
    switch(folders, on=True)
    spool = Spool(folders, lambda error: None)
    for number in range(count):
        spool.append(call(call_id=f"018f0000-0000-7000-8000-{number:012d}", request="x" * 1700))
    spool.close()
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:  # the collector's own work is not ours
        with http_collector() as collector:
            os.write(writer, collector.url.encode())
            time.sleep(120)
        os._exit(0)
    export = export_to(os.read(reader, 200).decode(), signals=("traces",))
    waiting = Backlog(folders.export, "calls")
    begin, cpu = time.monotonic(), time.process_time()
    asyncio.run(drained(export, waiting, Backlog(folders.export, "score_events")))
    took, used = time.monotonic() - begin, time.process_time() - cpu
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    print(f"{count:,} calls of 2 KB sent over HTTP: {count / took:,.0f}/s, {used / count * 1e6:.0f} µs of CPU a call")


async def drained(export: Export, calls: Backlog, scores: Backlog) -> None:
    async with ClickHouse(lambda: None) as clickhouse:
        exporter = Exporter(
            export=export,
            version="1",
            calls=calls,
            scores=scores,
            senders={"traces": open_sender("traces", export.targets["traces"])},
            about=About(clickhouse),
            measure=lambda: (0, []),
        )
        await exporter.run(lambda: calls.waiting().segments == 0)


def spans_in() -> None:
    export = export_to("http://x")
    request = spans_request([span_of(call(), export) for _ in range(512)], export, "1")
    packed = gzip.compress(request.SerializeToString())
    from google.protobuf import json_format

    as_json = json.loads(json_format.MessageToJson(request))
    for group in as_json["resourceSpans"]:
        for scoped in group["scopeSpans"]:
            for span in scoped["spans"]:
                span.update(traceId="0a" * 16, spanId="0b" * 8, parentSpanId="0c" * 8)
    plain = json.dumps(as_json).encode()
    now = datetime.now(UTC)

    def take(read: Callable[[], ExportTraceServiceRequest]) -> int:
        return sum(len(encode(event)) for event in read_spans(read(), caller="", at=now).events)

    for name, read in (
        ("protobuf, gzip", lambda: read_request(decompressed(packed, "gzip"), PROTOBUF)),
        ("JSON", lambda: read_request(plain, JSON)),
    ):
        least, median = best(lambda read=read: take(read), 512)  # type: ignore[misc]
        print(f"a span of 30 attributes taken in, {name}: {least:.0f} µs (median {median:.0f})")


def main() -> None:
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        counters(Path(folder) / "counters")
        spans_out()
        spans_in()
        sending(Path(folder) / "spool", 20_000)


if __name__ == "__main__":
    main()
