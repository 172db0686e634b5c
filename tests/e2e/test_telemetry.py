"""Who may send spans, and who may see traces and metrics; settings that can't be used; traceparent on its way to the provider."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.test_serve import slugline
from tests.plugins.collector import Answer, attributes, http_collector
from tests.plugins.server import Server, run_server, simulator_settings
from tests.plugins.simulator import serve_simulator

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def spans(trace_id: str = TRACE, span_id: str = SPAN) -> dict[str, Any]:
    begin = 1_795_395_723_000_000_000
    span = {
        "traceId": trace_id,
        "spanId": span_id,
        "name": "agent",
        "startTimeUnixNano": str(begin),
        "endTimeUnixNano": str(begin + 5),
    }
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


@contextmanager
def listening() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A provider that keeps the headers it was asked with."""
    seen: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            seen.append({name.lower(): value for name, value in self.headers.items()})
            body = json.dumps(
                {"id": "x", "model": "m", "choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}
            ).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def key(server: Server, name: str, **terms: Any) -> dict[str, str]:
    body = {"name": name, **terms}
    made = server.api.post("/api/keys", json=body)
    assert made.status_code == 201, made.text
    return {"authorization": f"Bearer {made.json()['key']}"}


def test_keys_decide_who_sends_spans_and_who_sees_what(tmp_path: Path) -> None:
    with serve_simulator() as provider, run_server(tmp_path, simulator_settings(provider + "/v1"), workers=1) as server:
        server.save("seen", "Be kind.")
        server.save("hidden", "Be kind.")
        application = key(server, "app")
        viewer = key(server, "viewer", roles=["viewer"])
        bound = key(server, "bound", roles=["viewer"], prompts=["seen"])
        chat_only = key(server, "chat", endpoints=["chat.completions"])
        refused = server.api.post("/v1/traces", json=spans())
        assert refused.status_code == 401
        assert refused.json()["code"] == 16
        assert "asks for a Slugline key" in refused.json()["message"]
        for headers, status in [(viewer, 403), (chat_only, 403), (application, 200)]:
            assert server.api.post("/v1/traces", json=spans(), headers=headers).status_code == status
        [row] = server.until("SELECT caller FROM spans", lambda rows: rows)
        assert row == {"caller": "app"}
        both = "1" * 32
        for trace_id, slug in [(TRACE, "seen"), (both, "seen"), (both, "hidden")]:
            headers = {**application, "traceparent": f"00-{trace_id}-{SPAN}-01"}
            assert server.chat(model=f"prompt/{slug}@latest", messages=[], headers=headers).status_code == 200
        server.until("SELECT call_id FROM calls", lambda rows: len(rows) == 3)

        def asked(path: str, headers: dict[str, str]) -> httpx.Response:
            return server.api.get(path, headers=headers)

        assert [asked("/metrics", each).status_code for each in (viewer, application, bound, {})] == [
            200,
            403,
            403,
            200,
        ]
        assert [asked(f"/api/traces/{TRACE}", each).status_code for each in (viewer, application, bound)] == [
            200,
            403,
            200,
        ]
        other = asked(f"/api/traces/{both}", bound)
        assert (other.status_code, other.json()["error"]["code"]) == (403, "auth_prompt_not_allowed")
        assert "hidden" not in other.text
        assert asked(f"/api/traces/{both}", viewer).status_code == 200


def test_traceparent_goes_on_to_the_provider_with_the_call_as_parent(tmp_path: Path) -> None:
    with listening() as (provider, seen), http_collector() as collector:
        settings = f'[providers.mine]\nbase_url = "{provider}/v1"\n[telemetry]\nendpoint = "{collector.url}"\n'
        with run_server(tmp_path, settings, workers=1) as server:
            given = {"tracestate": "vendor=1", "baggage": "user.id=ann"}
            made = {}
            for flags in ("01", "00"):
                headers = {**given, "traceparent": f"00-{TRACE}-{SPAN}-{flags}"}
                answer = server.chat(model="mine/m", messages=[], headers=headers)
                made[flags] = server.row(answer.headers["x-slugline-call-id"])
            assert server.chat(model="mine/m", messages=[]).status_code == 200
            collector.until(lambda: len(collector.spans) == 2)
        first, second, third = seen
        assert first["traceparent"] == f"00-{TRACE}-{made['01']['span_id']}-01"
        assert second["traceparent"] == f"00-{TRACE}-{made['00']['span_id']}-00"
        assert (first["tracestate"], first["baggage"]) == ("vendor=1", "user.id=ann")
        assert "traceparent" not in third
        row = made["00"]
        assert (row["sampled"], row["trace_state"], row["user"], row["parent_span_id"]) == (
            False,
            "vendor=1",
            "ann",
            SPAN,
        )
        sent = {attributes(span.attributes)["slugline.call.id"]: span for span in collector.spans}
        assert str(row["call_id"]) not in sent, "the app does not sample this trace"
        span = sent[str(made["01"]["call_id"])]
        assert (span.trace_id.hex(), span.span_id.hex()) == (TRACE, made["01"]["span_id"])
        assert (span.parent_span_id.hex(), span.trace_state) == (SPAN, "vendor=1")
        assert collector.seen("metrics"), "once more at the end"


def test_a_collector_that_wants_a_key_is_seen_everywhere(tmp_path: Path, provider: str) -> None:
    with http_collector() as collector:
        collector.next["traces"] = [Answer(status=403)] * 1000
        settings = simulator_settings(provider + "/v1")
        settings += f'[telemetry]\nendpoint = "{collector.url}"\nsignals = ["traces"]\n'
        with run_server(tmp_path, settings, workers=1) as server:
            assert server.chat(model="simulator-large", messages=[{"role": "user", "content": "Hi"}]).status_code == 200
            words = "traces: the collector answered 403: told so (look at its key: telemetry.headers"
            deadline = time.monotonic() + 30
            while words not in (status := server.api.get("/health/ready").json()["status"]):
                assert time.monotonic() < deadline, status
                time.sleep(0.1)
            assert status.startswith("ready, but telemetry is not taken: ")
            metrics = server.api.get("/metrics").text
            assert ("slugline_export_held 1" in metrics, "slugline_export_waiting 1" in metrics) == (True, True)
            told = slugline("spool", "status", "--data", str(server.data))
            assert "traces wait: the collector answered 403: told so" in told.stdout


@pytest.mark.parametrize(
    ("settings", "environment", "said"),
    [
        ('[telemetry]\nendpoint = "collector:4318"\n', {}, "telemetry.endpoint: must begin with http:// or https://"),
        (
            '[telemetry]\nendpoint = "http://c"\nheaders = {k = "env:NOT_SET"}\n',
            {},
            "the variable NOT_SET, which is not set",
        ),
        ('[telemetry]\nendpoint = "http://c"\ncertificate = "/none.pem"\n', {}, "the file /none.pem does not exist"),
        (
            "",
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/xml"},
            "use http/protobuf, http/json or grpc",
        ),
    ],
)
def test_what_cant_be_used_keeps_the_server_from_starting(
    tmp_path: Path, settings: str, environment: dict[str, str], said: str
) -> None:
    (tmp_path / "slugline.toml").write_text(settings)
    done = slugline("serve", "--data", str(tmp_path / "data"), "--port", "0", cwd=tmp_path, **environment)
    assert done.returncode == 1
    assert said in done.stderr
