"""A stream on its way: what passes, when it is on record, and how it ends."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from proxy.endpoints import ENDPOINTS
from proxy.errors import UpstreamFailed, UpstreamTimeout
from proxy.stream import AnswerStream, StreamEnd


def event(content: str | None = None, finish: str | None = None, **more: Any) -> bytes:
    delta = {} if content is None else {"content": content}
    return (
        b"data: "
        + json.dumps(
            {"model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}
        ).encode()
        + b"\n\n"
    )


DONE = b"data: [DONE]\n\n"
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'


class Answer:
    """A provider's answer from a list; an exception in it is raised."""

    provider = "p"

    def __init__(self, chunks: Sequence[bytes | Exception]) -> None:
        self._chunks = list(chunks)
        self.closed = False

    async def chunk(self) -> bytes | None:
        if not self._chunks:
            return None
        chunk = self._chunks.pop(0)
        if isinstance(chunk, Exception):
            raise chunk
        return chunk

    def close(self) -> None:
        self.closed = True


class Stream:
    def __init__(self, *chunks: bytes | Exception, hide_usage: bool = False) -> None:
        self.ends: list[StreamEnd] = []
        self.firsts = 0
        self.answer = Answer(chunks)
        self.stream = AnswerStream(
            self.answer,
            ENDPOINTS["/v1/chat/completions"],
            hide_usage=hide_usage,
            on_first_chunk=self._first,
            on_end=self.ends.append,  # type: ignore[arg-type]
        )

    def _first(self) -> None:
        self.firsts += 1

    async def read(self) -> list[bytes]:
        chunks = []
        while (chunk := await self.stream.next()) is not None:
            chunks.append(chunk)
        return chunks


async def test_bytes_pass_unchanged_and_the_record_comes_before_the_end() -> None:
    raw = event("a") + event("b", "stop") + USAGE + DONE
    given = Stream(raw[:30], raw[30:80], raw[80:])
    out = b""
    while (chunk := await given.stream.next()) is not None:
        assert bool(given.ends) or DONE not in out + chunk, "the end was given out before it was on record"
        out += chunk
    assert out == raw
    [end] = given.ends
    assert (end.outcome, end.tally.output_tokens, end.tally.finish_reason) == ("ok", 2, "stop")
    assert given.firsts == 1


async def test_usage_that_was_not_asked_for_is_tallied_and_not_shown() -> None:
    given = Stream(event("a", "stop") + USAGE, DONE, hide_usage=True)
    assert b"".join(await given.read()) == event("a", "stop") + DONE
    assert given.ends[0].tally.input_tokens == 3


async def test_an_answer_about_done_is_not_done() -> None:
    text = 'The stream ends with "data: [DONE]" and then'
    raw = event(text)
    given = Stream(raw[:-20], raw[-20:], event(" closes.", "stop"), DONE)
    await given.read()
    assert json.loads(given.ends[0].tally.response)["choices"][0]["message"]["content"] == text + " closes."


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (UpstreamFailed("gone", code="provider_cut_off"), "provider_error"),
        (UpstreamTimeout("slow", code="provider_timeout"), "timeout"),
    ],
)
async def test_a_break_becomes_an_error_event_that_a_client_can_read(error: UpstreamFailed, outcome: str) -> None:
    given = Stream(event("a"), event("b")[:25], error)
    out = b"".join(await given.read())
    assert out.startswith(event("a"))
    last = out.removeprefix(event("a"))
    assert json.loads(last.removeprefix(b"data: "))["error"]["code"] == error.code
    assert (given.ends[0].outcome, given.ends[0].tally.usage_source) == (outcome, "partial")
    assert len(given.ends) == 1


async def test_an_end_without_done_is_fine_when_the_answer_had_ended() -> None:
    given = Stream(event("a", "stop").rstrip())
    assert b"".join(await given.read()) == event("a", "stop").rstrip()
    assert given.ends[0].outcome == "ok"


@pytest.mark.parametrize("last", [b"data: [DONE]", b"data: [DONE]\n", event("b", "stop")[:-2], event("b", "stop")[:-1]])
async def test_a_last_event_without_its_blank_line(last: bytes) -> None:
    given = Stream(event("a"), last)
    assert b"".join(await given.read()) == event("a") + last
    assert [end.outcome for end in given.ends] == ["ok"]


@pytest.mark.parametrize("cut", [9, 40, -5])
async def test_half_an_event_never_passes_and_is_an_error_even_behind_the_finish(cut: int) -> None:
    given = Stream(event("a", "stop"), event("b", "stop")[:cut])
    passed, told = await given.read()
    assert passed == event("a", "stop")
    assert json.loads(told.removeprefix(b"data: "))["error"]["code"] == "provider_cut_off"
    assert [(end.outcome, end.error_code) for end in given.ends] == [("provider_error", "provider_cut_off")]


async def test_an_event_without_an_end_is_not_kept_for_ever() -> None:
    given = Stream(b"data: ", *[b"x" * 2**20] * 70)
    [told] = await given.read()
    assert "longer than 64 MiB" in json.loads(told.removeprefix(b"data: "))["error"]["message"]


async def test_an_end_in_the_middle_is_an_error() -> None:
    given = Stream(event("a"))
    assert b"provider_cut_off" in (await given.read())[-1]
    assert given.ends[0].outcome == "provider_error"


@pytest.mark.parametrize("data", [b'{"choices":[{"delta":{"conte', b"<html>busy</html>", b"\x00\xff", b"[1]"])
async def test_an_event_that_is_no_json_becomes_an_error_event(data: bytes) -> None:
    given = Stream(event("a") + b"data: " + data + b"\n\n" + event("b"), DONE)
    out = b"".join(await given.read())
    assert out.startswith(event("a"))
    assert json.loads(out.removeprefix(event("a")).removeprefix(b"data: "))["error"]["code"] == "provider_malformed"
    assert (given.ends[0].outcome, given.ends[0].error_code) == ("provider_error", "provider_malformed")
    assert len(given.ends) == 1


async def test_comments_and_pings_pass() -> None:
    raw = b": keep-alive\n\n" + event("a", "stop") + DONE
    given = Stream(raw)
    assert b"".join(await given.read()) == raw
    assert given.ends[0].outcome == "ok"


async def test_an_error_event_of_the_provider_passes_and_is_the_outcome() -> None:
    error = b'data: {"error":{"message":"overloaded"}}\n\n'
    given = Stream(event("a"), error, DONE)
    assert error in b"".join(await given.read())
    assert (given.ends[0].outcome, given.ends[0].error_message) == ("provider_error", "overloaded")


async def test_leaving_is_recorded_once_and_ends_the_providers_call() -> None:
    given = Stream(event("a"), event("b"))
    await given.stream.next()
    given.stream.leave()
    given.stream.leave()
    assert [end.outcome for end in given.ends] == ["client_left"]
    assert given.answer.closed
    assert await given.stream.next() is None


async def test_leaving_after_the_end_changes_nothing() -> None:
    given = Stream(event("a", "stop") + DONE)
    await given.read()
    given.stream.leave()
    assert [end.outcome for end in given.ends] == ["ok"]
