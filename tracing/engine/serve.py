"""The engine's process, from its lock to its last breath: what is opened in which order, and closed in the other.

It knows signals, the endpoint file and the HTTP server. It refuses to know queries.
"""

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn

from tracing.engine.embedded import DATABASE, Engine, open_engine
from tracing.engine.endpoint import Endpoint
from tracing.engine.limits import Limits
from tracing.engine.lock import owned
from tracing.engine.repair import forget_uncommitted
from tracing.engine.request import Credentials
from tracing.engine.runs import Runner
from tracing.engine.sessions import Sessions
from tracing.engine.wire import Application

_USER: Final = "slugline"
_LAST_RESORT: Final = 30.0  # seconds after the grace time in which a statement that was stopped must have ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to serve one data folder. `memory` is in bytes; `grace` in seconds, for queries that run at the end."""

    path: Path
    endpoint: Path
    memory: int
    threads: int
    grace: float
    until_stdin_closes: bool


def serve(settings: Settings) -> None:
    """Serve until a signal, or the end of standard input. Raises FolderIsOwnedError, or RuntimeError saying why."""
    os.umask(0o077)  # prompts and answers of people are in there
    with owned(settings.path):
        if forgotten := forget_uncommitted(settings.path):
            sys.stderr.write(f"inserts that a killed engine had noted and not stored, to be taken again: {forgotten}\n")
        engine = open_engine(settings.path, memory=settings.memory)
        try:
            asyncio.run(_serve(engine, settings))
        finally:
            engine.close()


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: this process ends in an order of its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(engine: Engine, settings: Settings) -> None:
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, end.set)
    # Whoever starts this process may hold SIGTERM back until there is somebody to take it.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    if settings.until_stdin_closes:
        threading.Thread(target=_wait_for_end_of_input, args=(loop, end), daemon=True, name="stdin").start()
    spool = _empty_folder(settings.path / "incoming")
    limits = Limits(memory=settings.memory // 2)
    sessions = Sessions(engine.handle, time.monotonic)
    credentials = Credentials(user=_USER, password=secrets.token_urlsafe(32))
    with ThreadPoolExecutor(settings.threads, "query") as pool, _listener() as listener:
        application = Application(
            runner=Runner(engine, sessions, limits, spool),
            kill=engine.kill,
            credentials=credentials,
            version=engine.version,
            spool=spool,
            pool=pool,
            threads=settings.threads,
        )
        server = _Server(_configuration(application))
        serving = asyncio.create_task(server.serve([listener]))
        endpoint = Endpoint(
            url=f"http://127.0.0.1:{listener.getsockname()[1]}",
            user=credentials.user,
            password=credentials.password,
            database=DATABASE,
            pid=os.getpid(),
            version=engine.version,
        )
        serving.add_done_callback(lambda _: end.set())
        # The socket listens already: a client that is quicker than the server waits a moment in its queue.
        endpoint.write(settings.endpoint)
        await end.wait()
        endpoint.remove(settings.endpoint)
        try:
            await asyncio.wait_for(application.drain(settings.grace), settings.grace + _LAST_RESORT)
        except TimeoutError:
            sys.stderr.write("a statement does not stop; the engine ends without waiting for it\n")
            os._exit(1)
        server.should_exit = True
        await serving
    sessions.close()


def _listener() -> socket.socket:
    # With the protocol named, asyncio sets TCP_NODELAY on what it accepts: without it each answer waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    return listener


def _configuration(application: Application) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        interface="asgi3",
        http="h11",
        ws="none",
        lifespan="off",
        access_log=False,
        # A response that breaks off on purpose is no news; what matters is said to the client.
        log_config=None,
        log_level="critical",
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=1 << 20,
    )


def _empty_folder(folder: Path) -> Path:
    """Make `folder`, and remove what a killed process left in it: the lock says that nobody else writes here."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for left in folder.iterdir():
        left.unlink()
    return folder


def _wait_for_end_of_input(loop: asyncio.AbstractEventLoop, end: asyncio.Event) -> None:
    # os.read, not sys.stdin: a thread that waits in the buffered reader would be in the way of the interpreter's exit.
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    with contextlib.suppress(RuntimeError):  # the loop is closed: the process ends anyway
        loop.call_soon_threadsafe(end.set)
