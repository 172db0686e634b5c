"""Which proxy a call goes through, by the variables that every HTTP client knows."""

import base64

import pytest

from proxy.address import BadAddress, Origin, address_of
from proxy.proxies import Proxies, proxies_from, way_to

HTTPS = Origin(True, "api.example.com", 443)
HTTP = Origin(False, "api.example.com", 8080)


def chosen(environment: dict[str, str], origin: Origin) -> str:
    found = proxies_from(environment).choose(origin)
    return str(found) if found else ""


def test_each_scheme_has_its_own() -> None:
    environment = {"HTTP_PROXY": "http://a:1", "HTTPS_PROXY": "https://b"}
    assert (chosen(environment, HTTP), chosen(environment, HTTPS)) == ("http://a:1", "https://b:443")
    assert chosen({"HTTP_PROXY": "http://a:1"}, HTTPS) == ""
    assert (chosen({"all_proxy": "a:1"}, HTTP), chosen({"ALL_PROXY": "a:1"}, HTTPS)) == ("http://a:1", "http://a:1")
    assert chosen({}, HTTPS) == ""


def test_lower_case_wins_even_if_it_is_empty() -> None:
    assert chosen({"HTTPS_PROXY": "http://a:1", "https_proxy": "http://b:1"}, HTTPS) == "http://b:1"
    assert chosen({"HTTPS_PROXY": "http://a:1", "https_proxy": ""}, HTTPS) == ""


def test_under_cgi_a_request_header_names_no_proxy() -> None:
    assert chosen({"HTTP_PROXY": "http://a:1", "REQUEST_METHOD": "GET"}, HTTP) == ""
    assert chosen({"http_proxy": "http://a:1", "REQUEST_METHOD": "GET"}, HTTP) == "http://a:1"


@pytest.mark.parametrize(
    ("exceptions", "host", "direct"),
    [
        ("*", "api.example.com", True),
        ("api.example.com", "api.example.com", True),
        ("API.Example.com", "api.example.com", True),
        ("example.com", "api.example.com", True),
        (".example.com", "api.example.com", True),
        ("a, example.com ,b", "api.example.com", True),
        ("ample.com", "api.example.com", False),
        ("example.com:443", "api.example.com", True),
        ("example.com:444", "api.example.com", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("::1", "::1", True),
        ("[::1]", "::1", True),
        ("fd00::/8", "fd12::1", True),
        ("", "127.0.0.1", False),
        ("", "localhost", False),
    ],
)
def test_who_is_asked_directly(exceptions: str, host: str, direct: bool) -> None:
    environment = {"HTTPS_PROXY": "http://a:1", "NO_PROXY": exceptions}
    assert (chosen(environment, Origin(True, host, 443)) == "") == direct


def test_a_user_and_password_become_a_header_and_are_never_shown() -> None:
    proxy = proxies_from({"https_proxy": "http://me:p%40ss@a:1/"}).choose(HTTPS)
    assert proxy is not None
    assert proxy.authorization == "Basic " + base64.b64encode(b"me:p@ss").decode()
    assert (str(proxy), "Basic" in repr(proxy)) == ("http://a:1", False)
    alone = proxies_from({"https_proxy": "http://me@a:1"}).choose(HTTPS)
    assert alone is not None
    assert alone.authorization == "Basic " + base64.b64encode(b"me:").decode()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("socks5://me:secret@a:1", "HTTPS_PROXY names a proxy of the kind socks5://; only http:// and https://"),
        ("http://me:secret@a:0", "HTTPS_PROXY names no proxy: .* names port 0"),
        ("http://", "HTTPS_PROXY names no proxy: .* names no host"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_an_error_and_never_passed_over(given: str, says: str) -> None:
    with pytest.raises(BadAddress, match=says) as bad:
        proxies_from({"HTTPS_PROXY": given})
    assert "secret" not in str(bad.value)


def test_the_way_of_a_request() -> None:
    proxies = proxies_from({"ALL_PROXY": "http://a:1"})
    inside = way_to(address_of("https://api.example.com/v1/x?a=1"), proxies)
    assert (inside.origin, inside.target, str(inside.tunnel)) == (HTTPS, "/v1/x?a=1", "http://a:1")
    handed = way_to(address_of("http://api.example.com:8080/v1"), proxies)
    assert (handed.origin, handed.target) == (Origin(False, "a", 1), "http://api.example.com:8080/v1")
    assert (handed.tunnel, str(handed.forwarder)) == (None, "http://a:1")
    direct = way_to(address_of("https://api.example.com/v1"), Proxies())
    assert (direct.origin, direct.target, direct.tunnel, direct.forwarder) == (HTTPS, "/v1", None, None)
