"""Where telemetry goes, from the settings and OpenTelemetry's own variables. Pure.

The variables and their defaults: https://opentelemetry.io/docs/specs/otel/protocol/exporter/ and
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/. A signal's own variable wins over the general one, a
setting over both. Only OTEL_SDK_DISABLED and OTEL_…_EXPORTER=none win over settings.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import unquote, urlsplit

from tracing.telemetry import names
from tracing.telemetry.settings import SIGNALS, Protocol, Signal, TelemetrySettings

Sampler = Literal["always_on", "always_off", "traceidratio"]

_PREFIX = "OTEL_EXPORTER_OTLP_"
_TIMEOUT_MS = 10_000.0
_METRICS_MS = 60_000.0


class TelemetryMisconfigured(ValueError):
    """A setting or variable that can't be used, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where one signal goes: `url` is whole for HTTP, `http[s]://host:port` for gRPC. Header names are in lower case."""

    url: str
    protocol: Protocol
    headers: tuple[tuple[str, str], ...]
    certificate: Path | None
    client_certificate: Path | None
    client_key: Path | None
    gzip: bool
    timeout_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Which calls' spans go out. `by_parent`: the app's own decision counts where it made one."""

    by_parent: bool = True
    root: Sampler = "always_on"
    ratio: float = 1.0

    def takes(self, trace_id: str, *, has_parent: bool, sampled: bool) -> bool:
        """Whether a call's span goes out. A ratio decides by the trace's id, the same everywhere."""
        if self.by_parent and has_parent:
            return sampled
        if self.root == "traceidratio":
            return int(trace_id[-16:] or "0", 16) < self.ratio * 2**64
        return self.root == "always_on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What goes out, and where to. Without a target for a signal, it doesn't."""

    targets: Mapping[Signal, Target]
    resource: Mapping[str, str]
    sampling: Sampling
    bodies: bool
    variables: bool
    also: frozenset[str]
    metrics_seconds: float
    max_bytes: int


def read_export(
    settings: TelemetrySettings,
    environment: Mapping[str, str],
    *,
    version: str,
    instance: str,
    secret: Callable[[str], str],
) -> Export | None:
    """What goes out; None where nothing does. `secret` gives what `env:NAME` or `file:PATH` leads to, `instance` tells servers apart.

    Raises TelemetryMisconfigured.
    """
    if _true(environment.get("OTEL_SDK_DISABLED", "")):
        return None
    targets: dict[Signal, Target] = {}
    for signal in SIGNALS:
        wanted = environment.get(f"OTEL_{signal.upper()}_EXPORTER", "otlp").strip().lower()
        if signal in settings.signals and wanted != "none":
            target = _target(signal, settings, environment, secret)
            if target is not None:
                targets[signal] = target
    if not targets:
        return None
    return Export(
        targets=targets,
        resource=_resource(settings, environment, version, instance),
        sampling=_sampling(environment),
        bodies=settings.bodies or _true(environment.get("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "")),
        variables=settings.variables,
        also=frozenset(settings.also),
        metrics_seconds=settings.metrics_seconds
        or _milliseconds(environment, "OTEL_METRIC_EXPORT_INTERVAL", _METRICS_MS),
        max_bytes=settings.max_bytes,
    )


def _target(
    signal: Signal, settings: TelemetrySettings, environment: Mapping[str, str], secret: Callable[[str], str]
) -> Target | None:
    def variable(name: str) -> str:
        own = environment.get(f"{_PREFIX}{signal.upper()}_{name}", "").strip()
        return own or environment.get(_PREFIX + name, "").strip()

    own_url: str = getattr(settings, f"{signal}_endpoint")
    own_url = own_url or (
        "" if settings.endpoint else environment.get(f"{_PREFIX}{signal.upper()}_ENDPOINT", "").strip()
    )
    general = settings.endpoint or environment.get(f"{_PREFIX}ENDPOINT", "").strip()
    if not (own_url or general):
        return None
    protocol = settings.protocol or variable("PROTOCOL") or "http/protobuf"
    if protocol not in get_args(Protocol):
        raise TelemetryMisconfigured(
            f"{_PREFIX}PROTOCOL: {protocol!r} is not spoken, use http/protobuf, http/json or grpc"
        )
    compression = settings.compression or variable("COMPRESSION").lower() or "none"
    if compression not in {"gzip", "none"}:
        raise TelemetryMisconfigured(f"{_PREFIX}COMPRESSION: {compression!r} is not known, use gzip or none")
    insecure = _true(variable("INSECURE"))
    return Target(
        url=_url(signal, own_url, general, protocol, insecure=insecure),
        protocol=protocol,  # type: ignore[arg-type]  # checked above
        headers=_headers(variable("HEADERS"), settings.headers, secret),
        certificate=_path(settings.certificate, variable("CERTIFICATE")),
        client_certificate=_path(settings.client_certificate, variable("CLIENT_CERTIFICATE")),
        client_key=_path(settings.client_key, variable("CLIENT_KEY")),
        gzip=compression == "gzip",
        timeout_seconds=settings.timeout_seconds
        or _milliseconds({"": variable("TIMEOUT")}, "", _TIMEOUT_MS, called=f"{_PREFIX}TIMEOUT"),
    )


def _url(signal: Signal, own: str, general: str, protocol: str, *, insecure: bool) -> str:
    """The signal's own URL as it is; for HTTP the general one with the signal's path behind it."""
    url = own or general
    if protocol == "grpc":
        if "://" not in url:  # host:port, as gRPC has it
            url = f"{'http' if insecure else 'https'}://{url}"
    elif not own:
        url = f"{general.rstrip('/')}/v1/{signal}"
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise TelemetryMisconfigured(f"the OTLP endpoint must look like http://collector:4318, not {url!r}")
    return url


def _headers(text: str, given: Mapping[str, str], secret: Callable[[str], str]) -> tuple[tuple[str, str], ...]:
    """`name=value` pairs, percent-encoded, as OTEL_EXPORTER_OTLP_HEADERS has them; the settings' own win."""
    found: dict[str, str] = {}
    for pair in text.split(","):
        name, equals, value = pair.partition("=")
        if equals and name.strip():
            found[unquote(name.strip()).lower()] = unquote(value.strip())
        elif pair.strip():
            raise TelemetryMisconfigured(f"{_PREFIX}HEADERS: a pair has no '=': write name=value,other=value")
    for name, value in given.items():
        found[name.lower()] = secret(value) if value.startswith(("env:", "file:")) else value
    return tuple(found.items())


def _resource(
    settings: TelemetrySettings, environment: Mapping[str, str], version: str, instance: str
) -> dict[str, str]:
    found = {names.SERVICE_NAME: "slugline", names.SERVICE_VERSION: version, names.SERVICE_INSTANCE: instance}
    for pair in environment.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        name, equals, value = pair.partition("=")
        if equals and name.strip():
            found[unquote(name.strip())] = unquote(value.strip())
    found |= settings.resource
    name = settings.service_name or environment.get("OTEL_SERVICE_NAME", "").strip()
    return found | ({names.SERVICE_NAME: name} if name else {})


def _sampling(environment: Mapping[str, str]) -> Sampling:
    name = environment.get("OTEL_TRACES_SAMPLER", "").strip().lower() or "parentbased_always_on"
    by_parent = name.startswith("parentbased_")
    root = name.removeprefix("parentbased_")
    if root not in get_args(Sampler):
        raise TelemetryMisconfigured(
            f"OTEL_TRACES_SAMPLER: {name!r} is not known, use always_on, always_off or traceidratio, or parentbased_ and one of them"
        )
    text = environment.get("OTEL_TRACES_SAMPLER_ARG", "").strip() or "1"
    try:
        ratio = float(text)
    except ValueError:
        ratio = -1.0
    if not 0 <= ratio <= 1:
        raise TelemetryMisconfigured(f"OTEL_TRACES_SAMPLER_ARG: a ratio from 0 to 1 is needed, not {text!r}")
    return Sampling(by_parent=by_parent, root=root, ratio=ratio)  # type: ignore[arg-type]  # checked above


def _milliseconds(environment: Mapping[str, str], name: str, usual: float, *, called: str = "") -> float:
    """A time in seconds, from a variable that has it in milliseconds."""
    text = environment.get(name, "").strip()
    if not text:
        return usual / 1000
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if value <= 0:
        raise TelemetryMisconfigured(f"{called or name}: a number of milliseconds is needed, not {text!r}")
    return value / 1000


def _path(given: Path | None, text: str) -> Path | None:
    return given or (Path(text) if text else None)


def _true(text: str) -> bool:
    return text.strip().lower() == "true"
