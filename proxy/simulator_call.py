"""One chat request that the simulator accepted, on its way out: as a whole, or as a stream of chunks.

Knows OpenAI's completion and chunk shapes, the pace, the gate, and that the client may leave at any moment. Refuses to
know routes, keys and the journal beyond the one entry that it keeps up to date.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from proxy.simulator_answers import Answer, answer, count_prompt_tokens
from proxy.simulator_wire import ClientLeftError, RefusedError, Send, reply, start


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Milliseconds before the first chunk (or the whole answer) and before each later chunk."""

    first_chunk_ms: float = 0.0
    chunk_ms: float = 0.0


class ChatCall:
    """One accepted chat request on its way out, as a whole or as a stream."""

    def __init__(
        self,
        *,
        body: Mapping[str, Any],
        headers: Mapping[str, str],
        pace: Pace,
        gate: Callable[[str], asyncio.Event],
        gone: asyncio.Task[None],
        entry: dict[str, Any],
        send: Send,
    ) -> None:
        self._body, self._gone, self._entry, self._send = body, gone, entry, send
        wishes = body.get("simulator")
        wishes = dict(wishes) if isinstance(wishes, dict) else {}
        prefix = "x-simulator-"
        wishes |= {k.removeprefix(prefix).replace("-", "_"): v for k, v in headers.items() if k.startswith(prefix)}
        self._first_s = _seconds(wishes, "first_chunk_ms", pace.first_chunk_ms)
        self._chunk_s = _seconds(wishes, "chunk_ms", pace.chunk_ms)
        self._gate = gate(str(wishes["gate"])) if "gate" in wishes else None
        self._model: str = body["model"]
        lapses = self._model == "simulator-small"
        self._answers = [answer(body, index=i, lapses=lapses) for i in range(body.get("n") or 1)]

    async def run(self, *, served: str, created: int, hang_s: float) -> None:
        """Answer as the model name `served`, with `created` in seconds since 1970; hang for `hang_s` if asked to hang.

        Raises ClientLeftError as soon as the client is seen to have left.
        """
        if self._model == "simulator-hang":
            await self._pause(hang_s)
            raise RefusedError(500)
        await self._pause(self._first_s)
        fingerprint = f"fp_simulator_{hashlib.sha256(served.encode()).hexdigest()[:8]}"
        head = {"id": f"chatcmpl-simulator-{self._entry['id']:08d}", "created": created, "model": served}
        head |= {"system_fingerprint": fingerprint}
        await (self._stream(head) if self._body.get("stream") else self._whole(head))
        self._entry["outcome"] = "cut" if self._model == "simulator-cut" else "completed"

    def _usage(self) -> dict[str, Any]:
        prompt, completion = count_prompt_tokens(self._body["messages"]), sum(item.tokens for item in self._answers)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        }

    async def _whole(self, head: Mapping[str, Any]) -> None:
        await self._until_open()
        choices = [
            {
                "index": i,
                "message": {"role": "assistant", "content": item.text, "refusal": None},
                "logprobs": None,
                "finish_reason": item.finish_reason,
            }
            for i, item in enumerate(self._answers)
        ]
        content = orjson.dumps({**head, "object": "chat.completion", "choices": choices, "usage": self._usage()})
        if self._model == "simulator-cut":
            # The promised length never comes: the server has to drop the connection, as a crashing provider would.
            await start(self._send, 200, "application/json", {"content-length": str(len(content))})
            await self._send({"type": "http.response.body", "body": content[: len(content) // 2], "more_body": True})
            return
        await reply(self._send, 200, content)

    async def _stream(self, head: Mapping[str, Any]) -> None:
        options = self._body.get("stream_options")
        with_usage = isinstance(options, dict) and bool(options.get("include_usage"))
        head = {**head, "object": "chat.completion.chunk", **({"usage": None} if with_usage else {})}
        events = [{**head, "choices": [choice]} for choice in _deltas(self._answers)]
        if with_usage:
            events.append({**head, "choices": [], "usage": self._usage()})
        await start(self._send, 200, "text/event-stream; charset=utf-8", {"cache-control": "no-cache"})
        for number, event in enumerate(events):
            if number:
                await self._pause(self._chunk_s)
            if number == 1:
                await self._until_open()
            if self._model == "simulator-cut" and number == len(events) // 2:
                return
            await self._send_event(orjson.dumps(event))
        await self._send_event(b"[DONE]", more=False)

    async def _send_event(self, data: bytes, *, more: bool = True) -> None:
        if self._gone.done():
            raise ClientLeftError
        await self._send({"type": "http.response.body", "body": b"data: " + data + b"\n\n", "more_body": more})
        self._entry["chunks_sent"] += 1

    async def _pause(self, seconds: float) -> None:
        """Wait that long, or less where the client leaves; a pause of zero lets the server notice that it left."""
        if seconds <= 0:
            await asyncio.sleep(0)
        elif (await asyncio.wait({self._gone}, timeout=seconds))[0]:
            raise ClientLeftError

    async def _until_open(self) -> None:
        if self._gate is None:
            return
        opened = asyncio.create_task(self._gate.wait())
        try:
            await asyncio.wait({opened, self._gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            opened.cancel()
        if self._gone.done():
            raise ClientLeftError


def _deltas(answers: list[Answer]) -> list[dict[str, Any]]:
    """The choices of a stream's chunks, in turn: a word each (the role with the first), then the reason it ended."""
    deltas = []
    for step in range(max(len(item.pieces) for item in answers) + 1):
        for i, item in enumerate(answers):
            role = {"role": "assistant"} if step == 0 else {}
            if step < len(item.pieces):
                deltas.append({"index": i, "delta": {**role, "content": item.pieces[step]}, "finish_reason": None})
            elif step == len(item.pieces):
                deltas.append({"index": i, "delta": role, "finish_reason": item.finish_reason})
    return deltas


def _seconds(wishes: Mapping[str, Any], name: str, default_ms: float) -> float:
    wish = wishes.get(name, default_ms)
    try:
        milliseconds = float(wish)
    except (TypeError, ValueError):
        milliseconds = -1.0
    if not 0 <= milliseconds <= 600_000:
        raise RefusedError(400, f"The simulator's {name} must be 0 to 600000 milliseconds, not {wish!r}.", param=name)
    return milliseconds / 1000
