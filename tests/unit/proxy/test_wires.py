"""Where each kind of provider is asked, and what it can answer."""

import pytest

from proxy.errors import RouteNotFound
from proxy.providers import Provider
from proxy.wires import WIRES, spoken


@pytest.mark.parametrize(
    ("kind", "base_url", "api_version", "path", "stream", "url"),
    [
        ("openai", "https://o/v1", "", "chat/completions", True, "https://o/v1/chat/completions"),
        ("azure", "https://z", "", "responses", False, "https://z/openai/v1/responses"),
        ("azure", "https://z/openai/v1", "", "files?a=1", False, "https://z/openai/v1/files?a=1"),
        (
            "azure",
            "https://z",
            "2024-10-21",
            "chat/completions",
            False,
            "https://z/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21",
        ),
        (
            "azure",
            "https://z/openai",
            "2024-10-21",
            "files?a=1",
            False,
            "https://z/openai/files?a=1&api-version=2024-10-21",
        ),
        ("anthropic", "https://a/v1", "", "messages/count_tokens", False, "https://a/v1/messages/count_tokens"),
        ("gemini", "https://g", "", "generateContent", False, "https://g/v1beta/models/my%20gpt:generateContent"),
        (
            "gemini",
            "https://g/v1beta",
            "",
            "generateContent",
            True,
            "https://g/v1beta/models/my%20gpt:streamGenerateContent?alt=sse",
        ),
        ("gemini", "https://g", "", "models", False, "https://g/v1beta/models"),
    ],
)
def test_urls(kind: str, base_url: str, api_version: str, path: str, stream: bool, url: str) -> None:
    provider = Provider(name="p", kind=kind, base_url=base_url, api_version=api_version)  # type: ignore[arg-type]
    assert WIRES[provider.kind].url(provider, path, "my gpt", stream) == url


def test_what_a_provider_lacks_is_answered_otherwise_or_refused() -> None:
    whole = Provider(name="p", base_url="")
    assert spoken(whole, "responses", "responses") == "responses"
    assert spoken(Provider(name="p", base_url="", lacks=frozenset({"responses"})), "responses", "responses") == "chat"
    with pytest.raises(RouteNotFound, match="provider 'p' doesn't have /v1/embeddings"):
        spoken(Provider(name="p", base_url="", lacks=frozenset({"embeddings"})), "embeddings", "embeddings")
    with pytest.raises(RouteNotFound, match="'a' doesn't have /v1/moderations"):
        spoken(Provider(name="a", kind="anthropic", base_url=""), "moderations", "moderations")
