"""One statement on a thread of its own: take a handle, judge, prepare, run, leave nothing of it behind.

It knows the order of things and what has to be undone. It refuses to know HTTP: whoever asked gets items through a
Channel and may stop the run at any time.
"""

import contextlib
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tracing.engine import statement
from tracing.engine.body import Body
from tracing.engine.embedded import DATABASE, Effect, Engine, Handle, Piece
from tracing.engine.errors import ClickHouseError, from_engine
from tracing.engine.limits import Limits, assignment, identifier, quoted
from tracing.engine.output import Channel, Item, Output, StoppedError
from tracing.engine.request import Request
from tracing.engine.results import Passage, passage
from tracing.engine.sessions import Session, Sessions

_FILE_PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Job:
    """What to run. `coding` compresses the answer, `tag` marks an error in it; the engine knows the query as `mark`.

    `over` is set when there is no query left that could be stopped.
    """

    request: Request
    body: Body
    coding: str | None
    tag: str
    mark: str
    over: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    sql: bytes
    closing: statement.Closing | None
    effect: Effect
    keyword: str
    output: str
    passage: Passage


class Runner:
    """Runs jobs on the caller's thread against one engine; `folder` takes stored results."""

    def __init__(self, engine: Engine, sessions: Sessions, limits: Limits, folder: Path) -> None:
        self._engine = engine
        self._sessions = sessions
        self._limits = limits
        self._folder = folder

    def run(self, job: Job, channel: Channel) -> None:
        """Run `job` and put its items, an error or what completes the result last. Raises nothing."""
        last: Item | None = None
        try:
            with self._session(job.request) as session:
                last = self._answer(job, session, channel)
        except StoppedError:
            pass
        except _FailedError as failed:
            last = failed.item
        except Exception as error:
            last = from_engine(error)
        finally:
            job.over.set()
            job.body.discard()
        # Only now: a client that has its answer may use its session again at once.
        if last is not None:
            with contextlib.suppress(StoppedError):
                channel.put(last)

    @contextlib.contextmanager
    def _session(self, request: Request) -> Iterator[Session]:
        """The request's session, or one for this request alone: its handle is gone afterwards, whatever happened."""
        name = request.session_id
        if name is None:
            with contextlib.closing(self._engine.handle()) as handle:
                yield Session(handle=handle)
            return
        session = self._sessions.take(name, must_exist=request.session_must_exist)
        keep = not request.close_session
        try:
            yield session
        except BaseException:
            keep = session.handle.drain() and keep
            raise
        finally:
            self._sessions.release(name, timeout=request.session_timeout, keep=keep)

    def _answer(self, job: Job, session: Session, channel: Channel) -> Item:
        handle = session.handle
        plan = _plan(job, handle)
        with _prepared(job, session, plan, self._limits):
            started = time.monotonic_ns()
            pieces, streamed = _begin(job, handle, plan, self._folder)
            output = Output(
                channel=channel if streamed and not job.request.wait_end_of_query else None,
                passage=plan.passage,
                output_format=plan.output if plan.effect is Effect.READS else None,
                coding=job.coding,
                tag=job.tag,
                folder=self._folder,
                started=started,
            )
            try:
                with contextlib.closing(pieces):
                    for piece in pieces:
                        output.add(piece)
                return output.finish()
            except ClickHouseError as error:
                raise _FailedError(output.fail(error, self._engine.version)) from error
            finally:
                job.over.set()


class _FailedError(Exception):
    def __init__(self, item: Item) -> None:
        super().__init__()
        self.item = item


def _plan(job: Job, handle: Handle) -> _Plan:
    body = job.body
    if statement.touches_files(body.sql):
        raise ClickHouseError(348, "INTO OUTFILE and FROM INFILE are not allowed over HTTP; send and receive data")
    sql = body.sql
    if body.insert:
        file = f" FROM INFILE {quoted(str(body.data))} ".encode()
        sql = body.insert.into + file + body.insert.settings + f" FORMAT {body.insert.format}".encode()
    if not sql:
        raise ClickHouseError(62, "Syntax error: the statement is empty")
    effect, keyword = handle.effect(sql), statement.keyword(sql)
    readonly = job.request.readonly
    if readonly and effect not in (Effect.READS, Effect.UNKNOWN) and not (readonly == 2 and keyword in ("SET", "USE")):
        raise ClickHouseError(164, f"Cannot execute {keyword} query in readonly mode")
    closing = statement.closing(sql) if effect is Effect.READS else None
    output = (closing and closing.format) or job.request.default_format
    rows_in_array = "output_format_json_array_of_rows"
    way = passage(output, array_of_rows=rows_in_array.encode() in sql or rows_in_array in job.request.settings)
    return _Plan(sql=sql, closing=closing, effect=effect, keyword=keyword, output=output, passage=way)


def _begin(job: Job, handle: Handle, plan: _Plan, folder: Path) -> tuple[Generator[Piece], bool]:
    """Start the statement; whether its pieces are made as they are asked for comes second."""
    parameters = job.request.parameters
    if plan.effect is Effect.UNKNOWN:
        # The parser that streams takes one SELECT and nothing else, and says best what is wrong.
        for _ in handle.stream(plan.sql, output="Null", parameters=parameters) or ():
            pass
        raise ClickHouseError(62, "Syntax error: the statement can't be read")
    if plan.closing and plan.passage is Passage.WHOLE:
        return _by_file(job, handle, plan, plan.closing, folder), True
    if plan.closing:
        stream = handle.stream(plan.sql, output=plan.output, parameters=parameters)
        if stream is not None:
            return stream, True
    return _one(handle.run(plan.sql, output=plan.output, parameters=parameters)), False


def _one(piece: Piece) -> Generator[Piece]:
    yield piece


def _by_file(job: Job, handle: Handle, plan: _Plan, closing: statement.Closing, folder: Path) -> Generator[Piece]:
    """A result that is one document: the engine writes it to a file, as memory is no place for one of unknown size."""
    path = folder / f"{job.mark}.result"
    clause = f"\nINTO OUTFILE {quoted(str(path))} FORMAT {plan.output}".encode()
    try:
        done = handle.run(closing.before + clause + closing.rest, parameters=job.request.parameters)
        yield replace(done, data=b"")
        with path.open("rb") as file:
            while data := file.read(_FILE_PIECE):
                yield Piece(data=data)
    finally:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _prepared(job: Job, session: Session, plan: _Plan, limits: Limits) -> Iterator[None]:
    """Put the request's database and settings on the session's handle, and take them off again if it lives on."""
    request, handle = job.request, session.handle
    settings = limits.settings(request.settings, reads=plan.effect is Effect.READS)
    settings["log_comment"] = job.mark
    if request.session_id is None:
        if request.database and request.database != DATABASE:
            handle.run(f"USE {identifier(request.database)}".encode())
        handle.run(assignment(settings))
        if request.readonly:
            handle.run(b"SET readonly = 2")
        yield
    elif plan.keyword in ("SET", "USE"):
        session.state = None
        yield  # what they do is meant to stay, and the rest is not for them
    else:
        with _lent(session, request, settings):
            yield


@contextlib.contextmanager
def _lent(session: Session, request: Request, settings: Mapping[str, str]) -> Iterator[None]:
    """Put `settings` on a session's handle while the block runs.

    What the session's own SET has changed stays as it is, unless the request itself asks for something else.
    """
    handle = session.handle
    state = session.state = session.state or handle.state()
    chosen = {name: value for name, value in settings.items() if name in request.settings or name not in state.changed}
    database = request.database or state.database
    if database != state.database:
        handle.run(f"USE {identifier(database)}".encode())
    handle.run(assignment(chosen))
    try:
        yield
    finally:
        handle.run(assignment({name: state.changed.get(name) for name in chosen}))
        if database != state.database:
            handle.run(f"USE {identifier(state.database)}".encode())
