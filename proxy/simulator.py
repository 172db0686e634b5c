"""A provider simulator that ships with the product and says that it is one: OpenAI's chat API, made without a model.

Labelled in every answer: model names start with `simulator-`, the header `x-slugline-simulator: 1` is always there, and
`system_fingerprint` starts with `fp_simulator_`. What it answers is decided in simulator_answers.py and depends on
nothing but the request. It refuses to know any other module of the proxy: to the proxy it is a provider like any other.

A caller steers a call with headers, or with the same names in the body under `simulator` (bodies reach a provider
unchanged where headers may not):

- `x-simulator-first-chunk-ms`, `x-simulator-chunk-ms`: time before the first chunk and before each later one;
- `x-simulator-gate: NAME`: a stream sends one chunk and waits until `POST /simulator/gate/NAME`; an answer in one piece
  waits before it is sent. `DELETE /simulator/gate/NAME` closes the gate again.

Model names that misbehave: `simulator-error-NNN` (an OpenAI error of that status), `simulator-hang` (no answer),
`simulator-cut` (the connection ends half-way), `simulator-slow`. `simulator-small` forgets an instruction now and then.
`simulator-latest` is served as `simulator-large-2026-01`, as providers do with aliases.
`GET /simulator/journal` tells what arrived and how it ended; `DELETE` empties it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from proxy.simulator_call import ChatCall, Pace
from proxy.simulator_wire import Asgi, ClientLeftError, Receive, RefusedError, Send, parse, read, reply, until_gone

__all__ = ["Pace", "SimulatorConfig", "simulator_app"]

_MASKED = {"authorization", "api-key", "x-api-key", "cookie", "proxy-authorization"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorConfig:
    """How one simulator behaves; the defaults answer at once and take any key.

    `served` maps a model asked for to the name that answers; `api_key`, where given, is the only key taken;
    `clock` gives seconds since 1970 for `created`; `hang_s` ends a hanging call that nobody cancels.
    """

    models: tuple[str, ...] = ("simulator-small", "simulator-large", "simulator-latest", "simulator-slow")
    served: Mapping[str, str] = field(default_factory=lambda: {"simulator-latest": "simulator-large-2026-01"})
    pace: Mapping[str, Pace] = field(default_factory=lambda: {"simulator-slow": Pace(first_chunk_ms=800, chunk_ms=40)})
    api_key: str | None = None
    journal_limit: int = 1000
    hang_s: float = 600.0
    clock: Callable[[], float] = time.time


def simulator_app(config: SimulatorConfig | None = None) -> Asgi:
    """The simulator as an ASGI application; also a factory for `uvicorn --factory proxy.simulator:simulator_app`."""
    return _Simulator(config or SimulatorConfig())


class _Simulator:
    def __init__(self, config: SimulatorConfig) -> None:
        self._config = config
        self._journal: deque[dict[str, Any]] = deque(maxlen=config.journal_limit)
        self._gates: dict[str, asyncio.Event] = {}
        self._count = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while True:
                kind = (await receive())["type"]
                await send({"type": f"{kind}.complete"})
                if kind == "lifespan.shutdown":
                    return
        if scope["type"] != "http":
            return
        route = (scope["method"], *scope["path"].strip("/").split("/"))
        match route:
            case ("POST", "v1", "chat", "completions"):
                await self._chat(scope, receive, send)
            case ("GET", "v1", "models"):
                await reply(send, 200, {"object": "list", "data": [_model(name) for name in self._config.models]})
            case ("GET", "v1", "models", name) if name in self._config.models:
                await reply(send, 200, _model(name))
            case ("GET", "simulator", "journal"):
                await reply(send, 200, {"entries": list(self._journal)})
            case ("DELETE", "simulator", "journal"):
                self._journal.clear()
                await reply(send, 200, {"entries": []})
            case ("POST", "simulator", "gate", name):
                self._gate(name).set()
                await reply(send, 200, {"gate": name, "open": True})
            case ("DELETE", "simulator", "gate", name):
                self._gate(name).clear()
                await reply(send, 200, {"gate": name, "open": False})
            case _:
                error = RefusedError(
                    404, f"The simulator has no {scope['method']} {scope['path']}.", code="unknown_url"
                )
                await reply(send, error.status, error.body)

    def _gate(self, name: str) -> asyncio.Event:
        return self._gates.setdefault(name, asyncio.Event())

    async def _chat(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        self._count += 1
        headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        entry: dict[str, Any] = {
            "id": self._count,
            "path": scope["path"],
            "headers": {key: "***" if key in _MASKED else value for key, value in headers.items()},
            "body": None,
            "outcome": "answering",
            "client_aborted": False,
            "chunks_sent": 0,
        }
        self._journal.append(entry)
        gone: asyncio.Task[None] | None = None
        try:
            raw = await read(receive)
            gone = asyncio.create_task(until_gone(receive))
            entry["body"] = body = parse(raw)
            self._check(body, headers)
            pace = self._config.pace.get(body["model"], Pace())
            call = ChatCall(body=body, headers=headers, pace=pace, gate=self._gate, gone=gone, entry=entry, send=send)
            served = self._config.served.get(body["model"], body["model"])
            await call.run(served=served, created=int(self._config.clock()), hang_s=self._config.hang_s)
        except RefusedError as error:
            extra = {"retry-after": "1"} if error.status == 429 else {}
            entry.update(outcome="error", status=error.status)
            await reply(send, error.status, error.body, extra)
        except (ClientLeftError, OSError):
            entry.update(outcome="client_left", client_aborted=True)
        except asyncio.CancelledError:
            entry.update(outcome="cancelled")
            raise
        finally:
            if gone is not None:
                gone.cancel()

    def _check(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        """Raise what a provider would answer to a request that can't be served."""
        if self._config.api_key is not None and headers.get("authorization") != f"Bearer {self._config.api_key}":
            raise RefusedError(401)
        model = body.get("model")
        if not isinstance(model, str) or not model.startswith("simulator-"):
            raise RefusedError(
                404, f"The model {model!r} does not exist: this is a simulator, its names start with 'simulator-'."
            )
        if model.startswith("simulator-error-") and model.rpartition("-")[2].isdecimal():
            status = int(model.rpartition("-")[2])
            raise RefusedError(status if 400 <= status <= 599 else 500)
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages or not all(isinstance(item, dict) for item in messages):
            raise RefusedError(400, "'messages' must be a list of at least one message object.", param="messages")
        n = body.get("n")
        if n is not None and (not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= 16):
            raise RefusedError(400, f"'n' must be a whole number from 1 to 16, not {n!r}.", param="n")


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1767225600, "owned_by": "slugline-simulator"}
