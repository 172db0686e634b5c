"""`slugline serve`: one listening socket, and the processes that live on it.

    supervisor ── engine   (embedded ClickHouse; left out where the settings name a server)
               ├─ keeper   (loads the spool)
               └─ worker × N

1. The supervisor owns the data folder and the socket; it serves nothing itself, so that nothing in it can fail.
2. A child that dies is started again, at once the first time and more slowly when it keeps dying.
3. Ending goes against the stream: workers first (they drain their calls and seal the record), then the keeper (it loads what
   was sealed), then the engine. Each waits for the one before.
"""

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import FrameType

from registry.errors import RegistryUnavailableError
from registry.serving.snapshot import Snapshot, check_present
from registry.storage.database import migrate, open_engine
from registry.writing.key_store import KeyStore
from slugline.collector import prepare_telemetry, read_collector
from slugline.exposure import check_exposure
from slugline.folder import DataFolder
from slugline.process import NICENESS, SETTINGS_VARIABLE, signals_held, started
from slugline.providers import check_providers
from slugline.recording import check_recording
from slugline.setting_sources import SOURCES_VARIABLE, read_sources
from slugline.settings import Settings, SettingsError, read_secret

log = logging.getLogger("slugline")

POLL_SECONDS = 0.1
KEEPER_SECONDS = 60.0
ENGINE_SECONDS = 30.0
MIGRATE_SECONDS = 1.0
STEADY_SECONDS = 5.0
MAX_BACKOFF_SECONDS = 5.0
BACKLOG = 2048


@dataclass(slots=True)
class Child:
    """A process that should be running."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    descriptors: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    due: float = field(default=0.0)

    def start(self) -> None:
        self.started = time.monotonic()
        with signals_held():
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,  # never written to: its closing tells the child that its parent is gone
                env=self.environment,
                pass_fds=self.descriptors,
                start_new_session=True,  # Ctrl-C reaches the supervisor alone, which ends its children in order
            )

    def tend(self, now: float) -> None:
        """Starts the process when it isn't running and its pause is over."""
        if self.process is None:
            if now >= self.due:
                self.start()
            return
        status = self.process.poll()
        if status is None:
            return
        self.failures = 1 if now - self.started >= STEADY_SECONDS else self.failures + 1
        pause = 0.0 if self.failures == 1 else min(0.1 * 2**self.failures, MAX_BACKOFF_SECONDS)
        log.warning(
            "%s ended with status %s; starting it again%s", self.name, status, f" in {pause:.1f} s" if pause else ""
        )
        self._close_pipe()
        self.process, self.due = None, now + pause
        if not pause:
            self.start()

    def ask_to_end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def end(self, deadline: float) -> int | None:
        """Waits for the process until the deadline, then kills it; gives its exit status."""
        if self.process is None:
            return None
        try:
            status = self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.error("%s did not end in time and was killed", self.name)
            self.process.kill()
            status = self.process.wait()
        self._close_pipe()
        return status

    def _close_pipe(self) -> None:
        if self.process is not None and self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()


class Supervisor:
    """One server on one data folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = DataFolder(settings.data)
        self._stop = threading.Event()

    def run(self, *, announce: bool = True) -> int:
        """Serves until SIGTERM or Ctrl-C; gives the exit status, 0 when everything was loaded.

        Raises FolderInUse, SettingsError, or OSError when the port is taken.
        """
        settings = self._settings
        check_providers(settings, os.environ)
        read_collector(settings, os.environ)
        check_recording(settings, os.environ)
        for secret in filter(None, (settings.clickhouse.password, settings.oidc.client_secret)):
            read_secret(secret, os.environ)
        with self._folder.owned("a Slugline server"), self._signals():
            self._prepare_registry()
            with _listening(settings.host, settings.port) as listener:
                return self._serve(listener, announce=announce)

    def _prepare_registry(self) -> None:
        """Its newest tables, and the look whether there are keys: nothing listens before it is known that whoever knocks needs one."""
        engine = open_engine(self._settings.registry_url)
        try:
            try:
                check_present(engine, self._folder.snapshot)
                migrate(engine)
                keys = KeyStore(engine).all_keys()
            except RegistryUnavailableError as error:
                saved = Snapshot.of(engine, self._folder.snapshot).load()
                if saved is None:
                    raise
                log.warning("starting from the registry's snapshot (revision %d): %s", saved.state.revision, error)
                keys = list(saved.state.keys.values())
                threading.Thread(target=self._migrate_later, name="migrate", daemon=True).start()
        finally:
            engine.dispose()
        if self._settings.exposed:
            check_exposure(self._settings, keys)

    def _migrate_later(self) -> None:
        """Brings the tables up to date once the database is back: a newer release may have been started meanwhile."""
        engine = open_engine(self._settings.registry_url)
        while not self._stop.wait(MIGRATE_SECONDS):
            with contextlib.suppress(RegistryUnavailableError):
                check_present(engine, self._folder.snapshot)
                migrate(engine)
                break
        engine.dispose()

    def _serve(self, listener: socket.socket, *, announce: bool) -> int:
        settings = self._settings
        environment = {
            **os.environ,
            SETTINGS_VARIABLE: settings.model_dump_json(),
            SOURCES_VARIABLE: json.dumps(read_sources(settings, os.environ)),
        }
        collector = read_collector(settings, os.environ)
        prepare_telemetry(collector, spool=self._folder.spool, counters=self._folder.counters)
        engines, keepers, workers = self._children(listener, environment)
        children = [*engines, *keepers, *workers]
        url = f"http://{_shown_host(settings.host)}:{listener.getsockname()[1]}"
        self._folder.note_served_at(url)
        started()
        if announce:
            print(f"Slugline listens on {url}/v1 (pages: {url}/, data: {settings.data})", flush=True)
        try:
            while not self._stop.is_set():
                now = time.monotonic()
                for child in children:
                    child.tend(now)
                self._stop.wait(POLL_SECONDS)
        finally:
            listener.close()
            status = self._end(engines, keepers, workers)
        return status

    def stop(self) -> None:
        """Asks the server to end, from any thread or signal handler."""
        self._stop.set()

    def _children(
        self, listener: socket.socket, environment: dict[str, str]
    ) -> tuple[list[Child], list[Child], list[Child]]:
        python = [sys.executable, "-m"]
        engines = []
        if not self._settings.clickhouse.url:
            paths = ["--path", str(self._folder.clickhouse), "--endpoint", str(self._folder.endpoint)]
            command = [*python, "tracing.engine", *paths, "--nice", str(NICENESS), "--until-stdin-closes"]
            engines.append(Child("engine", command, environment))
        child = [*python, "slugline.child"]
        keeper = Child("keeper", [*child, "slugline.keeper"], environment)
        fd = listener.fileno()
        workers = [
            Child(f"worker {number}", [*child, "slugline.worker", str(fd), str(number)], environment, (fd,))
            for number in range(1, self._settings.workers + 1)
        ]
        return engines, [keeper], workers

    def _end(self, engines: list[Child], keepers: list[Child], workers: list[Child]) -> int:
        log.info("stopping: running calls may take %.0f s to end", self._settings.drain_seconds)
        ended: list[int | None] = []
        for group, seconds in (
            (workers, self._settings.drain_seconds + 10),
            (keepers, KEEPER_SECONDS),
            (engines, ENGINE_SECONDS),
        ):
            for child in group:
                child.ask_to_end()
            deadline = time.monotonic() + seconds
            ended += [child.end(deadline) for child in group]
        return 0 if all(status in {0, None} for status in ended) else 1

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def end(number: int, frame: FrameType | None) -> None:
            self.stop()

        before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY on what it accepts: without it small answers wait 40 ms.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"can't listen on {host} port {port}: {error.strerror}. Choose another with --port"
            ) from error
        listener.listen(BACKLOG)
        yield listener


def _shown_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
