"""Connections that are open: made, kept while idle, taken again, and closed when they have been idle for too long.

Each carries one exchange at a time. Knows ways (proxy/proxies.py) and no provider; errors come as the system gives them.
"""

import asyncio
import ssl
from collections import defaultdict

from proxy.address import Origin
from proxy.connection import Connection
from proxy.proxies import Proxy, Way
from proxy.tunnel import open_tunnel

IDLE_SECONDS = 4.0  # below the 5 s after which Node.js servers close idle connections
MAX_IDLE = 256


class Pool:
    """The connections of one event loop. One that was made through a proxy is never taken for another way."""

    def __init__(self) -> None:
        # Reads SSL_CERT_FILE and SSL_CERT_DIR, as OpenSSL does everywhere.
        self._tls = ssl.create_default_context()
        self._tls.set_alpn_protocols(["http/1.1"])
        self._idle: dict[tuple[Origin, Proxy | None], list[Connection]] = defaultdict(list)
        self._sweeping: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """Closes what is idle."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        for connections in self._idle.values():
            for connection in connections:
                connection.abort()
        self._idle.clear()

    def take(self, way: Way) -> Connection | None:
        """An idle connection, or None."""
        idle = self._idle.get((way.origin, way.tunnel))
        oldest = _now() - IDLE_SECONDS
        while idle:
            connection = idle.pop()  # the one used last, so that the others grow old and go
            if not connection.closed and connection.idle_since >= oldest:
                return connection
            connection.abort()
        return None

    def give_back(self, way: Way, connection: Connection) -> None:
        """Keeps a connection whose exchange has ended for the next one; closes it where it can't carry another."""
        idle = self._idle[way.origin, way.tunnel]
        if connection.reusable and connection.spent and not connection.closed and len(idle) < MAX_IDLE:
            connection.used = True
            connection.idle_since = _now()
            idle.append(connection)
            if self._sweeping is None:
                self._sweeping = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._sweep)
        else:
            connection.abort()

    async def connect(self, way: Way) -> Connection:
        """A new connection; raises OSError, or ProxyRefused where a proxy doesn't lead on."""
        if way.tunnel is not None:
            connection = Connection()
            await open_tunnel(way.tunnel, way.origin, connection, to_proxy=self._tls, to_provider=self._tls)
            return connection
        _, connection = await asyncio.get_running_loop().create_connection(
            Connection, way.origin.host, way.origin.port, ssl=self._tls if way.origin.tls else None
        )
        return connection

    def _sweep(self) -> None:
        """Closes what has been idle for too long, and comes again while anything is idle."""
        self._sweeping = None
        oldest = _now() - IDLE_SECONDS
        for key, connections in list(self._idle.items()):
            kept = [one for one in connections if not one.closed and one.idle_since > oldest]
            for connection in set(connections).difference(kept):
                connection.abort()
            if kept:
                self._idle[key] = kept
            else:
                del self._idle[key]
        if self._idle:
            self._sweeping = asyncio.get_running_loop().call_later(IDLE_SECONDS / 2, self._sweep)


def _now() -> float:
    return asyncio.get_running_loop().time()
