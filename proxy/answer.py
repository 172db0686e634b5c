"""What every way to ask a provider gives: the head of an answer, and its body chunk by chunk. A protocol and nothing else."""

from collections.abc import Sequence
from typing import Protocol

from proxy.upstream import UpstreamRequest


class ProviderAnswer(Protocol):
    """A provider's answer: its head is here, its body is still to come. Close it, whatever happens."""

    provider: str
    status: int
    headers: Sequence[tuple[str, str]]

    def header(self, name: str) -> str:
        """A header's value, or an empty string."""
        ...

    async def chunk(self) -> bytes | None:
        """The next bytes as they come, or None at the end. Raises UpstreamFailed."""
        ...

    async def body(self) -> bytes:
        """The whole rest of the body. Raises UpstreamFailed."""
        ...

    def close(self) -> None:
        """Ends the exchange; the provider's call is aborted unless the body has come to its end."""
        ...


class Sender(Protocol):
    """A way to ask providers."""

    async def send(self, request: UpstreamRequest, *, queue: bool = True) -> ProviderAnswer:
        """Sends a request and waits for the head of its answer; with `queue` off, a busy provider is refused at once.

        Raises UpstreamFailed.
        """
        ...
