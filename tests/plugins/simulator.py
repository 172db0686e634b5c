"""The provider simulator on a real socket: `simulator` is its base URL, `serve_simulator` starts one with other settings."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from proxy.simulator import SimulatorConfig, simulator_app


@contextlib.contextmanager
def serve_simulator(config: SimulatorConfig | None = None) -> Iterator[str]:
    """A simulator on a free loopback port, in a thread of its own; gives its URL without a path, and stops at the end."""
    with serve_app(simulator_app(config)) as url:
        yield url


@contextlib.contextmanager
def serve_app(app: Any) -> Iterator[str]:
    """Any ASGI app that stands in for a provider, likewise."""
    # With the protocol named, asyncio sets TCP_NODELAY on what it accepts: without it small answers wait 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    settings = uvicorn.Config(app, log_level="critical", ws="none", timeout_graceful_shutdown=1, access_log=False)
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), name="simulator")
    thread.start()
    try:
        # The listener takes connections from the moment it is bound: a caller waits in its queue, not for a flag.
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        listener.close()
        assert not thread.is_alive(), "the simulator did not stop within 20 s"


@pytest.fixture
def simulator() -> Iterator[str]:
    """The URL of a simulator that answers at once and takes any key."""
    with serve_simulator() as url:
        yield url
