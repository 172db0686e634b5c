"""Where telemetry goes: OpenTelemetry's own variables, and the settings over them."""

from pathlib import Path
from typing import Any

import pytest

from tracing.telemetry.config import Export, Sampling, TelemetryMisconfigured, read_export
from tracing.telemetry.settings import TelemetrySettings


def read(environment: dict[str, str] | None = None, **settings: Any) -> Export | None:
    return read_export(
        TelemetrySettings(**settings),
        environment or {},
        version="1.0",
        instance="host",
        secret=lambda reference: reference[4:],
    )


def found(environment: dict[str, str] | None = None, **settings: Any) -> Export:
    export = read(environment, **settings)
    assert export is not None
    return export


ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/base/"}


def test_without_an_endpoint_nothing_goes_out() -> None:
    assert read() is None
    assert read({**ENDPOINT, "OTEL_SDK_DISABLED": "true"}) is None
    assert read({"OTEL_SDK_DISABLED": "True"}, endpoint="http://c:4318") is None
    assert read(ENDPOINT, signals=()) is None


def test_the_general_endpoint_gets_each_signals_path_and_its_own_does_not() -> None:
    targets = found({**ENDPOINT, "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://l:1/in"}).targets
    assert {signal: target.url for signal, target in targets.items()} == {
        "traces": "http://c:4318/base/v1/traces",
        "metrics": "http://c:4318/base/v1/metrics",
        "logs": "http://l:1/in",
    }
    only = found({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://t/x"}).targets
    assert {signal: target.url for signal, target in only.items()} == {"traces": "https://t/x"}
    assert set(found({**ENDPOINT, "OTEL_METRICS_EXPORTER": "none"}).targets) == {"traces", "logs"}


def test_settings_win_over_variables() -> None:
    environment = {
        **ENDPOINT,
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://other/",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
    }
    targets = found(environment, endpoint="http://mine", protocol="http/protobuf", logs_endpoint="http://l").targets
    assert (targets["traces"].url, targets["logs"].url) == ("http://mine/v1/traces", "http://l")


def test_a_signals_own_variables_win_over_the_general_ones() -> None:
    general = {
        "PROTOCOL": "grpc",
        "HEADERS": "api-key=a%2Cb, x=1",
        "TIMEOUT": "2500",
        "COMPRESSION": "gzip",
        "CERTIFICATE": "/ca.pem",
        "CLIENT_CERTIFICATE": "/c.pem",
        "CLIENT_KEY": "/k.pem",
    }
    environment = {f"OTEL_EXPORTER_OTLP_{name}": value for name, value in general.items()} | ENDPOINT
    environment |= {"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "y=2"}
    targets = found(environment, headers={"X-Own": "env:KEY"}).targets
    traces, logs = targets["traces"], targets["logs"]
    assert (traces.protocol, traces.gzip, traces.timeout_seconds) == ("grpc", True, 2.5)
    assert dict(traces.headers) == {"api-key": "a,b", "x": "1", "x-own": "KEY"}
    assert traces.url == "http://c:4318/base/", "gRPC has no paths"
    assert (traces.certificate, traces.client_certificate, traces.client_key) == (
        Path("/ca.pem"),
        Path("/c.pem"),
        Path("/k.pem"),
    )
    assert (logs.protocol, dict(logs.headers)) == ("http/protobuf", {"y": "2", "x-own": "KEY"})


def test_grpc_takes_host_and_port_alone() -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    assert found(environment).targets["traces"].url == "https://c:4317"
    assert found({**environment, "OTEL_EXPORTER_OTLP_INSECURE": "true"}).targets["traces"].url == "http://c:4317"


def test_the_resource() -> None:
    environment = {**ENDPOINT, "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=prod,service.name=a,k=%20x"}
    assert found(environment).resource == {
        "service.name": "a",
        "service.version": "1.0",
        "service.instance.id": "host",
        "deployment.environment": "prod",
        "k": " x",
    }
    assert found({**environment, "OTEL_SERVICE_NAME": "b"}).resource["service.name"] == "b"
    assert found({**environment, "OTEL_SERVICE_NAME": "b"}, service_name="c").resource["service.name"] == "c"
    assert found(environment, resource={"k": "mine"}).resource["k"] == "mine"


def test_other_variables() -> None:
    assert (found(ENDPOINT).metrics_seconds, found(ENDPOINT).bodies) == (60, False)
    assert found({**ENDPOINT, "OTEL_METRIC_EXPORT_INTERVAL": "5000"}).metrics_seconds == 5
    assert found({**ENDPOINT, "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true"}).bodies


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/xml"}, "use http/protobuf, http/json or grpc"),
        ({"OTEL_EXPORTER_OTLP_COMPRESSION": "br"}, "use gzip or none"),
        (
            {"OTEL_EXPORTER_OTLP_TIMEOUT": "soon"},
            "OTEL_EXPORTER_OTLP_TIMEOUT: a number of milliseconds is needed, not 'soon'",
        ),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "key"}, "a pair has no '='"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "c:4318"}, "must look like http://collector:4318, not 'c:4318"),
        ({"OTEL_TRACES_SAMPLER": "jaeger_remote"}, "is not known"),
        ({"OTEL_TRACES_SAMPLER_ARG": "2"}, "a ratio from 0 to 1"),
        ({"OTEL_METRIC_EXPORT_INTERVAL": "-1"}, "OTEL_METRIC_EXPORT_INTERVAL"),
    ],
)
def test_what_cant_be_used_is_said(environment: dict[str, str], said: str) -> None:
    with pytest.raises(TelemetryMisconfigured) as raised:
        read({**ENDPOINT, **environment})
    assert said in str(raised.value)


def test_headers_never_show_in_what_is_said() -> None:
    with pytest.raises(TelemetryMisconfigured) as raised:
        read({**ENDPOINT, "OTEL_EXPORTER_OTLP_HEADERS": "planted-secret"})
    assert "planted-secret" not in str(raised.value)


def test_sampling() -> None:
    usual = found(ENDPOINT).sampling
    assert usual == Sampling()
    assert usual.takes("f" * 32, has_parent=True, sampled=True)
    assert not usual.takes("f" * 32, has_parent=True, sampled=False)
    assert usual.takes("f" * 32, has_parent=False, sampled=True)
    half = found(
        {**ENDPOINT, "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"}
    ).sampling
    assert half.takes("f" * 32, has_parent=True, sampled=True)
    assert half.takes("f" * 16 + "7" + "f" * 15, has_parent=False, sampled=True)
    assert not half.takes("f" * 16 + "8" + "0" * 15, has_parent=False, sampled=True)
    never = found({**ENDPOINT, "OTEL_TRACES_SAMPLER": "always_off"}).sampling
    assert not never.takes("0" * 31 + "1", has_parent=True, sampled=True)
