"""The client of the request path against providers that misbehave in every way that a socket can."""

import asyncio
import contextlib
import gzip
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

import brotli
import pytest
import trustme

from proxy.errors import UpstreamBusy, UpstreamFailed, UpstreamMalformed, UpstreamTimeout
from proxy.providers import Timeouts
from proxy.upstream import Upstream, UpstreamAnswer, UpstreamRequest

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\n"


class Provider:
    """A socket that does what a test says, and counts what came."""

    def __init__(self) -> None:
        self.url = ""
        self.connections = 0
        self.requests: list[bytes] = []
        self.ended = asyncio.Event()


@contextlib.asynccontextmanager
async def provider(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[Provider]:
    state = Provider()
    tasks: list[asyncio.Task[None]] = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(
                    next(
                        (
                            line.split(b":")[1]
                            for line in head.lower().split(b"\r\n")
                            if line.startswith(b"content-length")
                        ),
                        b"0",
                    )
                )
                state.requests.append(head + await reader.readexactly(length))
                await handler(reader, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            state.ended.set()
        finally:
            writer.close()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.create_task(converse(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    scheme = "https" if tls else "http"
    state.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/x"
    try:
        yield state
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.05)  # the transports that were closed just now are gone after a turn of the loop


PATIENT = Timeouts(connect_seconds=5, first_byte_seconds=20, idle_seconds=20)


def request(
    url: str, body: bytes = b"{}", timeouts: Timeouts = PATIENT, at_a_time: int | None = None
) -> UpstreamRequest:
    return UpstreamRequest(
        provider="p",
        method="POST",
        url=url,
        headers=[("x-test", "1")],
        body=body,
        timeouts=timeouts,
        max_concurrency=at_a_time,
    )


def upstream() -> Upstream:
    return Upstream()


async def fetch(client: Upstream, url: str) -> tuple[UpstreamAnswer, bytes]:
    answer = await client.send(request(url))
    try:
        return answer, await answer.body()
    finally:
        answer.close()


ZSTD = bytes.fromhex("28b52ffd200529000068656c6c6f")
"""A frame of zstd with one raw block: hello (RFC 8878)."""


def encoded(coding: str, body: bytes) -> bytes:
    return OK + f"content-encoding: {coding}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def says(raw: bytes) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)

    return handler


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (OK + b"content-length: 5\r\n\r\nhello", b"hello"),
        (OK + b"transfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", b"hello"),
        (OK + b"content-length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"content-length: 5\r\n\r\nhello", b"hello"),
        (encoded("gzip", gzip.compress(b"hello", mtime=0)), b"hello"),
        (encoded("br", brotli.compress(b"hello")), b"hello"),
        (encoded("zstd", ZSTD), b"hello"),
        (encoded("identity", b"hello"), b"hello"),
        (OK + b"transfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\ncontent-encoding: br\r\n\r\n", b"hello"),
    ],
    ids=[
        "length",
        "chunked",
        "empty",
        "no content",
        "interim answer first",
        "gzip",
        "br",
        "zstd",
        "identity",
        "trailer",
    ],
)
async def test_every_way_to_send_a_body_and_the_connection_is_used_again(raw: bytes, body: bytes) -> None:
    async with provider(says(raw)) as there, upstream() as client:
        for _ in range(3):
            answer, got = await fetch(client, there.url)
            assert (answer.status in {200, 204}, got) == (True, body)
        assert there.connections == 1
        assert len(there.requests) == 3
        assert there.requests[0].startswith(b"POST /v1/x HTTP/1.1\r\nhost: 127.0.0.1:")


async def test_a_body_that_ends_with_the_connection() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"content-type: text/plain\r\n\r\nhello")
        await writer.drain()
        writer.close()

    async with provider(handler) as there, upstream() as client:
        assert (await fetch(client, there.url))[1] == b"hello"
        assert (await fetch(client, there.url))[1] == b"hello"


@pytest.mark.parametrize("arrived", [True, False], ids=["all there, unread", "still coming"])
async def test_what_was_left_unread_never_reaches_the_next_caller(arrived: bool) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(there.requests)
        body = f"answer {number}".encode()
        writer.write(OK + b"content-length: %d\r\n\r\n" % len(body) + (body if arrived else body[:3]))
        await writer.drain()
        if not arrived:
            await asyncio.sleep(0.05)
            writer.write(body[3:])

    async with provider(handler) as there, upstream() as client:
        for number in range(1, 4):
            answer = await client.send(request(there.url))
            if number < 3:
                await asyncio.sleep(0.02)
                answer.close()
            else:
                assert await answer.body() == b"answer 3"
                answer.close()
        assert there.connections == 3


async def test_a_second_answer_to_one_question_is_nobodys() -> None:
    async with provider(says(2 * (OK + b"content-length: 5\r\n\r\nhello"))) as there, upstream() as client:
        for _ in range(3):
            answer, body = await fetch(client, there.url)
            assert (body, len(answer.headers)) == (b"hello", 1)
        assert there.connections == 3


async def test_repeated_headers_stay_repeated() -> None:
    async with provider(says(OK + b"X-A: 1\r\nx-a: 2\r\ncontent-length: 0\r\n\r\n")) as there, upstream() as client:
        answer, _ = await fetch(client, there.url)
        assert [value for name, value in answer.headers if name == "x-a"] == ["1", "2"]


async def test_nobody_listens() -> None:
    async with upstream() as client:
        with pytest.raises(UpstreamFailed, match="provider 'p' can't be reached: .*refused") as failed:
            await client.send(request("http://127.0.0.1:1/v1/x"))
    assert failed.value.code == "provider_unreachable"


async def test_a_name_that_does_not_exist() -> None:
    async with upstream() as client:
        with pytest.raises(UpstreamFailed, match="the name 'no-such-host.invalid' can't be resolved"):
            await client.send(request("http://no-such-host.invalid/v1/x"))


@pytest.mark.parametrize(
    "raw", [b"", b"HTTP/1.1 20", b"SMTP ready\r\n\r\n", b"HTTP/1.1 200 OK\r\nbroken header\r\n\r\n"]
)
async def test_no_answer_or_no_http(raw: bytes) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()
        writer.close()

    async with provider(handler) as there, upstream() as client:
        with pytest.raises(UpstreamFailed):
            await client.send(request(there.url))


@pytest.mark.parametrize("head", [b"content-length: 10\r\n\r\nhel", b"transfer-encoding: chunked\r\n\r\n3\r\nhel\r\n"])
async def test_a_body_cut_short(head: bytes) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + head)
        await writer.drain()
        writer.transport.abort()

    async with provider(handler) as there, upstream() as client:
        answer = await client.send(request(there.url))
        assert await answer.chunk() == b"hel"
        with pytest.raises(UpstreamFailed) as failed:
            await answer.chunk()
        assert failed.value.code == "provider_cut_off"
        answer.close()
        assert (await client.send(request(there.url))).status == 200, "the next call gets a connection of its own"


async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    raise ConnectionError


async def test_a_silent_provider_times_out_before_and_in_the_answer() -> None:
    async def stalls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"transfer-encoding: chunked\r\n\r\n3\r\nhel\r\n")
        await writer.drain()
        await never(reader, writer)

    quick = Timeouts(first_byte_seconds=0.1, idle_seconds=20)
    async with provider(never) as there, upstream() as client:
        with pytest.raises(UpstreamTimeout, match=r"did not begin its answer within 0\.1 s"):
            await client.send(request(there.url, timeouts=quick))
        await asyncio.wait_for(there.ended.wait(), 10)
    idle = Timeouts(first_byte_seconds=20, idle_seconds=0.1)
    async with provider(stalls) as there, upstream() as client:
        answer = await client.send(request(there.url, timeouts=idle))
        assert await answer.chunk() == b"hel"
        with pytest.raises(UpstreamTimeout, match=r"did not go on with its answer within 0\.1 s"):
            await answer.chunk()
        answer.close()
        await asyncio.wait_for(there.ended.wait(), 10)


async def test_no_more_calls_at_a_time_than_the_provider_takes() -> None:
    open_now, most, release = 0, 0, asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        writer.write(OK + b"content-length: 5\r\n\r\nhe")
        await writer.drain()
        await release.wait()
        open_now -= 1
        writer.write(b"llo")

    async with provider(handler) as there, upstream() as client:

        async def call() -> bytes:
            answer = await client.send(request(there.url, at_a_time=2))
            try:
                return await answer.body()
            finally:
                answer.close()

        calls = [asyncio.create_task(call()) for _ in range(6)]
        while open_now < 2:
            await asyncio.sleep(0.01)
        with pytest.raises(UpstreamBusy, match="2 calls are open there already"):
            await client.send(request(there.url, at_a_time=2), queue=False)
        calls[0].cancel()  # gives its turn to the next
        release.set()
        done = await asyncio.gather(*calls, return_exceptions=True)
        assert done[1:] == [b"hello"] * 5
        assert most == 2


async def test_a_turn_that_does_not_come_is_an_error_in_words() -> None:
    async with provider(never) as there, Upstream(queue_seconds=0.05) as client:
        first = asyncio.create_task(client.send(request(there.url, at_a_time=1)))
        while not there.requests:
            await asyncio.sleep(0.01)
        with pytest.raises(UpstreamBusy, match="provider 'p' is busy"):
            await client.send(request(there.url, at_a_time=1))
        first.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await first


@pytest.mark.parametrize("begun", [False, True], ids=["before the answer", "in the answer"])
async def test_cancelling_ends_the_providers_call(begun: bool) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if begun:
            writer.write(OK + b"transfer-encoding: chunked\r\n\r\n3\r\nhel\r\n")
            await writer.drain()
        await never(reader, writer)

    async with provider(handler) as there, upstream() as client:

        async def call() -> None:
            answer = await client.send(request(there.url))
            try:
                await answer.body()
            finally:
                answer.close()

        task = asyncio.create_task(call())
        while not there.requests:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(there.ended.wait(), 10)


async def test_an_idle_connection_that_the_provider_closed_costs_no_call() -> None:
    """Closed while idle, and closed in the very moment of the next request: both are asked again on a new connection."""
    count = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        if count == 2:
            writer.transport.abort()  # took the request, said nothing
            return
        writer.write(OK + b"content-length: 2\r\n\r\nok")

    async with provider(handler) as there, upstream() as client:
        assert (await fetch(client, there.url))[1] == b"ok"
        assert (await fetch(client, there.url))[1] == b"ok"
        assert there.connections == 2


async def test_a_first_request_is_never_sent_twice() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with provider(handler) as there, upstream() as client:
        with pytest.raises(UpstreamFailed):
            await client.send(request(there.url))
        assert len(there.requests) == 1


async def test_chunks_come_one_by_one_and_a_slow_reader_pauses_the_provider() -> None:
    sent = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(OK + b"transfer-encoding: chunked\r\n\r\n")
        for _ in range(1000):
            writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            await writer.drain()
            sent += 1
        writer.write(b"0\r\n\r\n")

    async with provider(handler) as there, upstream() as client:
        answer = await client.send(request(there.url))
        await asyncio.sleep(0.3)
        assert sent < 500, "64 MB were taken although nobody read"
        total = 0
        while (chunk := await answer.chunk()) is not None:
            total += len(chunk)
        answer.close()
        assert total == 1000 * 65536


async def test_a_large_request_body_arrives_whole() -> None:
    async with provider(says(OK + b"content-length: 0\r\n\r\n")) as there, upstream() as client:
        body = bytes(range(256)) * 40_000
        answer = await client.send(request(there.url, body))
        answer.close()
        assert there.requests[0].endswith(body)


async def test_an_answer_before_the_upload_has_ended() -> None:
    ended = asyncio.Event()

    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig")
        with contextlib.suppress(ConnectionError):
            await writer.drain()
            while await reader.read(65536):
                pass
        writer.transport.abort()
        ended.set()

    server = await asyncio.start_server(early, "127.0.0.1", 0)
    async with upstream() as client:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/x"
        answer = await client.send(request(url, b"x" * 20_000_000))
        assert (answer.status, await answer.body()) == (413, b"big")
        answer.close()
        await asyncio.wait_for(ended.wait(), 10)
    server.close()
    await asyncio.sleep(0.05)


async def test_tls_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    async with provider(says(OK + b"content-length: 5\r\n\r\nhello"), tls) as there:
        async with upstream() as client:
            with pytest.raises(UpstreamFailed, match="certificate verify failed"):
                await client.send(request(there.url))
        with authority.cert_pem.tempfile() as file:
            monkeypatch.setenv("SSL_CERT_FILE", file)
            async with upstream() as client:
                assert (await fetch(client, there.url))[1] == b"hello"
                assert (await fetch(client, there.url))[1] == b"hello"


@pytest.mark.parametrize("value", ["a\r\nx-injected: 1", "a\nb", "a\rb"])
async def test_a_header_never_becomes_two(value: str) -> None:
    async with provider(says(OK + b"content-length: 0\r\n\r\n")) as there, upstream() as client:
        smuggled = UpstreamRequest(
            provider="p", method="POST", url=there.url, headers=[("authorization", value)], body=b""
        )
        with pytest.raises(UpstreamFailed, match="line break"):
            await client.send(smuggled)
        assert there.requests == []


@pytest.mark.parametrize(
    ("url", "says_why"),
    [
        ("http://127.0.0.1:0/v1/x", "names port 0"),
        ("http://127.0.0.1:99999/v1/x", "Port out of range"),
        ("http://me:secret@127.0.0.1/v1/x", "holds a user or a password"),
        ("unix:///tmp/x.sock", "does not begin with http"),
        ("http://127.0.0.1/a b", "must be %-escaped"),
    ],
)
async def test_a_url_that_leads_nowhere_is_an_error_in_words(url: str, says_why: str) -> None:
    async with upstream() as client:
        with pytest.raises(UpstreamFailed, match=f"provider 'p' can't be asked: .*{says_why}") as failed:
            await client.send(request(url))
    assert "secret" not in failed.value.message


async def test_an_ipv6_address() -> None:
    async with upstream() as client:
        try:
            server = await asyncio.start_server(lambda _, writer: writer.close(), "::1", 0)
        except OSError:
            pytest.skip("no IPv6 here")
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(UpstreamFailed, match="gave no answer"):
            await client.send(request(f"http://[::1]:{port}/v1/x"))
        server.close()
        await asyncio.sleep(0.05)


async def test_an_answer_to_head_has_no_body_whatever_length_it_tells() -> None:
    async with provider(says(OK + b"content-length: 5\r\n\r\n")) as there, upstream() as client:
        for _ in range(2):
            asked = UpstreamRequest(provider="p", method="HEAD", url=there.url, headers=[], body=b"", timeouts=PATIENT)
            answer = await client.send(asked)
            assert (answer.header("content-length"), await answer.body()) == ("5", b"")
            answer.close()


async def test_a_coding_that_is_not_known_stays_and_only_an_error_is_read_with_it() -> None:
    async with provider(says(encoded("compress", b"hello"))) as there, upstream() as client:
        answer = await client.send(request(there.url))
        assert (answer.header("content-encoding"), await answer.chunk()) == ("compress", b"hello")
        answer.close()
        answer = await client.send(request(there.url))
        with pytest.raises(UpstreamMalformed, match="in the content-encoding 'compress', which nobody had asked for"):
            await answer.body()
        answer.close()
    refused = encoded("compress", b"hello").replace(b"200 OK", b"429 Too Many")
    async with provider(says(refused)) as there, upstream() as client:
        answer, body = await fetch(client, there.url)
        assert (answer.status, body) == (429, b"hello")


async def test_a_decompressed_body_is_told_as_what_it_is() -> None:
    async with provider(says(encoded("gzip", gzip.compress(b"hello", mtime=0)))) as there, upstream() as client:
        answer, body = await fetch(client, there.url)
        assert (answer.header("content-encoding"), body) == ("", b"hello")


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"hello", "provider_malformed"), (gzip.compress(b"hello" * 99, mtime=0)[:-9], "provider_cut_off")],
)
async def test_a_compressed_body_that_is_none_or_ends_early(body: bytes, code: str) -> None:
    async with provider(says(encoded("gzip", body))) as there, upstream() as client:
        with pytest.raises(UpstreamFailed) as failed:
            await fetch(client, there.url)
        assert failed.value.code == code


async def test_what_a_few_bytes_blow_up_to_comes_in_small_steps_and_has_an_end() -> None:
    bomb = gzip.compress(bytes(300 * 2**20), compresslevel=9)
    async with provider(says(encoded("gzip", bomb))) as there, upstream() as client:
        answer = await client.send(request(there.url))
        first = await answer.chunk()
        assert first is not None
        assert len(first) <= 256 * 1024
        answer.close()
        with pytest.raises(UpstreamMalformed, match="longer than 256 MiB"):
            await fetch(client, there.url)


async def test_a_connection_whose_upload_was_not_taken_carries_no_other_request() -> None:
    connections = 0

    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig")
        await writer.drain()
        await release.wait()
        writer.transport.abort()

    release = asyncio.Event()
    server = await asyncio.start_server(early, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/x"
    async with upstream() as client:
        for number in (1, 2):
            answer = await client.send(request(url, b"x" * 20_000_000))
            assert await answer.body() == b"big"
            answer.close()
            assert connections == number
    release.set()
    server.close()
    await asyncio.sleep(0.05)


async def test_a_body_without_a_length_that_is_reset_is_not_whole() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"\r\nhel")
        await writer.drain()
        await asyncio.sleep(0.1)
        found = writer.get_extra_info("socket")
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with provider(handler) as there, upstream() as client:
        with pytest.raises(UpstreamFailed) as failed:
            await fetch(client, there.url)
        assert failed.value.code == "provider_cut_off"


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (
            OK + b"".join(b"x-%d: %s\r\n" % (n, b"y" * 1000) for n in range(100)) + b"content-length: 0\r\n\r\n",
            "longer than 64 KiB",
        ),
        (OK + b"x-a: " + b"y" * 100_000, "longer than 64 KiB"),
        (b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" * 3000, "longer than 64 KiB"),
        (OK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", "can't be present with"),
        (OK + b"content-length: 5\r\ncontent-length: 6\r\n\r\n", "Duplicate Content-Length"),
        (OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "other than chunked"),
        (OK + b"x-a: 1\r\n x-b: 2\r\n\r\n", "whitespace after header value"),
        (OK + b"x-a: 1\nx-b: 2\r\n\r\n", "Missing expected CR"),
        (OK + b"x-a: 1\x00\r\n\r\n", "Invalid header value"),
        (b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n", "switches to another protocol"),
    ],
)
async def test_an_answer_that_is_no_valid_http_says_why(raw: bytes, why: str) -> None:
    async with provider(says(raw + OK + b"content-length: 2\r\n\r\nno")) as there, upstream() as client:
        with pytest.raises(UpstreamMalformed, match=f"it is not valid HTTP .*{why}") as failed:
            await client.send(request(there.url))
        assert failed.value.code == "provider_malformed"
        await asyncio.wait_for(there.ended.wait(), 10)


async def test_a_header_without_an_end_is_not_kept_for_ever() -> None:
    async with provider(says(OK + b"x-a: " + b"y" * 100_000)) as there, upstream() as client:
        with pytest.raises(UpstreamMalformed, match="longer than 64 KiB"):
            await client.send(request(there.url))


async def test_an_answer_that_never_stops_coming_has_an_end() -> None:
    async def trickles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"transfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1\r\nx\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    steady = Timeouts(idle_seconds=20, total_seconds=0.5)
    async with provider(trickles) as there, upstream() as client:
        answer = await client.send(request(there.url, timeouts=steady))
        with pytest.raises(UpstreamTimeout, match=r"did not end its answer within 0\.5 s"):
            await answer.body()
        answer.close()
        await asyncio.wait_for(there.ended.wait(), 10)


@pytest.mark.parametrize("more", [b"", b"3\r\nlo!\r\n"], ids=["silent", "more is there"])
async def test_the_bound_on_the_whole_answer_holds_whether_something_comes_or_not(more: bytes) -> None:
    async def begins(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"transfer-encoding: chunked\r\n\r\n3\r\nhel\r\n")
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.write(more)
        await never(reader, writer)

    async with provider(begins) as there, upstream() as client:
        answer = await client.send(request(there.url, timeouts=Timeouts(idle_seconds=600, total_seconds=0.5)))
        assert await answer.chunk() == b"hel"
        await asyncio.sleep(0.6 if more else 0)
        with pytest.raises(UpstreamTimeout, match="did not end its answer"):
            await answer.chunk()
        answer.close()


async def test_a_connection_that_stays_idle_is_closed_without_anybody_asking_for_it() -> None:
    async with provider(says(OK + b"content-length: 5\r\n\r\nhello")) as there, upstream() as client:
        await fetch(client, there.url)
        assert not there.ended.is_set()
        await asyncio.wait_for(there.ended.wait(), 60)
