"""What the counts are called and what they mean: OpenTelemetry's GenAI client metrics, and the proxy's own health. Pure.

Names, units and buckets are those of the semantic conventions (https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/), beside
them the prompt and its version. Knows no format: `prometheus` and `encode` write them out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tracing.telemetry import names
from tracing.telemetry.layout import FIRST_CHUNK_SECONDS, SECONDS, TOKENS, Labels
from tracing.telemetry.totals import Histogram, Series, Totals

Value = int | float | Histogram
Attributes = Mapping[str, str]
_Key = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One value of a metric. A histogram's sum is `scale` times its counter."""

    attributes: Attributes
    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric under its OpenTelemetry name, with its unit in UCUM (`s`, `{token}`, `1`). Counters and histograms are cumulative.

    `bounds` are a histogram's upper bounds, `scale` what one unit of its sum is worth.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    help: str
    points: Sequence[Point]
    bounds: Sequence[float] = ()
    scale: float = 1.0


def gauge(name: str, unit: str, text: str, value: float, **attributes: str) -> Metric:
    """A metric of one value that goes up and down."""
    return Metric(name=name, kind="gauge", unit=unit, help=text, points=(Point(attributes=attributes, value=value),))


def counter(name: str, unit: str, text: str, value: float) -> Metric:
    """A metric of one value that only goes up."""
    return Metric(name=name, kind="counter", unit=unit, help=text, points=(Point(attributes={}, value=value),))


def call_metrics(totals: Totals) -> list[Metric]:
    """The metrics of the calls that all workers counted."""
    asked = {labels: series for labels, series in totals.series.items() if labels.provider or labels.overflow}
    tokens = [
        *_points(asked, lambda each: _genai(each) | {names.TOKEN_TYPE: "input"}, lambda series: series.input_tokens),
        *_points(asked, lambda each: _genai(each) | {names.TOKEN_TYPE: "output"}, lambda series: series.output_tokens),
    ]
    return [
        Metric(
            name=names.OPERATION_DURATION,
            kind="histogram",
            unit="s",
            help="How long calls to providers took, from their coming to their answer's end.",
            points=_points(asked, _genai, lambda series: series.duration),
            bounds=SECONDS,
            scale=1e-6,
        ),
        Metric(
            name=names.TIME_TO_FIRST_CHUNK,
            kind="histogram",
            unit="s",
            help="How long streams took from the call's coming to their first chunk.",
            points=_points(asked, _genai, lambda series: series.first_chunk),
            bounds=FIRST_CHUNK_SECONDS,
            scale=1e-6,
        ),
        Metric(
            name=names.TOKEN_USAGE,
            kind="histogram",
            unit="{token}",
            help="Tokens of calls, as providers counted them.",
            points=tokens,
            bounds=TOKENS,
        ),
        Metric(
            name="slugline.calls",
            kind="counter",
            unit="{call}",
            help="Calls by outcome, refused ones included.",
            points=_points(totals.series, _outcome, lambda series: series.duration.count),
        ),
        Metric(
            name="slugline.cost",
            kind="counter",
            unit="{dollar}",
            help="US dollars that calls cost, where a price is known.",
            points=_points(asked, _outcome, lambda series: series.cost / 1e9),
        ),
        Metric(
            name="slugline.calls.unpriced",
            kind="counter",
            unit="{call}",
            help="Calls whose cost is not known.",
            points=_points(asked, _outcome, lambda series: series.unpriced),
        ),
        gauge("slugline.calls.in_flight", "{call}", "Requests to /v1 that are under way.", totals.in_flight),
        gauge("slugline.workers", "{process}", "Worker processes that are up.", totals.workers),
        counter("slugline.records", "{record}", "Calls that went on record.", totals.recorded),
        counter("slugline.records.lost", "{record}", "Calls that could not be written to disk.", totals.lost),
        counter("slugline.spans", "{span}", "Spans that apps sent.", totals.spans),
        counter("slugline.spans.refused", "{span}", "Spans that no record could be made of.", totals.spans_refused),
    ]


def _points(
    counted: Mapping[Labels, Series], attributes: Callable[[Labels], dict[str, str]], value: Callable[[Series], Value]
) -> list[Point]:
    """Points by their attributes: series that differ in something else are added up; what counted nothing is left out."""
    found: dict[_Key, Value] = {}
    for labels, series in counted.items():
        key = tuple(attributes(labels).items())
        new = value(series)
        found[key] = _sum(found[key], new) if key in found else new
    return [Point(attributes=dict(key), value=value) for key, value in found.items() if _counted(value)]


def _sum(one: Value, other: Value) -> Value:
    if isinstance(one, Histogram):
        assert isinstance(other, Histogram)  # noqa: S101 - of one metric
        return one + other
    assert not isinstance(other, Histogram)  # noqa: S101
    return one + other


def _counted(value: Value) -> bool:
    return bool(value.count if isinstance(value, Histogram) else value)


def _genai(labels: Labels) -> dict[str, str]:
    if labels.overflow:
        return {names.OVERFLOW: "true"}
    return _present(
        (names.OPERATION, names.operation(labels.endpoint)),
        (names.PROVIDER, names.provider(labels.provider)),
        (names.REQUEST_MODEL, labels.model_requested),
        (names.RESPONSE_MODEL, labels.model_served),
        (names.ERROR_TYPE, names.error_type(labels.outcome, labels.error_code)),
        *_prompt(labels),
    )


def _outcome(labels: Labels) -> dict[str, str]:
    if labels.overflow:
        return {names.OVERFLOW: "true"}
    return _present(
        (names.OUTCOME, labels.outcome),
        (names.ERROR_TYPE, names.error_type(labels.outcome, labels.error_code)),
        (names.PROVIDER, names.provider(labels.provider)),
        (names.PURPOSE, labels.purpose),
        *_prompt(labels),
    )


def _prompt(labels: Labels) -> Iterable[tuple[str, str]]:
    return (
        (names.PROMPT_NAME, labels.prompt),
        (names.PROMPT_VERSION, str(labels.version) if labels.prompt else ""),
    )


def _present(*pairs: tuple[str, str]) -> dict[str, str]:
    return {name: value for name, value in pairs if value}
