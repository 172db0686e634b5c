"""What is sent to a provider, and what never is."""

import json

from proxy.plan import PROVIDER_KEY_HEADERS, json_body, upstream_request, with_usage
from proxy.providers import Provider, Route

PROVIDER = Provider(name="p", base_url="https://p/v1", api_key="server-key")


def request(headers: dict[str, str], provider: Provider = PROVIDER) -> dict[str, str]:
    sent = upstream_request(Route(provider=provider, model="m"), "chat/completions", headers, b"{}")
    assert sent.url == "https://p/v1/chat/completions"
    assert sent.body == b"{}"
    return dict(sent.headers)


def test_a_body_that_needs_no_change_goes_byte_for_byte() -> None:
    assert json_body(Route(provider=PROVIDER, model="m"), {"model": "m"}, b'{ "model":"m" }') == b'{ "model":"m" }'


def test_a_model_behind_a_provider_name_is_asked_for_by_its_own() -> None:
    assert json.loads(json_body(Route(provider=PROVIDER, model="m"), {"model": "p/m"}, b'{"model":"p/m"}')) == {
        "model": "m"
    }


def test_the_servers_key_replaces_the_callers() -> None:
    assert request({"authorization": "Bearer caller"})["authorization"] == "Bearer server-key"


def test_without_a_key_the_callers_passes_through() -> None:
    keyless = Provider(name="p", base_url="https://p/v1")
    assert request({"authorization": "Bearer caller"}, keyless)["authorization"] == "Bearer caller"
    assert "authorization" not in request({}, keyless)


def test_a_translated_call_takes_its_key_along_and_leaves_its_headers() -> None:
    anthropic = Provider(name="a", kind="anthropic", base_url="https://a")
    sent = upstream_request(
        Route(provider=anthropic, model="m"),
        "messages",
        {"authorization": "Bearer caller", "openai-organization": "org", "user-agent": "app/1"},
        b"{}",
        translated=True,
    )
    headers = dict(sent.headers)
    assert sent.url == "https://a/v1/messages"
    assert (headers["x-api-key"], headers["anthropic-version"], headers["user-agent"]) == (
        "caller",
        "2023-06-01",
        "app/1",
    )
    assert not headers.keys() & {"authorization", "openai-organization"}


def test_an_untranslated_call_keeps_its_keys_and_versions() -> None:
    anthropic = Provider(name="a", kind="anthropic", base_url="https://a/v1")
    given = {"authorization": "Bearer oauth", "anthropic-version": "2099-01-01", "anthropic-beta": "x"}
    sent = upstream_request(Route(provider=anthropic, model="m"), "messages", given, b"{}")
    assert sent.url == "https://a/v1/messages"
    assert given.items() <= dict(sent.headers).items()


def test_a_servers_key_goes_where_its_provider_looks_for_it() -> None:
    for kind, header, value in [
        ("openai", "authorization", "Bearer k"),
        ("azure", "api-key", "k"),
        ("anthropic", "x-api-key", "k"),
        ("gemini", "x-goog-api-key", "k"),
    ]:
        provider = Provider(name="p", kind=kind, base_url="https://p", api_key="k")  # type: ignore[arg-type]
        callers = dict.fromkeys(PROVIDER_KEY_HEADERS, "callers")
        headers = dict(upstream_request(Route(provider=provider, model="m"), "x", callers, b"").headers)
        assert {name: headers[name] for name in headers if name in PROVIDER_KEY_HEADERS} == {header: value}


def test_headers_for_others_go_on_and_headers_for_us_do_not() -> None:
    headers = request(
        {
            "openai-organization": "org",
            "user-agent": "app/1",
            "traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01",
            "x-slugline-user": "u",
            "helicone-auth": "h",
            "cookie": "c",
            "host": "localhost",
            "connection": "close",
            "content-length": "3",
            "accept-encoding": "gzip",
        }
    )
    assert headers["openai-organization"] == "org"
    assert headers["user-agent"] == "app/1"
    assert "traceparent" in headers
    assert headers["accept-encoding"] == "identity"
    assert not headers.keys() & {"x-slugline-user", "helicone-auth", "cookie", "host", "connection", "content-length"}


def test_usage_is_asked_for_unless_the_caller_says() -> None:
    assert with_usage({"stream": True}) == {"stream": True, "stream_options": {"include_usage": True}}
    assert with_usage({"stream_options": {"x": 1}}) == {"stream_options": {"x": 1, "include_usage": True}}
    assert with_usage({"stream_options": {"include_usage": False}}) is None
    assert with_usage({"stream_options": "nonsense"}) is None
