"""Where a URL leads: what to connect to, and what to ask for there. Pure; says in words what is wrong with a URL.

Only http and https (RFC 9110, section 4.2). A URL with a user or password is refused: keys have their own settings, and never
stand where a log or a page could show them.
"""

from urllib.parse import urlsplit

import msgspec

_PORTS = {"http": 80, "https": 443}


class BadAddress(ValueError):
    """A URL that leads nowhere; the message says why, and holds no password."""


class Origin(msgspec.Struct, frozen=True):
    """What to connect to. Written as host and port."""

    tls: bool
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """A URL, taken apart: `authority` is the Host header's value, `target` the path with the query."""

    origin: Origin
    authority: str
    target: str


def address_of(url: str) -> Address:
    """The address of a URL; raises BadAddress."""
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise BadAddress("the URL holds a user or a password before the '@'; give the key in api_key instead")
    if not url.isascii() or not url.isprintable() or " " in url:
        url = _in_ascii(url)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadAddress(f"{url!r} is not a URL: {error}") from error
    if parts.scheme not in _PORTS:
        raise BadAddress(f"{url!r} does not begin with http:// or https://")
    if not host:
        raise BadAddress(f"{url!r} names no host")
    if port == 0:
        raise BadAddress(f"{url!r} names port 0, where nothing can listen")
    origin = Origin(parts.scheme == "https", host, port or _PORTS[parts.scheme])
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    return Address(origin=origin, authority=parts.netloc, target=target if parts.path else f"/{target}")


def check_base_url(url: str) -> None:
    """Raises BadAddress for a base URL that calls can't be made below."""
    address_of(url)
    for mark, name in (("?", "query"), ("#", "fragment")):
        if mark in url:
            raise BadAddress(
                f"{url!r} has a {name}, but paths such as /chat/completions are put behind it; leave it out"
            )


def _in_ascii(url: str) -> str:
    """A URL whose host is an international name, with that in ASCII (RFC 5890); what else is not ASCII must be escaped."""
    scheme, mark, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    host, colon, port = authority.partition(":")
    try:
        url = f"{scheme}{mark}{host.encode('idna').decode()}{colon}{port}{slash}{path}"
    except UnicodeError as error:
        raise BadAddress(f"{url!r} holds a host name that can't be one: {error}") from error
    if not url.isascii() or not url.isprintable() or " " in url:
        raise BadAddress(f"{url!r} holds a character that must be %-escaped in a URL")
    return url
