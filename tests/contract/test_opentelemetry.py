"""The official OpenTelemetry SDK as a client: its spans and the calls inside them are one tree."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tests.e2e.test_serve import slugline
from tests.plugins.server import Server


def until(ask: Callable[[], Any], holds: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + 30
    while not holds(found := ask()):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


def headers() -> dict[str, str]:
    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier


def test_an_agents_spans_and_its_calls_are_one_tree(server: Server) -> None:
    server.save("otel-agent", "Be kind.")
    results: list[SpanExportResult] = []
    exporter = OTLPSpanExporter(endpoint=f"{server.url}/v1/traces", compression=Compression.Gzip)
    export = exporter.export
    exporter.export = lambda spans: results.append(export(spans)) or results[-1]  # type: ignore[method-assign,func-returns-value]
    provider = TracerProvider(resource=Resource.create({"service.name": "travel"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("travel-agent", "1.0")
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none")
    with tracer.start_as_current_span("invoke_agent planner") as root:
        trace_id = format(root.get_span_context().trace_id, "032x")
        with tracer.start_as_current_span("execute_tool search") as tool:
            tool.set_attribute("gen_ai.tool.name", "search")
            tool.add_event("found", {"hits": 3})
        with tracer.start_as_current_span("answer"):
            answered = client.chat.completions.create(
                model="prompt/otel-agent@latest",
                messages=[{"role": "user", "content": "where to?"}],
                extra_headers=headers(),
            )
    client.close()
    provider.shutdown()
    assert answered.choices
    assert results == [SpanExportResult.SUCCESS] * 3

    def nodes() -> list[dict[str, Any]]:
        answer = server.api.get(f"/api/traces/{trace_id}")
        return answer.json()["nodes"] if answer.status_code == 200 else []

    found = until(nodes, lambda each: len(each) == 4)
    assert [(each["kind"], each["name"], each["depth"]) for each in found] == [
        ("span", "invoke_agent planner", 0),
        ("span", "execute_tool search", 1),
        ("span", "answer", 1),
        ("call", "chat.completions simulator-large", 2),
    ]
    assert found[0]["service"] == "travel"
    assert found[1]["attributes"]["gen_ai.tool.name"] == "search"
    call = found[3]["call"]
    assert (call["prompt"], call["version"], call["channel"]) == ("otel-agent", 1, "latest")
    done = slugline("trace", trace_id, "--data", str(server.data))
    assert done.returncode == 0, done.stderr
    assert [line[:6] for line in done.stdout.splitlines()] == ["invoke", "├─ exe", "└─ ans", "   └─ "]
    assert f"[otel-agent@1 latest]  {found[3]['duration_ms']:,.0f} ms" in done.stdout
    asked = slugline("trace", trace_id, "--server", server.url, "--json")
    assert json.loads(asked.stdout)["nodes"] == found
    wrong = slugline("trace", "f" * 32, "--data", str(server.data))
    assert (wrong.returncode, "nothing of trace" in wrong.stderr) == (1, True)


def test_a_span_that_is_sent_twice_shows_once(server: Server) -> None:
    trace_id = "a" * 32
    begin = time.time_ns()
    span = {"traceId": trace_id, "spanId": "b" * 16, "name": "twice", "startTimeUnixNano": str(begin)}
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [{**span, "endTimeUnixNano": str(begin + 1_500_000)}]}]}]}
    for _ in range(2):
        assert server.api.post("/v1/traces", json=body).json() == {}
    server.until(f"SELECT span_id FROM spans WHERE trace_id = '{trace_id}'", lambda rows: len(rows) >= 1)
    until(lambda: len(list(server.data.glob("spool/*/spans.*"))), lambda left: left == 0)
    found = server.api.get(f"/api/traces/{trace_id.upper()}").json()
    assert [(each["name"], each["duration_ms"]) for each in found["nodes"]] == [("twice", 1.5)]


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [(b"{", "application/json", 400, 3), (b"x", "text/plain", 415, 3), (b"\x0a\xff", "application/x-protobuf", 400, 3)],
)
def test_what_cant_be_read_is_refused_in_its_own_encoding(
    server: Server, content: bytes, kind: str, status: int, code: int
) -> None:
    answer = server.api.post("/v1/traces", content=content, headers={"content-type": kind})
    assert answer.status_code == status
    if kind == "application/json":
        assert answer.json()["code"] == code
    else:
        assert answer.headers["content-type"] == "application/x-protobuf"


def test_other_methods_and_bodies_that_are_too_large_are_refused(server: Server) -> None:
    answer = server.api.get("/v1/traces", headers={"content-type": "application/json"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    large = server.api.post("/v1/traces", content=b" " * (16 * 2**20 + 1), headers={"content-type": "application/json"})
    assert large.status_code == 413
    assert "16 MiB" in large.json()["message"]


def test_a_trace_that_is_none(server: Server) -> None:
    assert server.api.get(f"/api/traces/{'e' * 32}").status_code == 404
    assert server.api.get("/api/traces/xyz").status_code == 422


def test_metrics_count_the_calls_of_all_workers(server: Server) -> None:
    server.save("otel-metrics", "Be kind.")
    with httpx.Client(base_url=server.url) as one, httpx.Client(base_url=server.url) as other:
        for client in (one, other, one, other):
            body = {"model": "prompt/otel-metrics@latest", "messages": [], "stream": client is one}
            assert client.post("/v1/chat/completions", json=body).status_code == 200
    answer = server.api.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = [line for line in answer.text.splitlines() if 'gen_ai_prompt_name="otel-metrics"' in line]
    counted = {line.partition("{")[0]: float(line.rpartition(" ")[2]) for line in lines if "_bucket" not in line}
    assert counted["gen_ai_client_operation_duration_seconds_count"] == 4
    assert counted["gen_ai_client_operation_time_to_first_chunk_seconds_count"] == 2
    assert counted["slugline_calls_total"] == 4
    assert "slugline_keeper_up 1\n" in answer.text
    assert "slugline_engine_up 1\n" in answer.text
    assert "slugline_registry_stale 0\n" in answer.text
