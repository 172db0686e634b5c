"""The exporter against a collector that is not ours: over HTTP and gRPC, with failures of every kind."""

import asyncio
import contextlib
import os
import ssl
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from tests.plugins.collector import Answer, Collector, attributes, free_port, grpc_collector, http_collector
from tests.plugins.engine import Database
from tests.unit.tracing.telemetry.test_outgoing import call, score
from tracing.clickhouse import ClickHouse, Locate
from tracing.event import CallEvent, Event
from tracing.loader import Loader
from tracing.privacy.erasure import Keys
from tracing.privacy.leftovers import Place, forget
from tracing.privacy.listing import Person
from tracing.spool import Spool, SpoolFolders
from tracing.telemetry import backlog, exporter
from tracing.telemetry.about import About
from tracing.telemetry.backlog import Backlog, switch
from tracing.telemetry.config import Export, read_export
from tracing.telemetry.exporter import Exporter
from tracing.telemetry.metrics import gauge
from tracing.telemetry.senders import open_sender
from tracing.telemetry.settings import TelemetrySettings


def configured(collector: Collector, **settings: Any) -> Export:
    given = {"endpoint": collector.url, "metrics_seconds": 3600, **settings}
    found = read_export(
        TelemetrySettings(**given), {}, version="1", instance="here", secret=lambda reference: f"secret of {reference}"
    )
    assert found is not None
    return found


def numbered(*numbers: int, **more: Any) -> list[CallEvent]:
    return [
        call(call_id=f"018f0000-0000-7000-8000-{number:012d}", span_id=f"{number + 1:016x}", **more)
        for number in numbers
    ]


def fill(folder: Path, *events: Event) -> SpoolFolders:
    folders = SpoolFolders.at(folder)
    switch(folders, on=True)
    spool = Spool(folders, lambda error: None)
    for event in events:
        assert spool.append(event)
    spool.close()
    return folders


@contextlib.asynccontextmanager
async def exporting(folder: Path, export: Export, locate: Locate = lambda: None) -> AsyncIterator[Exporter]:
    """An exporter at work; it ends with the block."""
    stop = asyncio.Event()
    waiting = SpoolFolders.at(folder).export
    async with ClickHouse(locate) as clickhouse:
        found = Exporter(
            export=export,
            version="1",
            calls=Backlog(waiting, "calls"),
            scores=Backlog(waiting, "score_events"),
            senders={signal: open_sender(signal, target) for signal, target in export.targets.items()},
            about=About(clickhouse),
            measure=lambda: (1, [gauge("g", "1", "", 1)]),
        )
        running = asyncio.create_task(found.run(stop.is_set))
        try:
            yield found
        finally:
            stop.set()
            await asyncio.wait_for(running, 30)


async def until(holds: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def ids(collector: Collector) -> list[int]:
    return [int(span.span_id.hex(), 16) - 1 for span in collector.spans]


def left(folder: Path) -> list[Path]:
    return list(folder.glob("export/*.jsonl"))


@pytest.fixture(params=["http/protobuf", "http/json", "grpc"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def start(protocol: str) -> contextlib.AbstractContextManager[Collector]:
    return grpc_collector() if protocol == "grpc" else http_collector()


async def test_all_signals_arrive_with_headers_and_compression(tmp_path: Path, protocol: str) -> None:
    old = {"ts": "2020-01-01T00:00:00Z", "received_at": "2020-01-01T00:00:00Z"}  # nothing says that its call may be new
    fill(tmp_path, *numbered(*range(1000)), score(target=numbered(900)[0].call_id, **old))
    with start(protocol) as collector:
        headers = {"X-Team": "search", "authorization": "env:COLLECTOR_KEY"}
        export = configured(collector, protocol=protocol, compression="gzip", headers=headers)
        async with exporting(tmp_path, export) as running:
            await until(lambda: len(collector.logs) == 1 and not left(tmp_path))
            assert running.counts.sent == {"traces": 1000, "logs": 1}
        assert sorted(ids(collector)) == list(range(1000))
        assert len(collector.seen("traces")) == 2, "in batches"
        [log] = collector.logs
        assert int(log.span_id.hex(), 16) == 901
        [metrics] = collector.seen("metrics")  # the last export at the end
        assert metrics.resource_metrics[0].scope_metrics[0].metrics[0].name == "g"
        resource = attributes(collector.seen("traces")[0].resource_spans[0].resource.attributes)
        assert resource == {"service.name": "slugline", "service.version": "1", "service.instance.id": "here"}
        for _, sent, _ in collector.requests:
            assert (sent["x-team"], sent["authorization"]) == ("search", "secret of env:COLLECTOR_KEY")
            assert sent["user-agent"]


MAY_PASS = {
    "http/protobuf": [
        Answer(status=503, headers={"retry-after": "0"}),
        Answer(status=429, headers={"retry-after": "Mon, 23 Nov 2020 00:00:00 GMT"}),
        Answer(status=502),
    ],
    "grpc": [
        Answer(code=grpc.StatusCode.UNAVAILABLE),
        Answer(code=grpc.StatusCode.RESOURCE_EXHAUSTED, retry_delay=0.01),
    ],
}
FINAL = {"http/protobuf": Answer(status=400), "grpc": Answer(code=grpc.StatusCode.INVALID_ARGUMENT)}
TOO_LARGE = {"http/protobuf": Answer(status=413), "grpc": Answer(code=grpc.StatusCode.RESOURCE_EXHAUSTED)}
KEY_IS_WRONG = {"http/protobuf": Answer(status=401), "grpc": Answer(code=grpc.StatusCode.UNAUTHENTICATED)}
for _answers in (MAY_PASS, FINAL, TOO_LARGE, KEY_IS_WRONG):
    _answers["http/json"] = _answers["http/protobuf"]


async def test_what_may_pass_is_sent_again_and_nothing_twice(tmp_path: Path, protocol: str) -> None:
    fill(tmp_path, *numbered(1, 2, 3))
    with start(protocol) as collector:
        collector.next["traces"] = list(MAY_PASS[protocol])
        async with exporting(tmp_path, configured(collector, protocol=protocol)):
            await until(lambda: not left(tmp_path))
        assert (ids(collector), collector.next["traces"]) == ([1, 2, 3], [])


async def test_what_is_refused_for_what_is_in_it_is_dropped_and_the_next_goes_on(tmp_path: Path, protocol: str) -> None:
    fill(tmp_path, *numbered(1))
    time.sleep(0.002)
    fill(tmp_path, *numbered(2))
    with start(protocol) as collector:
        collector.next["traces"] = [FINAL[protocol]]
        async with exporting(tmp_path, configured(collector, protocol=protocol)) as running:
            await until(lambda: not left(tmp_path))
            assert (running.counts.refused, running.counts.sent) == (1, {"traces": 1})
        assert ids(collector) == [2]


async def test_what_is_too_large_goes_in_smaller_pieces(tmp_path: Path, protocol: str) -> None:
    fill(tmp_path, *numbered(1, 2, 3, 4, 5))
    with start(protocol) as collector:
        collector.next["traces"] = [TOO_LARGE[protocol]] * 2
        async with exporting(tmp_path, configured(collector, protocol=protocol)):
            await until(lambda: not left(tmp_path))
        assert ids(collector) == [1, 2, 3, 4, 5]
        assert len(collector.seen("traces")) == 3


async def test_a_wrong_key_loses_nothing(tmp_path: Path, protocol: str) -> None:
    fill(tmp_path, *numbered(1))
    with start(protocol) as collector:
        collector.next["traces"] = [KEY_IS_WRONG[protocol]] * 3
        export = configured(collector, protocol=protocol)
        async with exporting(tmp_path, export) as running:
            await until(lambda: "traces" in running.counts.waiting)
            assert running.counts.held == ["traces"]
            assert "told so (look at its key" in running.counts.waiting["traces"]
        assert (collector.spans, len(left(tmp_path))) == ([], 1)
        collector.next["traces"] = []
        async with exporting(tmp_path, export):  # after a restart with the right one
            await until(lambda: not left(tmp_path))
        assert ids(collector) == [1]


async def test_a_partial_success_is_final_and_counted(
    tmp_path: Path, protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path, *numbered(1, 2))
    partial = ExportTracePartialSuccess(rejected_spans=1, error_message="too old")
    with start(protocol) as collector:
        collector.next["traces"] = [Answer(response=ExportTraceServiceResponse(partial_success=partial))]
        async with exporting(tmp_path, configured(collector, protocol=protocol)) as running:
            await until(lambda: not left(tmp_path))
            assert (running.counts.refused, running.counts.sent) == (1, {"traces": 1})
        assert ids(collector) == [1, 2]
    assert "did not take 1 of 2 traces: too old" in caplog.text


async def test_a_collector_that_comes_back_gets_what_it_missed(tmp_path: Path, protocol: str) -> None:
    again = grpc_collector if protocol == "grpc" else http_collector
    with start(protocol) as collector:
        pass
    fill(tmp_path, *numbered(1))
    async with exporting(tmp_path, configured(collector, protocol=protocol)) as running:
        await until(lambda: "traces" in running.counts.waiting)
        fill(tmp_path, *numbered(2))
        with again(collector, port=int(collector.url.rpartition(":")[2])):
            await until(lambda: not left(tmp_path))
        assert running.counts.waiting == {}
    assert ids(collector) == [1, 2]


def start_tls(protocol: str, authority: trustme.CA) -> contextlib.AbstractContextManager[Collector]:
    """A collector that asks for a certificate, too."""
    theirs = authority.issue_cert("127.0.0.1")
    if protocol == "grpc":
        pair = (theirs.private_key_pem.bytes(), theirs.cert_chain_pems[0].bytes())
        return grpc_collector(tls=grpc.ssl_server_credentials([pair], authority.cert_pem.bytes(), True))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.configure_cert(tls)
    authority.configure_trust(tls)
    tls.verify_mode = ssl.CERT_REQUIRED
    return http_collector(tls=tls)


async def test_tls_with_a_certificate_on_both_sides(tmp_path: Path, protocol: str) -> None:
    authority = trustme.CA()
    mine = authority.issue_cert("slugline")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    mine.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    mine.private_key_pem.write_to_path(tmp_path / "key.pem")
    fill(tmp_path, *numbered(1))
    with start_tls(protocol, authority) as collector:
        trusted = {"protocol": protocol, "certificate": tmp_path / "ca.pem"}
        nobodys = configured(collector, protocol=protocol, certificate=_another(tmp_path / "other.pem"))
        async with exporting(tmp_path, nobodys) as running:
            await until(lambda: "traces" in running.counts.waiting)
        without = configured(collector, **trusted)
        async with exporting(tmp_path, without) as running:
            await until(lambda: "traces" in running.counts.waiting)
        assert collector.spans == []
        both = {"client_certificate": tmp_path / "cert.pem", "client_key": tmp_path / "key.pem"}
        async with exporting(tmp_path, configured(collector, **trusted, **both)):
            await until(lambda: not left(tmp_path))
        assert ids(collector) == [1]


def _another(path: Path) -> Path:
    trustme.CA().cert_pem.write_to_path(path)
    return path


async def test_what_is_erased_while_it_waits_is_not_sent(tmp_path: Path, protocol: str) -> None:
    fill(tmp_path, *numbered(1, user="ada"), *numbered(2, user="bob"))
    with start(protocol) as collector:
        again = Answer(status=503, code=grpc.StatusCode.UNAVAILABLE)
        collector.next["traces"] = [again] * 100
        async with exporting(tmp_path, configured(collector, protocol=protocol)) as running:
            await until(lambda: "traces" in running.counts.waiting)
            place = Place(name="export", files=left(tmp_path))
            assert forget([place], Person(users=("ada",)), Keys(), dry_run=False) == {"export": 1}
            collector.next["traces"] = []
            await until(lambda: not left(tmp_path))
            assert (running.counts.unreadable, running.counts.sent) == (0, {"traces": 1})
        assert ids(collector) == [2]


async def test_calls_of_traces_that_are_not_sampled_stay_here(tmp_path: Path) -> None:
    fill(tmp_path, *numbered(1, sampled=False), *numbered(2), *numbered(3, sampled=False, parent_span_id=""))
    with http_collector() as collector:
        async with exporting(tmp_path, configured(collector)):
            await until(lambda: not left(tmp_path))
        assert ids(collector) == [2, 3], "only a parent's decision counts"


async def test_a_score_finds_its_call_in_clickhouse(clickhouse: Database, tmp_path: Path) -> None:
    [known] = numbered(5, external_id="ticket-9")
    async with ClickHouse(clickhouse.target) as there:
        await Loader(fill(tmp_path / "loaded", known), there).load_ready()
    targets = [("call", known.call_id), ("trace", known.trace_id), ("external", "ticket-9")]
    fill(tmp_path, *(score(score_id=kind, target_kind=kind, target=target) for kind, target in targets))
    with http_collector() as collector:
        async with exporting(tmp_path, configured(collector), clickhouse.target):
            await until(lambda: not left(tmp_path))
        assert [int(log.span_id.hex(), 16) for log in collector.logs] == [6, 6, 6]
        assert {attributes(log.attributes)["gen_ai.prompt.version"] for log in collector.logs} == {"7"}


async def test_a_score_of_a_call_that_never_comes_goes_out_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "UNKNOWN_SECONDS", 0)
    fill(tmp_path, score(target="018f0000-0000-7000-8000-00000000ffff"))
    with http_collector() as collector:
        async with exporting(tmp_path, configured(collector)):
            await until(lambda: not left(tmp_path))
        assert [log.span_id for log in collector.logs] == [b""]


async def test_lines_that_cant_be_read_keep_nothing_back(tmp_path: Path) -> None:
    folders = fill(tmp_path, *numbered(1, 2))
    [segment] = left(tmp_path)
    first, second = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(first + b'{"call_id": 5}\n\xff\n' + second)
    with http_collector() as collector:
        async with exporting(tmp_path, configured(collector)) as running:
            await until(lambda: not left(tmp_path))
            assert running.counts.unreadable == 2
        assert ids(collector) == [1, 2]
    assert len(list(folders.ready.iterdir())) == 1, "the loader's own copy is there"


async def test_the_cursor_goes_on_in_the_middle_of_a_segment(tmp_path: Path) -> None:
    fill(tmp_path, *numbered(*range(100)))
    waiting = Backlog(SpoolFolders.at(tmp_path).export, "calls")
    first = waiting.read(30, 1_000_000)
    assert first is not None
    waiting.done(first)
    with http_collector() as collector:
        async with exporting(tmp_path, configured(collector)):
            await until(lambda: not left(tmp_path))
        assert ids(collector) == list(range(30, 100))


def test_nothing_is_kept_while_nothing_goes_out(tmp_path: Path) -> None:
    folders = fill(tmp_path, *numbered(1))
    switch(folders, on=False)
    spool = Spool(folders, lambda error: None)
    spool.append(numbered(2)[0])
    spool.close()
    assert (len(left(tmp_path)), len(list(folders.ready.iterdir()))) == (1, 2)


def test_a_segment_takes_room_once_and_its_twin_may_be_there_already(tmp_path: Path) -> None:
    folders = fill(tmp_path, *numbered(1))
    [twin] = left(tmp_path)
    assert twin.stat().st_nlink == 2
    [ready] = folders.ready.iterdir()
    ready.rename(folders.open / ready.name)  # as a kill between the two names leaves it
    folders.seal(folders.open / ready.name)
    assert ready.exists()
    assert left(tmp_path) == [twin]


def test_a_filesystem_without_links_gets_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    folders = fill(tmp_path, *numbered(1))
    [ready] = folders.ready.iterdir()
    assert [path.read_bytes() for path in left(tmp_path)] == [ready.read_bytes()]


def test_what_is_too_much_is_given_up_oldest_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        fill(tmp_path, *numbered(number))
        time.sleep(0.002)
    waiting = Backlog(tmp_path / "export", "calls")
    size = waiting.waiting().bytes // 4
    assert waiting.give_up(size * 4) == 0
    assert waiting.give_up(size * 3) == 1
    monkeypatch.setattr(backlog, "MIN_FREE_BYTES", 2**62)
    assert waiting.give_up(size * 4) == 2, "a disk that is nearly full; the newest stays"
    batch = waiting.read(10, 10**6)
    assert batch is not None
    assert b"000000000003" in batch.lines[0]


async def test_a_collector_that_is_nowhere_is_waited_for(tmp_path: Path) -> None:
    fill(tmp_path, *numbered(1))
    export = configured(Collector(f"http://127.0.0.1:{free_port()}"), protocol="grpc", timeout_seconds=0.5)
    async with exporting(tmp_path, export) as running:
        await until(lambda: "traces" in running.counts.waiting)
        assert "UNAVAILABLE" in running.counts.waiting["traces"]
    assert len(left(tmp_path)) == 1
