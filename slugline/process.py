"""What every child process of the server has in common: its settings, its logging, and how it learns that it should end.

A child ends on SIGTERM, and when its standard input closes: the supervisor holds the other end, so a supervisor that was killed
takes its children along instead of leaving them on the data folder.
"""

import contextlib
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator

from slugline.settings import Settings

SETTINGS_VARIABLE = "SLUGLINE_PROCESS_SETTINGS"


NICENESS = 5
"""How far the keeper and the engine stand back behind the workers where cores are short: a backlog can wait, and a call can't."""


def stand_back() -> None:
    """Lets the workers go first. Call it before threads are started: on Linux they have it from whoever starts them."""
    with contextlib.suppress(OSError):
        os.nice(NICENESS)


def inherited_settings() -> Settings:
    """The settings that the supervisor resolved, so that all processes have the same."""
    return Settings.model_validate_json(os.environ[SETTINGS_VARIABLE])


def set_up_logging(name: str, level: str) -> None:
    """Logs to standard error, one line an event, with the process's role."""
    logging.basicConfig(
        level=level.upper(),
        stream=sys.stderr,
        format=f"%(asctime)s %(levelname)s {name}: %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S",
    )
    for noisy in ("httpx", "clickhouse_connect", "uvicorn.access", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def end_with_parent(end: Callable[[], None]) -> None:
    """Calls `end`, from another thread, once the supervisor is gone."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        end()

    threading.Thread(target=wait, name="parent", daemon=True).start()


def started() -> None:
    """Called once all that stays until the end is built: from here on the garbage collector passes over it, and is at work for the rest."""
    gc.freeze()
    gc.enable()


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Children started inside are born with SIGTERM held back, so that one that comes while they still start is not lost:
    it reaches them once they `accept_signals`."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def accept_signals() -> None:
    """Called by a child whose handlers are in place: what was held back is delivered now."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def terminate_self() -> None:
    """Asks this process to end in the way it ends on SIGTERM."""
    os.kill(os.getpid(), signal.SIGTERM)
