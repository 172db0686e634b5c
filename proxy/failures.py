"""How a provider that gave no answer is told of: one sentence for each way to fail. Pure."""

import os
import socket
import ssl

from proxy.connection import BrokenConnection
from proxy.errors import UpstreamFailed, UpstreamMalformed, UpstreamTimeout


def system_words(error: OSError, host: str) -> str:
    """The system's words for an error of connecting to a host; asyncio puts its own over them."""
    if isinstance(error, socket.gaierror):
        return f"the name '{host}' can't be resolved ({error.strerror or error})"
    if error.errno and not isinstance(error, ssl.SSLError):
        return os.strerror(error.errno).lower()
    return error.strerror or str(error)


def unreachable(provider: str, why: str) -> UpstreamFailed:
    """No connection, so no answer."""
    return UpstreamFailed(f"provider '{provider}' can't be reached: {why}", code="provider_unreachable")


def malformed(provider: str, what: str) -> UpstreamMalformed:
    """An answer came, but one that can't be read."""
    return UpstreamMalformed(
        f"provider '{provider}' sent an answer that can't be read: {what}", code="provider_malformed"
    )


def broken(provider: str, error: BrokenConnection) -> UpstreamFailed:
    """The connection broke before or in the answer, or what came over it was none."""
    if error.malformed:
        return malformed(provider, f"it is not valid HTTP ({error})")
    if error.began:
        return UpstreamFailed(f"provider '{provider}' broke off its answer: {error}", code="provider_cut_off")
    return UpstreamFailed(f"provider '{provider}' gave no answer: {error}", code="provider_unreachable")


def timed_out(provider: str, what: str, seconds: float) -> UpstreamTimeout:
    """The provider did not do in time what it should have done."""
    return UpstreamTimeout(f"provider '{provider}' did not {what} within {seconds:g} s", code="provider_timeout")


def redirected(provider: str, status: int, location: str) -> UpstreamMalformed:
    """Redirects are not followed: they would take the key and the prompt to somebody whom the settings don't name."""
    where = f"to {location.partition('?')[0]!r}" if location else "without saying where"
    return UpstreamMalformed(
        f"provider '{provider}' answered {status}, a redirect {where}; redirects are not followed: set its base_url to where it answers",
        code="provider_redirected",
    )
