"""The settings `[telemetry]`: where spans, metrics and evaluation events go, and how much they tell.

What is not set here is read from OpenTelemetry's own variables (`config`). Knows names and their meaning; resolves nothing.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Protocol = Literal["http/protobuf", "http/json", "grpc"]
Signal = Literal["traces", "metrics", "logs"]
SIGNALS: tuple[Signal, ...] = ("traces", "metrics", "logs")


class TelemetrySettings(BaseModel):
    """What goes out over OTLP. Without an endpoint, here or in OTEL_EXPORTER_OTLP_ENDPOINT, nothing does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: str = Field("", description="the collector, such as http://collector:4318")
    traces_endpoint: str = Field("", description="where spans go instead, as a whole URL")
    metrics_endpoint: str = Field("", description="where metrics go instead")
    logs_endpoint: str = Field("", description="where evaluation events go instead")
    protocol: Protocol | None = Field(None, description="http/protobuf, http/json or grpc")
    headers: dict[str, str] = Field(default_factory=dict, description="sent along; env:NAME and file:PATH are read")
    certificate: Path | None = Field(None, description="authorities to trust, a PEM file")
    client_certificate: Path | None = Field(None, description="this server's certificate, a PEM file")
    client_key: Path | None = Field(None, description="its key, a PEM file")
    compression: Literal["gzip", "none"] | None = None
    timeout_seconds: float | None = Field(None, gt=0, description="how long one export may take")
    signals: tuple[Signal, ...] = Field(SIGNALS, description="what goes out")
    service_name: str = Field("", description="service.name of what goes out")
    resource: dict[str, str] = Field(default_factory=dict, description="more attributes of this server")
    bodies: bool = Field(False, description="prompts and answers go out as well")
    variables: bool = Field(False, description="prompt variables go out as well")
    also: frozenset[Literal["langfuse", "openinference"]] = Field(
        frozenset(), description="whose attribute names stand beside the conventions'"
    )
    metrics_seconds: float | None = Field(None, gt=0, description="time between two exports of metrics")
    max_bytes: int = Field(1024**3, ge=0, description="how much of the record is kept for a collector that is away")

    @field_validator("endpoint", "traces_endpoint", "metrics_endpoint", "logs_endpoint")
    @classmethod
    def _url(cls, endpoint: str) -> str:
        if endpoint and not endpoint.startswith(("http://", "https://")):
            raise ValueError(f"must begin with http:// or https://, not be {endpoint!r}")
        return endpoint
