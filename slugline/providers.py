"""From the settings and the environment to the providers that the request path asks. Keys are read here, and nowhere kept but there."""

from collections.abc import Mapping

from proxy.address import BadAddress, check_base_url
from proxy.errors import RouteNotFound
from proxy.known import known_providers
from proxy.library import PREFIXES, missing_library
from proxy.providers import ModelPrice, Provider, Timeouts, route
from proxy.proxies import Proxies, proxies_from
from slugline.settings import ProviderSettings, Settings, SettingsError, read_secret


def open_providers(settings: Settings, environment: Mapping[str, str]) -> list[Provider]:
    """The providers of the settings, then the well-known ones whose variables are set and whose names are still free."""
    declared = [_provider(name, given, settings, environment) for name, given in settings.providers.items()]
    usual = known_providers(environment, _timeouts(settings, None))
    return declared + [known for known in usual if known.name not in settings.providers]


def _provider(name: str, given: ProviderSettings, settings: Settings, environment: Mapping[str, str]) -> Provider:
    limit = given.max_concurrency
    return Provider(
        name=name,
        kind="openai" if given.kind == "simulator" else given.kind,
        base_url=given.base_url.rstrip("/"),
        api_key=read_secret(given.api_key, environment) if given.api_key else None,
        models=given.models,
        prices={model: ModelPrice(**price.model_dump()) for model, price in given.prices.items()},
        lacks=frozenset(given.lacks),
        api_version=given.api_version,
        options={key: _option(value, environment) for key, value in given.options.items()},
        timeouts=_timeouts(settings, given),
        # Each worker counts for itself; the kernel spreads connections over them.
        max_concurrency=None if limit is None else max(1, limit // settings.workers),
        simulator=given.kind == "simulator",
    )


def _option(value: str, environment: Mapping[str, str]) -> str:
    return read_secret(value, environment) if value.startswith(("env:", "file:")) else value


def _timeouts(settings: Settings, given: ProviderSettings | None) -> Timeouts:
    """A provider's own time-outs where it has some, else everybody's."""
    names = ("connect_seconds", "first_byte_seconds", "idle_seconds", "total_seconds")
    return Timeouts(**{name: getattr(given, name, None) or getattr(settings, name) for name in names})


def open_proxies(environment: Mapping[str, str]) -> Proxies:
    """The forward proxies that the environment names; raises SettingsError for one that can't be used."""
    try:
        return proxies_from(environment)
    except BadAddress as error:
        raise SettingsError(str(error)) from error


def check_providers(settings: Settings, environment: Mapping[str, str]) -> None:
    """Raises SettingsError when a provider's key isn't there, its URL or a proxy's leads nowhere, or nobody serves a fallback.

    Said at the start, not by every process.
    """
    open_proxies(environment)
    providers = open_providers(settings, environment)
    for provider in providers:
        if provider.kind in PREFIXES and (why := missing_library()):
            raise SettingsError(f"providers.{provider.name}.kind: {why}")
        try:
            if provider.base_url:
                check_base_url(provider.base_url)
        except BadAddress as error:
            raise SettingsError(f"providers.{provider.name}.base_url: {error}") from error
    for model, fallbacks in settings.fallbacks.items():
        for name in fallbacks:
            try:
                route(name, providers)
            except RouteNotFound as error:
                raise SettingsError(f"fallbacks.{model}: {error.message}") from error
