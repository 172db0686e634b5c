"""A provider that misbehaves in every way that a socket can, seen from the official SDKs through the whole server.

Whatever it does: a typed exception with an error body of the endpoint's shape (or an answer, where the fault can be mended), one row,
nothing left open, and the next call works.
"""

import asyncio
import gzip
import json
import time
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anthropic
import brotli
import openai
import pytest

from proxy.complete import complete
from proxy.endpoints import ENDPOINTS as SERVED
from proxy.line import CallRequest
from proxy.reply import Reply
from registry.storage.database import migrate, open_engine
from slugline.compose import open_worker
from slugline.settings import Settings
from tests.plugins.faulty import OK, Exchange, Fault, Faulty, serve_faulty
from tests.plugins.server import Server, run_server

SETTINGS = """
retries = 1
breaker_failures = 1000000
[providers.o]
base_url = "{url}/v1"
api_key = "env:KEY_OF_O"
[providers.a]
kind = "anthropic"
base_url = "{url}"
api_key = "env:KEY_OF_O"
[providers.gone-o]
base_url = "http://127.0.0.1:1/v1"
[providers.gone-a]
kind = "anthropic"
base_url = "http://127.0.0.1:1"
[providers.hasty-o]
base_url = "{url}/v1"
first_byte_seconds = 1.5
idle_seconds = 0.5
total_seconds = 1.5
[providers.hasty-a]
kind = "anthropic"
base_url = "{url}"
first_byte_seconds = 1.5
idle_seconds = 0.5
total_seconds = 1.5
"""
SDK_SECONDS = 60
LARGE = "x" * 8_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a client sees and the row says: an answer, or an error with a status and a code, before or in the stream."""

    status: int = 200
    code: str = ""
    attempts: int = 1
    in_stream: bool = False

    @property
    def outcome(self) -> str:
        return {"": "ok", "provider_timeout": "timeout"}.get(self.code, "provider_error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A fault, and what is seen of it."""

    act: Fault
    whole: Seen
    streamed: Seen | None = None
    provider: str = ""
    early: bool = False


FINE = Seen()
MALFORMED = Seen(status=502, code="provider_malformed")
MALFORMED_TWICE = replace(MALFORMED, attempts=2)
CUT_OFF = Seen(status=502, code="provider_cut_off")
TIMEOUT = Seen(status=504, code="provider_timeout")


def in_stream(seen: Seen) -> Seen:
    return replace(seen, in_stream=True, attempts=1)


def raw(*parts: bytes) -> Fault:
    async def act(exchange: Exchange) -> None:
        await exchange.send(*parts)

    return act


def encoded(coding: str, encode: Callable[[bytes], bytes]) -> Fault:
    async def act(exchange: Exchange) -> None:
        await exchange.answer(encode(exchange.body), headers=f"content-encoding: {coding}\r\n".encode())

    return act


def body_of(made: Callable[[Exchange], bytes], content_type: bytes = b"") -> Fault:
    async def act(exchange: Exchange) -> None:
        await exchange.answer(made(exchange), content_type=content_type)

    return act


async def nothing(exchange: Exchange) -> None:
    raise AssertionError("nobody is asked")


async def reset_at_once(exchange: Exchange) -> None:
    exchange.reset()


async def reset_in_head(exchange: Exchange) -> None:
    await exchange.send(OK[:10])
    exchange.reset()


async def reset_in_body(exchange: Exchange) -> None:
    await exchange.half()
    await asyncio.sleep(0.2)  # a reset takes back what the other side has not read yet
    exchange.reset()


async def close_in_body(exchange: Exchange) -> None:
    await exchange.half()
    exchange.writer.close()


async def stall_at_once(exchange: Exchange) -> None:
    await exchange.until_closed()


async def stall_in_body(exchange: Exchange) -> None:
    await exchange.half()
    await exchange.until_closed()


async def trickle(exchange: Exchange) -> None:
    await exchange.send(OK, b"content-type: ", exchange.content_type, b"\r\ntransfer-encoding: chunked\r\n\r\n")
    while not exchange.reader.at_eof():
        await exchange.send(b"1\r\n \r\n" if exchange.content_type == b"application/json" else b"1\r\n:\r\n")
        await asyncio.sleep(0.05)


async def unmeasured_half(exchange: Exchange) -> None:
    await exchange.send(
        OK, b"content-type: ", exchange.content_type, b"\r\n\r\n", exchange.body[: len(exchange.body) // 2]
    )
    exchange.writer.close()


async def two_lengths(exchange: Exchange) -> None:
    await exchange.answer(exchange.body, headers=b"transfer-encoding: chunked\r\n")


async def interim_first(exchange: Exchange) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    await exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n", hints)
    await exchange.answer(exchange.body)


async def old_version(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.0 200 OK\r\ncontent-type: ", exchange.content_type, b"\r\n\r\n", exchange.body)
    exchange.writer.close()


async def too_long(exchange: Exchange) -> None:
    await exchange.answer(exchange.body)
    await exchange.send(b'{"id": "of nobody"}')


async def long_headers(exchange: Exchange) -> None:
    await exchange.answer(exchange.body, headers=b"".join(b"x-%d: %s\r\n" % (n, b"y" * 1000) for n in range(100)))


async def one_line_of_a_megabyte(exchange: Exchange) -> None:
    await exchange.answer(exchange.body.replace(b'"ok"', b'"' + b"o" * 1_000_000 + b'"'))


async def too_large(exchange: Exchange) -> None:
    error = b'{"type":"error","error":{"type":"request_too_large","message":"too much","code":null,"param":null}}'
    await exchange.answer(error, head=b"HTTP/1.1 413 Too Large\r\n", headers=b"connection: close\r\n")
    exchange.writer.write_eof()
    await exchange.until_closed()
    exchange.reset()


async def html_error(exchange: Exchange) -> None:
    await exchange.answer(b"<h1>Oh</h1>", head=b"HTTP/1.1 500 Oh\r\n", content_type=b"text/html")


REDIRECT = b"HTTP/1.1 307 Elsewhere\r\nlocation: http://127.0.0.1:1/v1/other\r\ncontent-length: 0\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
FOLDED = OK + b"x-a: 1\r\n x-b: 2\r\ncontent-length: 2\r\n\r\n{}"
BARE = OK + b"x-a: 1\rset-cookie: stolen\r\ncontent-length: 2\r\n\r\n{}"

CASES: dict[str, Case] = {
    "refused": Case(act=nothing, provider="gone", whole=Seen(status=502, code="provider_unreachable", attempts=2)),
    "reset at once": Case(act=reset_at_once, whole=Seen(status=502, code="provider_unreachable", attempts=2)),
    "reset in the head": Case(act=reset_in_head, whole=replace(CUT_OFF, attempts=2)),
    "reset in the body": Case(act=reset_in_body, whole=CUT_OFF, streamed=in_stream(CUT_OFF)),
    "closed in the body": Case(act=close_in_body, whole=CUT_OFF, streamed=in_stream(CUT_OFF)),
    "stalled at once": Case(act=stall_at_once, provider="hasty", whole=TIMEOUT),
    "stalled in the body": Case(act=stall_in_body, provider="hasty", whole=TIMEOUT, streamed=in_stream(TIMEOUT)),
    "a byte now and then": Case(act=trickle, provider="hasty", whole=TIMEOUT, streamed=in_stream(TIMEOUT)),
    "malformed JSON": Case(
        act=body_of(lambda exchange: exchange.body.replace(b"{", b"{,", 1).replace(b"}\n\n", b"\n\n")),
        whole=MALFORMED,
        streamed=in_stream(MALFORMED),
    ),
    "no JSON at all": Case(
        act=body_of(lambda exchange: b"data: OK\n\n" if b"data: " in exchange.body else b"OK"),
        whole=MALFORMED,
        streamed=in_stream(MALFORMED),
    ),
    "no UTF-8": Case(
        act=body_of(lambda exchange: exchange.body.replace(b"ok", b"\xff")),
        whole=MALFORMED,
        streamed=in_stream(MALFORMED),
    ),
    "HTML": Case(act=body_of(lambda _: b"<h1>Welcome to the hotel's network</h1>", b"text/html"), whole=MALFORMED),
    "events under another name": Case(
        act=body_of(lambda exchange: b"data: {}\n\n" + exchange.body, b"application/json"), whole=MALFORMED
    ),
    "a line of a megabyte": Case(act=one_line_of_a_megabyte, whole=FINE),
    "gzip": Case(act=encoded("gzip", gzip.compress), whole=FINE),
    "deflate": Case(act=encoded("deflate", zlib.compress), whole=FINE),
    "brotli": Case(act=encoded("br", brotli.compress), whole=FINE),
    "a coding that nobody knows": Case(act=encoded("compress", bytes), whole=MALFORMED),
    "no gzip although it says so": Case(act=encoded("gzip", bytes), whole=MALFORMED, streamed=in_stream(MALFORMED)),
    "gzip cut short": Case(
        act=encoded("gzip", lambda body: gzip.compress(body)[:-40]), whole=CUT_OFF, streamed=in_stream(CUT_OFF)
    ),
    "headers of 100 KB": Case(act=long_headers, whole=MALFORMED_TWICE),
    "a folded header": Case(act=raw(FOLDED), whole=MALFORMED_TWICE),
    "a header in a header": Case(act=raw(BARE), whole=MALFORMED_TWICE),
    "interim answers": Case(act=interim_first, whole=FINE),
    "another protocol": Case(act=raw(SWITCH), whole=MALFORMED_TWICE),
    "no HTTP": Case(act=raw(b"220 smtp.example.com ready\r\n"), whole=MALFORMED_TWICE),
    "two lengths": Case(act=two_lengths, whole=MALFORMED_TWICE),
    "longer than its length": Case(act=too_long, whole=FINE),
    "no length, closed early": Case(act=unmeasured_half, whole=MALFORMED, streamed=in_stream(CUT_OFF)),
    "HTTP/1.0": Case(act=old_version, whole=FINE),
    "204": Case(act=raw(b"HTTP/1.1 204 No Content\r\n\r\n"), whole=MALFORMED),
    "307": Case(act=raw(REDIRECT), whole=Seen(status=502, code="provider_redirected")),
    "an error page": Case(act=html_error, whole=Seen(status=500, code="provider_error", attempts=2)),
    "413 in the middle of an upload": Case(act=too_large, early=True, whole=Seen(status=413, code="provider_error")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An endpoint as an SDK calls it."""

    provider: str
    call: Callable[["Clients", str, bool, str, str], Any]
    dialect: str = "openai"


class Clients:
    """Both SDKs, pointed at the server."""

    def __init__(self, server: Server) -> None:
        self.openai = openai.OpenAI(base_url=server.url + "/v1", api_key="x", max_retries=0, timeout=SDK_SECONDS)
        self.anthropic = anthropic.Anthropic(base_url=server.url, api_key="x", max_retries=0, timeout=SDK_SECONDS)

    def close(self) -> None:
        self.openai.close()
        self.anthropic.close()


def chat(clients: Clients, model: str, stream: bool, text: str, mark: str) -> Any:
    messages: Any = [{"role": "user", "content": text}]
    return clients.openai.chat.completions.create(
        model=model, messages=messages, stream=stream, extra_headers={"x-slugline-external-id": mark}
    )


def response(clients: Clients, model: str, stream: bool, text: str, mark: str) -> Any:
    return clients.openai.responses.create(
        model=model, input=text, stream=stream, extra_headers={"x-slugline-external-id": mark}
    )


def message(clients: Clients, model: str, stream: bool, text: str, mark: str) -> Any:
    messages: Any = [{"role": "user", "content": text}]
    return clients.anthropic.messages.create(
        model=model, max_tokens=9, messages=messages, stream=stream, extra_headers={"x-slugline-external-id": mark}
    )


ENDPOINTS = {
    "chat": Endpoint(provider="o", call=chat),
    "responses": Endpoint(provider="o", call=response),
    "messages": Endpoint(provider="a", call=message, dialect="anthropic"),
    "chat, translated": Endpoint(provider="a", call=chat),
}


@pytest.fixture(scope="module")
def faulty() -> Iterator[Faulty]:
    with serve_faulty() as state:
        yield state


@pytest.fixture(scope="module")
def faced(faulty: Faulty, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = SETTINGS.format(url=faulty.url)
    with run_server(tmp_path_factory.mktemp("faced"), settings, workers=1, KEY_OF_O="k") as server:
        yield server


@pytest.fixture
def clients(faced: Server, faulty: Faulty) -> Iterator[Clients]:
    faulty.fault, faulty.early = None, False
    made = Clients(faced)
    yield made
    made.close()


def heard(endpoint: Endpoint, clients: Clients, model: str, stream: bool, text: str, mark: str) -> list[Any]:
    """What an SDK makes of a call: its answer, or its stream's events."""
    answer = endpoint.call(clients, model, stream, text, mark)
    return list(answer) if stream else [answer]


def check_error(error: Exception, endpoint: Endpoint, seen: Seen) -> None:
    """The exception is the SDK's own, and holds an error body of the endpoint's shape."""
    sdk: Any = anthropic if endpoint.dialect == "anthropic" else openai
    assert isinstance(error, sdk.APIError), repr(error)
    assert not isinstance(error, sdk.APIConnectionError), repr(error)  # a time-out is one
    if seen.in_stream:
        assert getattr(error, "status_code", 200) == 200
    else:
        assert isinstance(error, sdk.APIStatusError)
        assert (error.status_code, error.response.headers["content-type"]) == (seen.status, "application/json")
    told: Any = error.body
    if endpoint.dialect == "anthropic":
        assert told["type"] == "error"
        told = told["error"]
    assert isinstance(told["message"], str), told
    assert told["message"]
    assert isinstance(told["type"], str)
    assert {"param", "code"} <= told.keys()
    if seen.code != "provider_error":
        assert told["code"] == seen.code
        assert "provider '" in told["message"]


def call_faulty(
    case: Case, faulty: Faulty, clients: Clients, endpoints: Iterable[Endpoint] = ENDPOINTS.values()
) -> dict[str, Seen]:
    """Makes the call in every way, each followed by one that goes well; gives what the rows must say, by external id."""
    expected: dict[str, Seen] = {}
    for endpoint in endpoints:
        for stream in (False, True):
            seen = case.streamed or case.whole if stream else case.whole
            mark = uuid.uuid4().hex
            expected[mark] = seen
            provider = f"{case.provider}-{endpoint.provider}" if case.provider else endpoint.provider
            text = LARGE if case.early else "hello"
            faulty.fault, faulty.early = case.act, case.early
            try:
                found = heard(endpoint, clients, f"{provider}/f", stream, text, mark)
                assert not seen.code, f"an answer where an error should be: {found}"
                assert "o" in str(found)
            except (openai.OpenAIError, anthropic.AnthropicError) as error:
                assert seen.code, repr(error)
                check_error(error, endpoint, seen)
            faulty.fault, faulty.early = None, False
            assert "'ok'" in str(heard(endpoint, clients, f"{endpoint.provider}/f", stream, "hello", uuid.uuid4().hex))
    return expected


def until(holds: Callable[[], bool], what: Callable[[], str]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, what()
        time.sleep(0.02)


@pytest.mark.parametrize("name", CASES)
def test_every_call_ends_with_an_answer_or_an_error_and_a_row(
    name: str, faced: Server, faulty: Faulty, clients: Clients
) -> None:
    expected = call_faulty(CASES[name], faulty, clients)
    until(lambda: faulty.busy == 0, lambda: f"{faulty.busy} exchanges are still open")
    marks = ", ".join(f"'{mark}'" for mark in expected)
    rows = faced.until(
        f"SELECT external_id, outcome, status, error_code, attempts FROM calls WHERE external_id IN ({marks})",
        lambda found: len(found) >= len(expected),
    )
    assert sorted(row["external_id"] for row in rows) == sorted(expected), "one row a call"
    for row in rows:
        seen = expected[row["external_id"]]
        status = 200 if seen.in_stream else seen.status
        assert (row["outcome"], row["status"], row["error_code"]) == (seen.outcome, status, seen.code)
        attempts = json.loads(row["attempts"])
        assert len(attempts) == seen.attempts, attempts
        assert {attempt["error_code"] for attempt in attempts} == {seen.code}


def sockets(pid: int) -> int:
    found = 0
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found += str(entry.readlink()).startswith("socket:")
        except OSError:
            continue  # closed in this moment
    return found


def test_nothing_is_left_open(faced: Server, faulty: Faulty) -> None:
    """All faults, one after the other; in the end the worker has as many sockets as before, and the provider no connection."""
    [worker] = faced.children("slugline.worker")
    until(lambda: faulty.open == 0, lambda: f"{faulty.open} connections are open")
    before = sockets(worker)
    made = Clients(faced)
    for case in CASES.values():
        call_faulty(case, faulty, made, [ENDPOINTS["chat"]])
    made.close()
    until(lambda: faulty.open == 0, lambda: f"{faulty.open} connections are open, {faulty.busy} with an exchange")
    until(lambda: sockets(worker) <= before, lambda: f"{sockets(worker)} sockets, {before} before")


@pytest.mark.parametrize(
    ("coding", "body", "got"),
    [("br", brotli.compress(b'{"n":1}'), b'{"n":1}'), ("compress", b"\x1f\x9d\x90", b"\x1f\x9d\x90")],
)
def test_a_path_that_only_passes_through(
    faced: Server, faulty: Faulty, clients: Clients, coding: str, body: bytes, got: bytes
) -> None:
    """What can be decompressed is; what can't keeps its bytes and the header that says what they are."""
    head = f"content-encoding: {coding}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    faulty.fault, faulty.early = raw(OK, head.encode(), body), True
    with faced.api.stream("GET", "/v1/files", headers={"x-slugline-provider": "o"}) as answer:
        assert b"".join(answer.iter_raw()) == got
        assert answer.headers.get("content-encoding") == (coding if got == body else None)
    row = faced.row(answer.headers["x-slugline-call-id"])
    assert (row["outcome"], row["endpoint"]) == ("ok", "files")


def test_a_redirect_on_a_path_that_only_passes_through_is_the_clients_to_follow(
    faced: Server, faulty: Faulty, clients: Clients
) -> None:
    faulty.fault, faulty.early = raw(REDIRECT), True
    answer = faced.api.get("/v1/files/x/content", headers={"x-slugline-provider": "o"})
    assert (answer.status_code, answer.headers["location"]) == (307, "http://127.0.0.1:1/v1/other")


async def test_no_task_is_left_running(faulty: Faulty, tmp_path: Path) -> None:
    """The request path in this process, where its tasks can be counted: all faults, read to their end and given up in the middle."""
    hasty = {"first_byte_seconds": 0.2, "idle_seconds": 0.2, "total_seconds": 0.5}
    settings = Settings.model_validate(
        {"data": tmp_path / "data", "retries": 0, "providers": {"o": {"base_url": f"{faulty.url}/v1", **hasty}}}
    )
    prepare_folder(settings)
    async with open_worker(settings, {}) as worker:
        before = asyncio.all_tasks()
        for case in (case for case in CASES.values() if not case.early and case.act is not nothing):
            for stream in (False, True):
                faulty.fault = case.act
                asked = json.dumps({"model": "o/f", "messages": [], "stream": stream}).encode()
                call = CallRequest(endpoint=SERVED["/v1/chat/completions"], headers={}, body=asked, own=True)
                await read_out(await complete(call, worker.line))
                given_up = asyncio.create_task(complete(call, worker.line))
                await asyncio.sleep(0.02)
                if not given_up.done():
                    given_up.cancel()
                    await asyncio.wait([given_up])
                elif not isinstance(body := given_up.result().body, bytes):
                    body.leave()
        faulty.fault = None
        assert asyncio.all_tasks() == before
    await asyncio.to_thread(until, lambda: faulty.open == 0, lambda: f"{faulty.open} connections are open")


async def read_out(reply: Reply) -> None:
    if not isinstance(reply.body, bytes):
        while await reply.body.next() is not None:
            pass
        reply.body.close()


def prepare_folder(settings: Settings) -> None:
    settings.data.mkdir()
    engine = open_engine(settings.registry_url)
    migrate(engine)
    engine.dispose()
