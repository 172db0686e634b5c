"""Forward proxies, as the environment names them: which one a call goes through. Pure; the environment is handed in.

The variables are those that every HTTP client knows: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in lower case, too, which wins
(https://curl.se/docs/manpage.html#ENVIRONMENT). NO_PROXY is read by the rules of Python's own library, and takes networks such as
10.0.0.0/8, too. As with curl, loopback addresses are no exception: who wants them asked directly names them in NO_PROXY.
"""

import base64
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

import msgspec

from proxy.address import Address, BadAddress, Origin, address_of

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A forward proxy; spoken to over TLS where its URL says https. Written without its password."""

    origin: Origin
    authorization: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{'https' if self.origin.tls else 'http'}://{self.origin}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """The proxies for http and https URLs, and who is asked without one."""

    http: Proxy | None = None
    https: Proxy | None = None
    exceptions: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()

    def choose(self, origin: Origin) -> Proxy | None:
        """The proxy that a call to an origin goes through, or None for the direct way."""
        found = self.https if origin.tls else self.http
        return None if found is None or self._excepted(origin) else found

    def _excepted(self, origin: Origin) -> bool:
        """Whether NO_PROXY names a host, a domain above it, its network, or everybody (`*`); with a port, only that port."""
        host = origin.host.lower()
        for name in self.exceptions:
            if name == "*" or name in {host, str(origin).lower()} or f".{host}".endswith(f".{name}"):
                return True
            if f".{host}:{origin.port}".endswith(f".{name}"):
                return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self.networks)


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """How a request travels: over a connection to `origin`, tunnelled through `tunnel` where there is one.

    `forwarder` is the proxy that a plain http request is handed to: it then names its `target` as a whole URL (RFC 9112, section 3.2.2).
    """

    origin: Origin
    target: str
    tunnel: Proxy | None = None
    forwarder: Proxy | None = None


def way_to(address: Address, proxies: Proxies) -> Way:
    """The way to an address."""
    proxy = proxies.choose(address.origin)
    if proxy is None or address.origin.tls:
        return Way(origin=address.origin, target=address.target, tunnel=proxy)
    return Way(origin=proxy.origin, target=f"http://{address.authority}{address.target}", forwarder=proxy)


def proxies_from(environment: Mapping[str, str]) -> Proxies:
    """What the environment says; raises BadAddress with the variable's name for a proxy that can't be used."""
    for_all = _proxy("all_proxy", environment)
    exceptions = [name.strip().lower().lstrip(".") for name in _value("no_proxy", environment).split(",")]
    return Proxies(
        http=_proxy("http_proxy", environment) or for_all,
        https=_proxy("https_proxy", environment) or for_all,
        exceptions=tuple(filter(None, exceptions)),
        networks=tuple(_networks(exceptions)),
    )


def _value(name: str, environment: Mapping[str, str]) -> str:
    """A variable in lower case, else in upper case. One in lower case that is empty switches off the other."""
    if name in environment:
        return environment[name].strip()
    if name == "http_proxy" and "REQUEST_METHOD" in environment:
        return ""  # under CGI, HTTP_PROXY is the request's header `Proxy` (https://httpoxy.org)
    return environment.get(name.upper(), "").strip()


def _proxy(name: str, environment: Mapping[str, str]) -> Proxy | None:
    given = _value(name, environment)
    if not given:
        return None
    scheme, mark, rest = given.rpartition("://")
    if mark and scheme not in {"http", "https"}:
        raise BadAddress(f"{name.upper()} names a proxy of the kind {scheme}://; only http:// and https:// can be used")
    authority, slash, _ = rest.partition("/")
    user, at, host = authority.rpartition("@")
    try:
        origin = address_of(f"{scheme or 'http'}://{host}{slash}").origin
    except BadAddress as error:
        raise BadAddress(f"{name.upper()} names no proxy: {error}") from error
    basic = base64.b64encode(unquote(user if ":" in user else f"{user}:").encode()).decode()
    return Proxy(origin=origin, authorization=f"Basic {basic}" if at else "")


def _networks(exceptions: list[str]) -> list[Network]:
    found: list[Network] = []
    for name in exceptions:
        try:
            found.append(ipaddress.ip_network(name.strip("[]"), strict=False))
        except ValueError:
            continue  # a host name
    return found
