"""What is said at the start about providers and proxies that can't be used."""

import pytest

from slugline.providers import check_providers, open_providers
from slugline.settings import Settings, SettingsError


def settings(base_url: str, **more: object) -> Settings:
    return Settings.model_validate({"providers": {"p": {"base_url": base_url, **more}}})


@pytest.mark.parametrize(
    ("base_url", "says"),
    [
        ("http://h:0/v1", "providers.p.base_url: 'http://h:0/v1' names port 0"),
        ("http://me:secret@h/v1", "providers.p.base_url: the URL holds a user or a password"),
        ("http://h/v1?api-version=1", "providers.p.base_url: .* has a query"),
        ("http://", "providers.p.base_url: .* names no host"),
    ],
)
def test_a_base_url_that_leads_nowhere(base_url: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as bad:
        check_providers(settings(base_url), {})
    assert "secret" not in str(bad.value)


def test_one_from_the_environment_is_checked_as_well() -> None:
    with pytest.raises(SettingsError, match=r"providers\.openai\.base_url: 'unix:///x' does not begin with http"):
        check_providers(Settings(), {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "unix:///x"})


def test_a_proxy_that_cannot_be_used() -> None:
    with pytest.raises(SettingsError, match="ALL_PROXY names a proxy of the kind socks5://"):
        check_providers(settings("http://h/v1"), {"ALL_PROXY": "socks5://h:1"})
    check_providers(settings("http://h/v1"), {"ALL_PROXY": "http://me:secret@h:1"})


def test_a_providers_own_bound_on_the_whole_answer() -> None:
    [own] = open_providers(settings("http://h/v1", total_seconds=7), {})
    assert own.timeouts.total_seconds == 7
    [usual] = open_providers(settings("http://h/v1"), {})
    assert usual.timeouts.total_seconds == 3600
