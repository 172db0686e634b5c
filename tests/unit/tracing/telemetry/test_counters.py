"""Counters over all workers, and what Prometheus reads of them."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

from tracing.event import CallEvent
from tracing.telemetry import layout, prometheus
from tracing.telemetry.counters import Counters, begin
from tracing.telemetry.metrics import call_metrics, gauge
from tracing.telemetry.totals import read_totals


def call(**more: Any) -> CallEvent:
    fields: dict[str, Any] = {
        "call_id": "018f0000-0000-7000-8000-000000000001",
        "ts": "",
        "outcome": "ok",
        "status": 200,
        "endpoint": "chat.completions",
        "provider": "openai",
        "model_requested": "gpt-5",
        "model_served": "gpt-5-2026",
        "prompt": "support",
        "version": 7,
        "duration_ms": 40.0,
        "input_tokens": 100,
        "output_tokens": 5,
        "cost": "0.000000015",
        **more,
    }
    return CallEvent(**fields)


def page(folder: Path) -> dict[str, float]:
    """The lines of the page, by their names with labels."""
    text = prometheus.text(call_metrics(read_totals(folder)))
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            assert name not in found
            found[name] = float(value)
    return found


def total(found: dict[str, float], name: str, **labels: str) -> float:
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(
        value
        for line, value in found.items()
        if line.partition("{")[0] == name and all(each in line for each in wanted)
    )


def test_workers_add_up(tmp_path: Path) -> None:
    one, other = Counters(tmp_path), Counters(tmp_path)
    one.call(call(), recorded=True)
    one.call(call(duration_ms=40.001, first_chunk_ms=3.0), recorded=True)
    other.call(call(), recorded=False)
    other.call(call(outcome="provider_error", error_code="provider_error", cost=None, input_tokens=None), recorded=True)
    other.call(call(outcome="refused", error_code="auth_key_missing", provider="", cost=None), recorded=True)
    one.began()
    other.began()
    other.ended()
    one.spans(3, 1)
    found = page(tmp_path)
    name = "gen_ai_client_operation_duration_seconds"
    assert total(found, f"{name}_count") == 4, "a refused call is no operation"
    assert total(found, f"{name}_sum") == pytest.approx(0.160001)
    assert total(found, f"{name}_bucket", le="0.04") == 3, "the bound itself belongs to its bucket"
    assert total(found, f"{name}_bucket", le="+Inf", error_type="provider_error") == 1
    assert total(found, "gen_ai_client_token_usage_sum", gen_ai_token_type="input") == 300
    assert total(found, "gen_ai_client_token_usage_sum", gen_ai_prompt_name="support", gen_ai_prompt_version="7") == 320
    assert total(found, "gen_ai_client_operation_time_to_first_chunk_seconds_sum") == pytest.approx(0.003)
    assert total(found, "slugline_calls_total", slugline_outcome="refused", error_type="auth_key_missing") == 1
    assert total(found, "slugline_calls_total") == 5
    assert found['slugline_cost_dollars_total{slugline_outcome="ok",gen_ai_provider_name="openai",'
                 'slugline_purpose="production",gen_ai_prompt_name="support",gen_ai_prompt_version="7"}'] == 45e-9  # fmt: skip
    assert total(found, "slugline_calls_unpriced_total") == 1
    assert (found["slugline_records_total"], found["slugline_records_lost_total"]) == (4, 1)
    assert (found["slugline_calls_in_flight"], found["slugline_workers"]) == (1, 2)
    assert (found["slugline_spans_total"], found["slugline_spans_refused_total"]) == (3, 1)
    one.close()
    other.close()


def test_a_worker_goes_on_where_one_that_died_stopped(tmp_path: Path) -> None:
    pid = os.fork()
    if pid == 0:
        dying = Counters(tmp_path)
        dying.call(call(), recorded=True)
        dying.began()
        os._exit(0)  # as a kill: nothing is closed
    os.waitpid(pid, 0)
    assert total(page(tmp_path), "slugline_calls_total") == 1
    assert page(tmp_path)["slugline_calls_in_flight"] == 0, "what it was at has ended with it"
    following = Counters(tmp_path)
    following.call(call(), recorded=True)
    assert [path.name for path in tmp_path.iterdir()] == ["worker-0"]
    assert total(page(tmp_path), "slugline_calls_total") == 2
    following.close()
    begin(tmp_path)
    assert read_totals(tmp_path).recorded == 0


def test_labels_that_callers_make_up_share_a_row_in_the_end(tmp_path: Path) -> None:
    counters = Counters(tmp_path)
    for number in range(layout.MAX_ROWS + 50):
        counters.call(call(model_requested=f"m-{number}" + "\u2028" * 300), recorded=True)
    found = read_totals(tmp_path)
    assert len(found.series) == layout.MAX_ROWS
    assert sum(each.duration.count for each in found.series.values()) == layout.MAX_ROWS + 50
    assert 'slugline_calls_total{otel_metric_overflow="true"} 51' in prometheus.text(call_metrics(found))
    counters.close()


def test_a_folder_that_cant_be_written_fails_no_call(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    counters = Counters(tmp_path / "file")
    counters.call(call(), recorded=True)
    counters.close()
    counters.call(call(), recorded=True)
    counters.ended()


def test_the_page_escapes_what_labels_hold() -> None:
    text = prometheus.text([gauge("slugline.x", "By", "a\nb", 1, **{"a.b": 'q"\\\n'})])
    assert (
        text == '# HELP slugline_x_bytes a\\nb\n# TYPE slugline_x_bytes gauge\nslugline_x_bytes{a_b="q\\"\\\\\\n"} 1\n'
    )
    assert re.fullmatch(r"[a-z_]+", "slugline_x_bytes")
