"""Metrics as Prometheus reads them. Pure.

The text format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/); names follow OpenTelemetry's rules for Prometheus
(https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/): dots become underscores, units become suffixes.
"""

import re
from collections.abc import Iterable, Mapping

from tracing.telemetry.metrics import Metric
from tracing.telemetry.totals import Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_UNITS = {"s": "_seconds", "By": "_bytes", "{dollar}": "_dollars"}


def text(metrics: Iterable[Metric]) -> str:
    """All metrics; one without a value is told with its type all the same, so that it is found in the page."""
    lines: list[str] = []
    for metric in metrics:
        name = metric_name(metric)
        lines += [f"# HELP {name} {_escaped(metric.help, quotes=False)}", f"# TYPE {name} {metric.kind}"]
        for point in metric.points:
            if isinstance(point.value, Histogram):
                lines += _histogram(name, metric, point.attributes, point.value)
            else:
                lines.append(f"{name}{_labels(point.attributes)} {_number(point.value)}")
    return "\n".join(lines) + "\n"


def metric_name(metric: Metric) -> str:
    """A metric's name in Prometheus, such as gen_ai_client_operation_duration_seconds."""
    total = "_total" if metric.kind == "counter" else ""
    return re.sub(r"[^a-zA-Z0-9_:]", "_", metric.name) + _UNITS.get(metric.unit, "") + total


def _histogram(name: str, metric: Metric, attributes: Mapping[str, str], value: Histogram) -> Iterable[str]:
    labels = _labels(attributes)
    open_labels = f"{name}_bucket{labels[:-1]}," if labels else f"{name}_bucket{{"
    below = 0
    for bound, count in zip([*metric.bounds, None], value.buckets, strict=True):
        below += count
        le = "+Inf" if bound is None else f"{bound:.12g}"
        yield f'{open_labels}le="{le}"}} {below}'
    yield f"{name}_sum{labels} {_number(value.sum * metric.scale)}"
    yield f"{name}_count{labels} {value.count}"


def _labels(attributes: Mapping[str, str]) -> str:
    if not attributes:
        return ""
    told = (f'{name.replace(".", "_")}="{_escaped(value)}"' for name, value in attributes.items())
    return "{" + ",".join(told) + "}"


def _escaped(value: str, *, quotes: bool = True) -> str:
    escaped = value.replace("\\", "\\\\").replace("\n", "\\n")
    return escaped.replace('"', '\\"') if quotes else escaped


def _number(value: float) -> str:
    return repr(value) if isinstance(value, int) else f"{value:.12g}"
