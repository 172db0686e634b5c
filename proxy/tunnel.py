"""A way through a forward proxy: CONNECT, then TLS with the provider inside (RFC 9110, section 9.3.6).

The proxy sees the provider's name and nothing else: no key, no prompt. Knows no pool and no environment.
"""

import asyncio
import re
import ssl

from proxy.address import Origin
from proxy.proxies import Proxy

_MOST_BYTES = 64 * 1024
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})(?: ([^\r\n]*))?\r\n")


class ProxyRefused(Exception):
    """The proxy doesn't lead on; the message says which, and what it answered."""


async def open_tunnel(
    proxy: Proxy, origin: Origin, connection: asyncio.Protocol, *, to_proxy: ssl.SSLContext, to_provider: ssl.SSLContext
) -> None:
    """Connects `connection` to an https origin through a proxy. Raises OSError where one of them can't be reached, and ProxyRefused."""
    loop = asyncio.get_running_loop()
    transport, opening = await loop.create_connection(
        lambda: _Opening(proxy), proxy.origin.host, proxy.origin.port, ssl=to_proxy if proxy.origin.tls else None
    )
    try:
        head = f"CONNECT {origin} HTTP/1.1\r\nhost: {origin}\r\n"
        if proxy.authorization:
            head += f"proxy-authorization: {proxy.authorization}\r\n"
        transport.write(head.encode() + b"\r\n")
        await opening.opened
        inside = await loop.start_tls(transport, connection, to_provider, server_hostname=origin.host)
        if inside is None:
            raise ConnectionResetError("the proxy closed the tunnel")
    except BaseException:
        transport.abort()
        raise
    connection.connection_made(inside)


def refusal(proxy: Proxy, status: int, reason: str = "") -> ProxyRefused:
    """A proxy's error answer in words."""
    said = f"{status} {reason}".strip()
    hint = "; give its user and password in the variable's URL, as in http://user:password@host:port"
    return ProxyRefused(f"the proxy {proxy} refused: {said}{hint if status == 407 else ''}")


class _Opening(asyncio.Protocol):
    """Reads the proxy's answer to CONNECT; `opened` tells when the tunnel stands."""

    def __init__(self, proxy: Proxy) -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._proxy = proxy
        self._answer = b""

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, end, rest = self._answer.partition(b"\r\n\r\n")
        if not end:
            if len(self._answer) > _MOST_BYTES:
                self._fail(
                    ProxyRefused(f"the proxy {self._proxy} answered with more than {_MOST_BYTES} bytes of headers")
                )
            return
        status = _STATUS.match(head + b"\r\n")
        if status is None:
            self._fail(ProxyRefused(f"the proxy {self._proxy} did not answer in HTTP"))
        elif not 200 <= int(status[1]) < 300:
            self._fail(refusal(self._proxy, int(status[1]), (status[2] or b"").decode("latin-1")))
        elif rest:
            self._fail(ProxyRefused(f"the proxy {self._proxy} sent bytes of its own into the tunnel"))
        elif not self.opened.done():
            self.opened.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(ProxyRefused(f"the proxy {self._proxy} closed the connection without leading on"))

    def _fail(self, error: Exception) -> None:
        if not self.opened.done():
            self.opened.set_exception(error)
