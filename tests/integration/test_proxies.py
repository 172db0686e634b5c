"""Calls through a forward proxy, on real sockets, with TLS inside and outside."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import pytest
import trustme
import uvloop

from proxy.errors import UpstreamFailed, UpstreamTimeout
from proxy.providers import Timeouts
from proxy.proxies import proxies_from
from proxy.upstream import Upstream
from tests.integration.test_upstream import OK, Provider, fetch, provider, request, says
from tests.plugins.forwarder import Forwarder, serve_forwarder

HELLO = OK + b"content-length: 5\r\n\r\nhello"
NAME = "provider.test"


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch) -> Iterator[trustme.CA]:
    """A certificate authority that this process trusts."""
    made = trustme.CA()
    with made.cert_pem.tempfile() as file:
        monkeypatch.setenv("SSL_CERT_FILE", file)
        yield made


def server_side(authority: trustme.CA, name: str) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(tls)
    return tls


@contextlib.asynccontextmanager
async def both(
    authority: trustme.CA | None, *, proxy_tls: trustme.CA | None = None, answer: bytes = HELLO
) -> AsyncIterator[tuple[Provider, Forwarder, str]]:
    """A provider (with TLS, where an authority is given), a proxy that knows it by a name, and the URL under that name."""
    inside = server_side(authority, NAME) if authority else None
    outside = server_side(proxy_tls, "127.0.0.1") if proxy_tls else None
    async with provider(says(answer), inside) as there, serve_forwarder(outside) as forwarder:
        forwarder.hosts[f"{NAME}:8443"] = urlsplit(there.url).port or 0
        yield there, forwarder, f"{'https' if inside else 'http'}://{NAME}:8443/v1/x"


def through(url: str, **more: str) -> Upstream:
    return Upstream(proxies=proxies_from({"all_proxy": url, **more}))


async def test_http_is_handed_to_the_proxy_with_its_whole_url() -> None:
    async with both(None) as (there, forwarder, url), through(f"http://127.0.0.1:{forwarder.port}") as client:
        for _ in range(3):
            assert (await fetch(client, url))[1] == b"hello"
        assert forwarder.requests[0].startswith(f"POST {url} HTTP/1.1\r\nhost: {NAME}:8443\r\n".encode())
        assert (forwarder.connections, len(there.requests)) == (1, 3)


async def test_https_goes_through_a_tunnel_and_the_proxy_reads_nothing(authority: trustme.CA) -> None:
    async with both(authority) as (there, forwarder, url), through(f"http://127.0.0.1:{forwarder.port}") as client:
        for _ in range(3):
            assert (await fetch(client, url))[1] == b"hello"
        [asked] = forwarder.requests
        assert asked == f"CONNECT {NAME}:8443 HTTP/1.1\r\nhost: {NAME}:8443\r\n\r\n".encode()
        assert (forwarder.connections, there.connections, len(there.requests)) == (1, 1, 3)
        assert b"x-test" in there.requests[0]
        assert b"x-test" not in forwarder.tunnelled
        assert b"HTTP/1.1" not in forwarder.tunnelled


async def test_a_proxy_that_speaks_tls_itself(authority: trustme.CA) -> None:
    async with (
        both(authority, proxy_tls=authority) as (_, forwarder, url),
        through(f"https://127.0.0.1:{forwarder.port}") as client,
    ):
        assert (await fetch(client, url))[1] == b"hello"
        assert forwarder.requests[0].startswith(b"CONNECT ")


async def test_the_certificate_inside_the_tunnel_is_checked(authority: trustme.CA) -> None:
    async with both(trustme.CA()) as (there, forwarder, url), through(f"http://127.0.0.1:{forwarder.port}") as client:
        with pytest.raises(UpstreamFailed, match="through the proxy http://127.*certificate verify failed"):
            await fetch(client, url)
        assert there.requests == []


async def test_the_certificate_inside_the_tunnel_is_for_the_providers_name(authority: trustme.CA) -> None:
    async with both(authority) as (there, forwarder, _), through(f"http://127.0.0.1:{forwarder.port}") as client:
        forwarder.hosts["other.test:8443"] = urlsplit(there.url).port or 0
        with pytest.raises(UpstreamFailed, match="certificate verify failed: Hostname mismatch"):
            await fetch(client, "https://other.test:8443/v1/x")
        assert there.requests == []


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
async def test_user_and_password(authority: trustme.CA, tls: bool) -> None:
    async with both(authority if tls else None) as (there, forwarder, url):
        forwarder.key = b"Basic bWU6cEBzcw=="  # me:p@ss
        async with through(f"http://me:p%40ss@127.0.0.1:{forwarder.port}") as client:
            assert (await fetch(client, url))[1] == b"hello"
        async with through(f"http://127.0.0.1:{forwarder.port}") as client:
            with pytest.raises(UpstreamFailed, match=r"the proxy http://127\.0\.0\.1:\d+ refused: 407") as refused:
                await fetch(client, url)
        assert refused.value.code == "provider_unreachable"
        assert not any(b"proxy-authorization" in seen for seen in there.requests) or not tls


@pytest.mark.parametrize(
    ("said", "match"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", r"the proxy http://127.0.0.1:\d+ refused: 403 Forbidden"),
        (b"SSH-2.0\r\n\r\n", "did not answer in HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\nbytes", "sent bytes of its own into the tunnel"),
        (b"HTTP/1.1 200 OK\r\n" + b"x-a: " + b"b" * 70_000, "more than 65536 bytes of headers"),
        (b"HTTP/1.1 200", "took longer than 0.5 s"),
    ],
)
async def test_a_proxy_that_does_not_lead_on(authority: trustme.CA, said: bytes, match: str) -> None:
    hasty = Timeouts(connect_seconds=0.5)
    async with both(authority) as (there, forwarder, url), through(f"http://127.0.0.1:{forwarder.port}") as client:
        forwarder.says = said
        with pytest.raises((UpstreamFailed, UpstreamTimeout), match=match):
            await client.send(request(url, timeouts=hasty))
        assert there.requests == []
        forwarder.says = b""
        assert (await fetch(client, url))[1] == b"hello"


async def test_a_name_that_the_proxy_does_not_know(authority: trustme.CA) -> None:
    async with both(authority) as (_, forwarder, _), through(f"http://127.0.0.1:{forwarder.port}") as client:
        with pytest.raises(UpstreamFailed, match="refused: 502 No Such Host"):
            await fetch(client, "https://elsewhere.test/v1")


async def test_a_proxy_that_is_not_there() -> None:
    async with through("http://127.0.0.1:1") as client:
        for scheme in ("http", "https"):
            with pytest.raises(
                UpstreamFailed, match="can't be reached: through the proxy http://127.0.0.1:1: .*refused"
            ):
                await fetch(client, f"{scheme}://{NAME}/v1")


async def test_who_is_excepted_is_asked_directly() -> None:
    async with both(None) as (there, forwarder, _):
        async with through(f"http://127.0.0.1:{forwarder.port}", no_proxy="127.0.0.1") as client:
            assert (await fetch(client, there.url))[1] == b"hello"
        assert forwarder.requests == []
        forwarder.hosts[urlsplit(there.url).netloc] = urlsplit(there.url).port or 0
        async with through(f"http://127.0.0.1:{forwarder.port}") as client:
            assert (await fetch(client, there.url))[1] == b"hello"
        assert len(forwarder.requests) == 1, "as with curl, loopback is no exception by itself"


async def test_a_call_given_up_while_the_tunnel_is_made(authority: trustme.CA) -> None:
    async with both(authority) as (there, forwarder, url), through(f"http://127.0.0.1:{forwarder.port}") as client:
        forwarder.says = b"HTTP/1.1 200"
        call = asyncio.create_task(client.send(request(url)))
        while not forwarder.requests:
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(forwarder.left.wait(), 10)
        forwarder.says = b""
        assert (await fetch(client, url))[1] == b"hello"
        assert there.connections == 1


def test_the_same_on_the_event_loop_of_the_workers(authority: trustme.CA) -> None:
    async def ways() -> None:
        await test_http_is_handed_to_the_proxy_with_its_whole_url()
        await test_https_goes_through_a_tunnel_and_the_proxy_reads_nothing(authority)
        await test_a_proxy_that_speaks_tls_itself(authority)
        await test_the_certificate_inside_the_tunnel_is_checked(authority)
        await test_a_call_given_up_while_the_tunnel_is_made(authority)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(ways())
