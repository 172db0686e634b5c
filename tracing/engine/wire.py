"""ClickHouse's HTTP interface as an ASGI application: from a request to a job, from a run's items to a response.

It knows status codes, headers, who may ask, how many may at once, and when a client has left. It refuses to know SQL
and chDB: a Runner does the work on a thread.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Final, cast

from tracing.engine import body, compression, request, statement
from tracing.engine.errors import ClickHouseError, from_engine
from tracing.engine.output import Broken, Streamed, Whole
from tracing.engine.pipe import PATIENCE, CutOffError, Pipe
from tracing.engine.request import Credentials
from tracing.engine.runs import Job, Runner

_log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Send = Callable[[Any], Awaitable[None]]

_PIECE: Final = 256 * 1024
_FAREWELL: Final = 2.0  # seconds at the end in which a stopped statement's client may still take the error
_KILL_EVERY: Final = 0.2
_KEPT_FOR_INSERTS: Final = 2
_READS: Final = frozenset({"SELECT", "WITH", "FROM", "SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN"})


class Application:
    """The interface over `runner`, whose threads are `threads` in number and come from `pool`; `spool` takes bodies."""

    def __init__(
        self,
        *,
        runner: Runner,
        kill: Callable[[str], None],
        credentials: Credentials,
        version: str,
        spool: Path,
        pool: Executor,
        threads: int,
    ) -> None:
        self._runner = runner
        self._kill = kill
        self._credentials = credentials
        self._version = version
        self._spool = spool
        self._pool = pool
        self._turns = asyncio.Semaphore(threads)
        self._other_turns = asyncio.Semaphore(max(1, threads - _KEPT_FOR_INSERTS))
        self._jobs: dict[Job, asyncio.Task[Any]] = {}
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()

    async def __call__(self, scope: Scope, receive: body.Receive, send: Send) -> None:
        """Answer one request."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host, path = request.addressed(scope["path"], headers.get("host", ""))
        if not request.loopback(host):
            await _plain(send, 403, b"the Host header must name this machine's loopback address\n")
        elif path in ("/ping", "/replicas_status"):
            await _plain(send, 200, b"Ok.\n")
        elif path != "/":
            await _plain(send, 404, b"There is no handle for this path; queries go to /\n")
        elif scope["method"] not in ("GET", "POST"):
            await _plain(send, 501, b"queries are sent with GET or POST\n")
        else:
            try:
                await self._query(scope, headers, receive, send)
            except (body.ClientLeftError, CutOffError, TimeoutError):
                raise
            except Exception:
                _log.exception("a query's response could not be made")
                raise

    async def drain(self, grace: float) -> None:
        """Take no new queries; give the running ones `grace` seconds, then stop them; return when all have ended."""
        self._draining = True
        if await self._ended(grace):
            return
        stops = [asyncio.create_task(self._stop(job)) for job in self._jobs]
        if not await self._ended(_FAREWELL):
            for response in tuple(self._jobs.values()):
                response.cancel()  # its client does not read on
        await self._idle.wait()
        await asyncio.gather(*stops)

    async def _ended(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        return self._idle.is_set()

    async def _query(self, scope: Scope, headers: Mapping[str, str], receive: body.Receive, send: Send) -> None:
        url = request.url_values(scope["query_string"])
        tag = secrets.token_hex(8)
        answer: dict[str, str] = {"x-clickhouse-timezone": "UTC", "x-clickhouse-exception-tag": tag}
        try:
            request.authenticate(request.credentials(headers, url), self._credentials)
            asked = request.read(scope["method"], headers, url)
            answer["x-clickhouse-query-id"] = asked.query_id
            incoming = body.pieces(receive, headers.get("content-encoding", ""))
            if headers.get("content-type", "").startswith("multipart/form-data"):
                asked = asked.with_fields(await body.form(incoming, headers["content-type"]))
                incoming = _nothing()
            job = Job(
                request=asked,
                body=await body.read(asked.query, incoming, self._spool),
                coding=compression.choose(headers.get("accept-encoding", "")) if asked.compress else None,
                tag=tag,
                mark=f"engine-{secrets.token_hex(8)}",
            )
        except (ClickHouseError, OSError) as error:
            await self._refuse(send, from_engine(error), answer)
            return
        self._jobs[job] = cast(asyncio.Task[Any], asyncio.current_task())
        self._idle.clear()
        try:
            async with self._turn(job):
                await self._run(job, answer, receive, send)
        except ClickHouseError as error:
            await self._refuse(send, error, answer)
        finally:
            job.body.discard()
            del self._jobs[job]
            if not self._jobs:
                self._idle.set()

    @contextlib.asynccontextmanager
    async def _turn(self, job: Job) -> AsyncIterator[None]:
        """Wait for a thread. Some are kept for inserts: a heavy question must not hold up the recording of calls."""
        if self._draining:
            raise ClickHouseError(236, "the engine is shutting down")
        turns = (self._turns,) if job.body.insert else (self._other_turns, self._turns)
        async with contextlib.AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(PATIENCE):
                    for turn in turns:
                        await stack.enter_async_context(turn)
            except TimeoutError:
                raise ClickHouseError(202, f"no thread was free within {PATIENCE:g} s") from None
            yield

    async def _run(self, job: Job, answer: Mapping[str, str], receive: body.Receive, send: Send) -> None:
        pipe = Pipe()
        work = asyncio.get_running_loop().run_in_executor(self._pool, self._runner.run, job, pipe)
        work.add_done_callback(lambda _: pipe.end())
        watch = asyncio.create_task(self._watch(job, pipe, receive))
        try:
            await self._respond(pipe, answer, send)
        finally:
            pipe.close()
            await asyncio.shield(work)
            watch.cancel()

    async def _watch(self, job: Job, pipe: Pipe, receive: body.Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        pipe.close()
        if statement.keyword(job.body.sql) in _READS:
            # What writes goes on: half a change is worse than one that nobody hears of.
            await self._stop(job)

    async def _stop(self, job: Job) -> None:
        while not job.over.is_set():
            # Again and again: it may not have reached the engine yet.
            with contextlib.suppress(ClickHouseError):
                await asyncio.to_thread(self._kill, job.mark)
            await asyncio.sleep(_KILL_EVERY)

    async def _respond(self, pipe: Pipe, answer: Mapping[str, str], send: Send) -> None:
        item = await pipe.get()
        match item:
            case ClickHouseError():
                await self._refuse(send, item, answer)
            case Whole():
                headers = {
                    **answer,
                    **_content(item),
                    "x-clickhouse-summary": item.summary,
                    "content-length": str(item.size),
                }
                await _start(send, 200, headers)
                with item.file:
                    while data := item.file.read(_PIECE):
                        await _piece(send, data, more=True)
                await _piece(send, b"", more=False)
            case Streamed():
                await _start(send, 200, {**answer, **_content(item)})
                while isinstance(item, Streamed):
                    await _piece(send, item.data, more=not item.last)
                    if item.last:
                        return
                    item = await pipe.get()
                if isinstance(item, Broken):
                    await _piece(send, item.data, more=True)
                raise CutOffError
            case Broken():
                raise CutOffError

    async def _refuse(self, send: Send, error: ClickHouseError, answer: Mapping[str, str]) -> None:
        headers = {**answer, "x-clickhouse-exception-code": str(error.code)}
        if error.status == 401:
            headers["www-authenticate"] = 'Basic realm="ClickHouse server HTTP API"'
        await _plain(send, error.status, f"{error.wire(self._version)}\n".encode("utf-8", "replace"), headers)


def _content(item: Whole | Streamed) -> dict[str, str]:
    headers = {"content-type": "text/plain; charset=UTF-8"}
    if item.output_format:
        headers["x-clickhouse-format"] = item.output_format
    if item.coding:
        headers["content-encoding"] = item.coding
    return headers


async def _plain(send: Send, status: int, text: bytes, headers: Mapping[str, str] | None = None) -> None:
    length = {"content-type": "text/plain; charset=UTF-8", "content-length": str(len(text))}
    await _start(send, status, {**length, **(headers or {})})
    await _piece(send, text, more=False)


async def _start(send: Send, status: int, headers: Mapping[str, str]) -> None:
    pairs = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})


async def _piece(send: Send, data: bytes, *, more: bool) -> None:
    async with asyncio.timeout(PATIENCE):
        await send({"type": "http.response.body", "body": data, "more_body": more})


async def _nothing() -> AsyncIterator[bytes]:
    for piece in tuple[bytes]():
        yield piece
