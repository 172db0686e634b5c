"""URLs taken apart, and the sentences about those that lead nowhere."""

import pytest

from proxy.address import Address, BadAddress, Origin, address_of, check_base_url


@pytest.mark.parametrize(
    ("url", "origin", "authority", "target"),
    [
        ("http://h/v1/x?a=1", Origin(False, "h", 80), "h", "/v1/x?a=1"),
        ("https://H.example:8443/v1", Origin(True, "h.example", 8443), "H.example:8443", "/v1"),
        ("http://[::1]:11434/v1", Origin(False, "::1", 11434), "[::1]:11434", "/v1"),
        ("https://h", Origin(True, "h", 443), "h", "/"),
        ("https://h?a=1", Origin(True, "h", 443), "h", "/?a=1"),
        ("https://bücher.example/v1", Origin(True, "xn--bcher-kva.example", 443), "xn--bcher-kva.example", "/v1"),
    ],
)
def test_where_a_url_leads(url: str, origin: Origin, authority: str, target: str) -> None:
    assert address_of(url) == Address(origin=origin, authority=authority, target=target)


def test_an_origin_is_written_as_a_url_has_it() -> None:
    assert (str(Origin(False, "::1", 80)), str(Origin(True, "h", 443))) == ("[::1]:80", "h:443")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("unix:///var/run/ollama.sock", "'unix:///var/run/ollama.sock' does not begin with http:// or https://"),
        ("localhost:11434/v1", "does not begin with http"),
        ("http://h:0/v1", "names port 0, where nothing can listen"),
        ("http://h:65536/v1", "is not a URL: Port out of range"),
        ("http://h:http/v1", "is not a URL: Port could not be cast"),
        ("http:///v1", "names no host"),
        ("http://[::1/v1", "is not a URL"),
        ("http://user:secret@h/v1", "holds a user or a password"),
        ("http://h/a b", "must be %-escaped"),
        ("http://h/v1\r\nx-a: 1", "must be %-escaped"),
        ("http://h/ä", "must be %-escaped"),
        (f"http://{'ä' * 70}.example/v1", "a host name that can't be one"),
    ],
)
def test_urls_that_lead_nowhere(url: str, says: str) -> None:
    with pytest.raises(BadAddress) as bad:
        address_of(url)
    assert says in str(bad.value)
    assert "secret" not in str(bad.value)


@pytest.mark.parametrize(("url", "says"), [("http://h/v1?key=1", "has a query"), ("http://h/v1#x", "has a fragment")])
def test_a_base_url_that_nothing_can_be_put_behind(url: str, says: str) -> None:
    check_base_url(url.partition("?")[0].partition("#")[0])
    with pytest.raises(BadAddress, match=says):
        check_base_url(url)
