"""A worker process: serves the shared listening socket with one event loop. `python -m slugline.child slugline.worker FD NUMBER`."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Generator

import uvicorn
import uvloop

from slugline.compose import open_worker
from slugline.process import (
    accept_signals,
    end_with_parent,
    inherited_settings,
    set_up_logging,
    started,
    terminate_self,
)
from slugline.settings import Settings

KEEP_ALIVE_SECONDS = 75  # longer than SDKs keep idle connections: they close first, and no request meets a closing door


class Server(uvicorn.Server):
    """uvicorn, without its habit of ending the process by the signal itself: what was recorded must be sealed first."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        accept_signals()
        yield

    def _end(self) -> None:
        self.should_exit = True


async def serve(settings: Settings, listener: socket.socket, name: str) -> None:
    """Serves until SIGTERM, lets running calls end within `drain_seconds`, then seals the record."""
    async with open_worker(settings, os.environ, name=name) as worker:
        server = Server(
            uvicorn.Config(
                worker.app,
                http="httptools",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=max(1, int(settings.drain_seconds)),
            )
        )
        started()
        await server.serve(sockets=[listener])


def main() -> None:
    settings = inherited_settings()
    set_up_logging(f"worker {os.getpid()}", settings.log_level)
    listener = socket.socket(fileno=int(sys.argv[1]))
    end_with_parent(terminate_self)
    uvloop.run(serve(settings, listener, f"worker {sys.argv[2]}"))


if __name__ == "__main__":
    main()
