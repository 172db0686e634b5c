"""What a request asks for: credentials from three places, switches, parameters and settings."""

import base64

import pytest

from tracing.engine import request
from tracing.engine.errors import ClickHouseError
from tracing.engine.request import Credentials

OURS = Credentials(user="slugline", password="s3cret")


def basic(text: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        (basic("slugline:s3cret"), {}),
        ({"x-clickhouse-user": "slugline", "x-clickhouse-key": "s3cret"}, {}),
        ({}, {"user": "slugline", "password": "s3cret"}),
        (basic("other:wrong"), {"user": "slugline", "password": "s3cret"}),
    ],
)
def test_the_right_credentials_pass(headers: dict[str, str], url: dict[str, str]) -> None:
    request.authenticate(request.credentials(headers, url), OURS)


@pytest.mark.parametrize(
    ("headers", "url", "code"),
    [
        ({}, {}, 194),
        ({"authorization": "Bearer x"}, {}, 194),
        ({"authorization": "Basic %%%"}, {}, 194),
        (basic("slugline:"), {}, 516),
        (basic("slugline:s3creT"), {}, 516),
        (basic("other:s3cret"), {}, 516),
        ({"x-clickhouse-key": "s3cret"}, {}, 516),
        ({}, {"password": "s3cret"}, 516),
        ({}, {"user": "slugline", "password": "\udcff"}, 516),
        (basic("slugline:s3cret"), {"user": "slugline", "password": ""}, 516),
    ],
)
def test_wrong_credentials_do_not(headers: dict[str, str], url: dict[str, str], code: int) -> None:
    with pytest.raises(ClickHouseError) as caught:
        request.authenticate(request.credentials(headers, url), OURS)
    assert caught.value.code == code
    assert caught.value.status == {194: 401, 516: 403}[code]


@pytest.mark.parametrize("host", ["127.0.0.1:8123", "localhost", "LOCALHOST:1", "[::1]:80"])
def test_loopback_hosts(host: str) -> None:
    assert request.loopback(host)


@pytest.mark.parametrize(
    "host", ["", "evil.example:8123", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1"]
)
def test_other_hosts(host: str) -> None:
    assert not request.loopback(host)


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("/", ("h:1", "/")),
        ("/ping", ("h:1", "/ping")),
        ("/http://a/", ("h:1", "/http://a/")),
        ("http://127.0.0.1:8123/", ("127.0.0.1:8123", "/")),
        ("HTTP://evil.example/ping", ("evil.example", "/ping")),
        ("http://evil.example", ("evil.example", "/")),
        ("http:///ping", ("", "/ping")),
        ("https://127.0.0.1/", ("h:1", "https://127.0.0.1/")),
    ],
)
def test_a_whole_url_as_the_target_outdoes_the_host_header(target: str, found: tuple[str, str]) -> None:
    assert request.addressed(target, "h:1") == found


def test_settings_parameters_and_transport_are_told_apart() -> None:
    url = request.url_values(
        b"query=SELECT%201&param_x=a%27b&max_threads=2&session_id=s&wait_end_of_query=1&database=d&user=u"
    )
    asked = request.read("POST", {}, url)
    assert asked.query == b"SELECT 1"
    assert asked.parameters == {"x": "a'b"}
    assert asked.settings == {"max_threads": "2"}
    assert (asked.session_id, asked.database, asked.wait_end_of_query, asked.readonly) == ("s", "d", True, 0)


def test_bytes_that_are_no_utf8_survive() -> None:
    assert request.read("POST", {}, request.url_values(b"query=SELECT%20%27%ff%27")).query == b"SELECT '\xff'"


def test_a_get_only_reads_unless_it_says_otherwise() -> None:
    assert request.read("GET", {}, {}).readonly == 2
    assert request.read("GET", {}, {"readonly": "1"}).readonly == 1
    assert request.read("POST", {}, {"readonly": "2"}).readonly == 2


def test_a_session_lasts_an_hour_at_most() -> None:
    assert request.read("POST", {}, {}).session_timeout == 60
    assert request.read("POST", {}, {"session_timeout": "99999"}).session_timeout == 3600


@pytest.mark.parametrize(
    ("url", "code", "named"),
    [
        ({"session_timeout": "soon"}, 36, "session_timeout"),
        ({"readonly": "-1"}, 36, "readonly"),
        ({"compress": "1"}, 48, "Content-Encoding"),
        ({"role": "admin"}, 48, "role"),
    ],
)
def test_what_is_malformed_or_not_offered_is_named(url: dict[str, str], code: int, named: str) -> None:
    with pytest.raises(ClickHouseError, match=named) as caught:
        request.read("POST", {}, url)
    assert caught.value.code == code


def test_the_fields_of_a_form_are_added() -> None:
    asked = request.read("POST", {}, {"param_a": "1"}).with_fields(
        {"query": b"SELECT {b:String}", "param_b": "ü".encode()}
    )
    assert (asked.query, asked.parameters) == (b"SELECT {b:String}", {"a": "1", "b": "ü"})
