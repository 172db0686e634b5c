"""Environments that name a forward proxy for everybody, and a proxy that is down."""

import socket
from collections.abc import Iterator

import pytest


def everywhere(proxy: str) -> dict[str, str]:
    """The variables that send everybody who reads them to one proxy, in both cases; NO_PROXY excepts nobody."""
    named = {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "ALL_PROXY": proxy, "NO_PROXY": ""}
    return named | {name.lower(): value for name, value in named.items()}


@pytest.fixture
def dead_proxy() -> Iterator[str]:
    """A proxy's URL on loopback where nobody answers: the port is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
