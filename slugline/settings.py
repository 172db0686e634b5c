"""Settings: data with help text. Flags win over SLUGLINE_ variables, those over slugline.toml, that over the defaults.

Keys and passwords are never settings: a setting says where one lies (`env:NAME` or `file:PATH`), and is resolved where it is used.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote

import platformdirs
from pydantic import BaseModel, ByteSize, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from evaluation.scorers.settings import ScorerSettings, check_names
from proxy.providers import Kind
from slugline.alerting.settings import DestinationSettings, check_destinations
from slugline.record_settings import RecordSettings
from slugline.signing.settings import OidcSettings, SessionSettings
from tracing.loading.room import Bounds
from tracing.telemetry.settings import TelemetrySettings

SecretRef = Annotated[str, Field(pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PriceSettings(_Strict):
    """A model's price in US dollars per million tokens, and per request."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached_input: float | None = Field(None, ge=0)
    cache_write: float | None = Field(None, ge=0)
    audio_input: float | None = Field(None, ge=0)
    audio_output: float | None = Field(None, ge=0)
    request: float = Field(0.0, ge=0, description="US dollars for each call, beside its tokens")


class ProviderSettings(_Strict):
    """One provider."""

    kind: Kind | Literal["simulator"] = Field("openai", description="the wire format it speaks")
    base_url: str = Field("", description="where it answers, such as https://api.groq.com/openai/v1")
    api_key: SecretRef | None = Field(
        None, description="env:NAME or file:PATH; without one the caller's key passes through"
    )
    models: tuple[str, ...] = Field((), description="model names it serves, with * as a wildcard")
    prices: dict[str, PriceSettings] = Field(
        default_factory=dict, description="own prices by model name, with * as a wildcard"
    )
    lacks: frozenset[Literal["responses", "completions", "embeddings", "moderations"]] = Field(
        frozenset(), description="endpoints it doesn't have; Responses are then made from chat completions"
    )
    api_version: str = Field("", description="Azure's api-version; without one its v1 API is used")
    options: dict[str, str] = Field(
        default_factory=dict,
        description="LiteLLM's own arguments, such as aws_region_name; env:NAME and file:PATH are read",
    )
    max_concurrency: int | None = Field(None, ge=1, description="calls open there at a time, shared by the workers")
    connect_seconds: float | None = Field(None, gt=0)
    first_byte_seconds: float | None = Field(None, gt=0)
    idle_seconds: float | None = Field(None, gt=0)
    total_seconds: float | None = Field(None, gt=0)

    @field_validator("base_url")
    @classmethod
    def _url(cls, base_url: str) -> str:
        if base_url and not base_url.startswith(("http://", "https://")):
            raise ValueError(f"must begin with http:// or https://, not be {base_url!r}")
        return base_url

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        by_library = self.kind in {"bedrock", "vertex", "litellm"}
        if not self.base_url and not by_library:
            raise ValueError("base_url is missing: where does this provider answer?")
        if self.options and not by_library:
            raise ValueError("options are for the kinds bedrock, vertex and litellm")
        return self


class RegistrySettings(_Strict):
    """Where prompts live."""

    url: str | None = Field(
        None, description="sqlite:///PATH or postgresql://user@host/database; the default is SQLite in the data folder"
    )

    @field_validator("url")
    @classmethod
    def _known(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("sqlite:///", "postgresql://", "postgres://")):
            raise ValueError("must begin with sqlite:/// or postgresql://")
        return url


class ClickHouseSettings(_Strict):
    """Where calls live."""

    url: str | None = Field(None, description="https://user@host:8443/database; the default is the embedded engine")
    password: SecretRef | None = Field(None, description="env:NAME or file:PATH")
    cluster: str | None = Field(
        None, pattern=r"^[\w-]+$", description="the cluster's name in the servers' remote_servers; needs a url"
    )

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.cluster and not self.url:
            raise ValueError("cluster names a cluster of ClickHouse servers: say with url where one of them answers")
        return self


class RetentionSettings(_Strict):
    """How long recorded calls are kept."""

    bodies_days: int = Field(
        0, ge=0, le=36_500, description="days that variables, requests and responses are kept; 0: for ever"
    )
    rows_days: int = Field(0, ge=0, le=36_500, description="days that calls, spans and scores are kept; 0: for ever")
    evaluations_days: int = Field(
        30,
        ge=0,
        le=36_500,
        description="days that answers stay in the data folder after the end of an evaluation over a dataset; 0: for ever",
    )


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(env_prefix="SLUGLINE_", env_nested_delimiter="__", extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="address to listen on")
    behind_proxy: bool = Field(
        False, description="a reverse proxy lets callers from elsewhere in: keys are asked for as on an outside address"
    )
    port: int = Field(4545, ge=0, le=65535, description="port for /v1, /api and the pages")
    workers: int = Field(
        default_factory=lambda: min(4, os.cpu_count() or 1), ge=1, le=256, description="worker processes"
    )
    data: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("slugline", appauthor=False)),
        description="the data folder",
    )
    drain_seconds: float = Field(30, ge=0, description="how long running calls may take to end after SIGTERM")
    connect_seconds: float = Field(10, gt=0, description="how long connecting to a provider may take")
    first_byte_seconds: float = Field(600, gt=0, description="how long a provider may take to begin its answer")
    idle_seconds: float = Field(300, gt=0, description="how long a provider may stay silent in the middle of an answer")
    total_seconds: float = Field(3600, gt=0, description="how long an answer may go on from its beginning to its end")
    queue_seconds: float = Field(10, gt=0, description="how long a call waits for its turn at a busy provider")
    retries: int = Field(1, ge=0, le=10, description="how often a provider is asked again before its answer has begun")
    breaker_failures: int = Field(5, ge=1, description="failures in a row after which a provider is passed over")
    breaker_seconds: float = Field(10, gt=0, description="how long it is passed over, where there is a fallback")
    fallbacks: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="models to ask instead, in turn, by model pattern"
    )
    when_client_leaves: Literal["cancel", "drain"] = Field(
        "cancel", description="end the provider's call at once, or read its answer to the end for the record"
    )
    spool_max_bytes: ByteSize = Field(
        ByteSize(10 * 2**30), ge=2**20, description="what records may take on disk until they are loaded"
    )
    spool_min_free_bytes: ByteSize = Field(
        ByteSize(256 * 2**20), ge=0, description="what records leave free on the disk of the data folder"
    )
    backfill_rows_per_second: int = Field(
        5_000, ge=0, description="the rate of loading what has waited longer than a moment; 0 is as fast as it goes"
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    providers: dict[str, ProviderSettings] = Field(default_factory=dict, description="providers by name")
    registry: RegistrySettings = Field(default_factory=RegistrySettings)
    clickhouse: ClickHouseSettings = Field(default_factory=ClickHouseSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    telemetry: TelemetrySettings = Field(default_factory=TelemetrySettings)
    record: RecordSettings = Field(default_factory=RecordSettings)
    scorers: dict[str, ScorerSettings] = Field(
        default_factory=dict, description="automatic scorers by the name of the score"
    )

    alerts: dict[str, DestinationSettings] = Field(
        default_factory=dict, description="where alerts go, by the destination's name"
    )
    public_url: str = Field("", description="where people reach the pages: for links in alerts, and signing in")
    oidc: OidcSettings = Field(default_factory=OidcSettings)
    sessions: SessionSettings = Field(default_factory=SessionSettings)

    @field_validator("alerts")
    @classmethod
    def _told(cls, alerts: dict[str, DestinationSettings]) -> dict[str, DestinationSettings]:
        return check_destinations(alerts)

    @field_validator("public_url")
    @classmethod
    def _linked(cls, public_url: str) -> str:
        if public_url and not public_url.startswith(("http://", "https://")):
            raise ValueError(f"must begin with http:// or https://, not be {public_url!r}")
        return public_url.rstrip("/")

    @field_validator("scorers")
    @classmethod
    def _named(cls, scorers: dict[str, ScorerSettings]) -> dict[str, ScorerSettings]:
        return check_names(scorers)

    @field_validator("data")
    @classmethod
    def _absolute(cls, data: Path) -> Path:
        return data.expanduser().resolve()

    @property
    def exposed(self) -> bool:
        """True where others than this machine can reach the server."""
        return self.behind_proxy or self.host not in LOOPBACK

    @property
    def spool_bounds(self) -> Bounds:
        """How much of the disk records may take."""
        return Bounds(max_bytes=self.spool_max_bytes, min_free_bytes=self.spool_min_free_bytes)

    @property
    def registry_url(self) -> str:
        return self.registry.url or f"sqlite:///{quote(str(self.data / 'registry.db'))}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        config = settings_cls.model_config.get("toml_file")
        file = TomlConfigSettingsSource(settings_cls, Path(str(config))) if config else None
        return (init_settings, env_settings, *([file] if file else []))


LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""The addresses at which nobody but this machine can knock."""


class SettingsError(Exception):
    """Settings that can't be used, in words."""


def load_settings(flags: Mapping[str, Any], config: Path | None) -> Settings:
    """The settings in force. `config` is a TOML file that must exist; without one, slugline.toml here is read if it is there."""
    path = config or Path("slugline.toml")
    if config is not None and not config.is_file():
        raise SettingsError(f"the settings file {config} does not exist")
    given = {name: value for name, value in flags.items() if value is not None}
    source: type[Settings] = Settings
    if path.is_file():

        class FromFile(Settings):
            model_config = SettingsConfigDict(toml_file=path)

        source = FromFile
    try:
        return source(**given)
    except ValidationError as error:
        raise SettingsError(_in_words(error)) from error
    except ValueError as error:  # TOML that can't be read
        raise SettingsError(f"{path}: {error}") from error


def read_secret(reference: str, environment: Mapping[str, str]) -> str:
    """The secret that `env:NAME` or `file:PATH` leads to; raises SettingsError when it isn't there."""
    kind, _, where = reference.partition(":")
    if kind == "env":
        if not environment.get(where):
            raise SettingsError(f"the settings ask for a secret in the variable {where}, which is not set")
        return environment[where]
    try:
        return Path(where).read_text("utf-8").strip()
    except OSError as error:
        raise SettingsError(f"the settings ask for a secret in the file {where}: {error.strerror}") from error


def _in_words(error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"]) or "settings"
        what = (
            "is not a setting"
            if problem["type"] == "extra_forbidden"
            else (said := problem["msg"].removeprefix("Value error, "))[0].lower() + said[1:]
        )
        lines.append(f"{where}: {what}")
    return "\n".join(lines)
