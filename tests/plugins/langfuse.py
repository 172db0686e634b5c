"""A stand-in for Langfuse's server, as far as prompts are read from it: keys, pages, versions, and the answers it gives when busy.

Its answers have the fields of https://api.reference.langfuse.com, "Prompts"; composed prompts are given as they were written
only when `resolve=false` asks for it.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PATH = "/api/public/v2/prompts"
KEYS = ("pk-lf-1", "sk-lf-1")


@dataclass(slots=True)
class FakeLangfuse:
    """Its prompts, by name and version; what was asked; and answers to give before the real one."""

    prompts: dict[str, dict[int, dict[str, Any]]]
    url: str = ""
    asked: list[str] = field(default_factory=list)
    first: list[tuple[int, dict[str, str]]] = field(default_factory=list)

    def answer(self, method: str, target: str, authorization: str) -> tuple[int, Any, dict[str, str]]:
        self.asked.append(target)
        if authorization != "Basic " + base64.b64encode(":".join(KEYS).encode()).decode():
            return 401, {"message": "Invalid credentials"}, {}
        if self.first:
            status, headers = self.first.pop(0)
            return status, {"message": "busy"}, headers
        url = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == PATH:
            return 200, self._page(int(query.get("page", 1)), int(query.get("limit", 10))), {}
        name = unquote(url.path.removeprefix(f"{PATH}/"))
        version = self.prompts.get(name, {}).get(int(query.get("version", 0)))
        if version is None or version.get("gone"):
            return 404, {"message": "Prompt not found", "error": "LangfuseNotFoundError"}, {}
        body = version["prompt"] if query.get("resolve") == "false" else str(version["prompt"]).replace("@@@", "")
        kind = "text" if isinstance(body, str) else "chat"
        about = {"labels": [], "tags": [], "config": {}, "commitMessage": None, "resolutionGraph": None}
        return (
            200,
            {"name": name, "version": int(query["version"]), "type": kind, **about, **version, "prompt": body},
            {},
        )

    def _page(self, page: int, limit: int) -> Any:
        limit = min(limit, 2)  # so that a few prompts are several pages
        names = sorted(self.prompts)
        data = [
            {
                "name": name,
                "type": "text",
                "versions": list(self.prompts[name]),
                "labels": [],
                "tags": [],
                "lastConfig": {},
            }
            for name in names[(page - 1) * limit : page * limit]
        ]
        meta = {"page": page, "limit": limit, "totalItems": len(names), "totalPages": -(-len(names) // limit)}
        return {"data": data, "meta": meta}


@contextmanager
def serve_langfuse(prompts: dict[str, dict[int, dict[str, Any]]]) -> Iterator[FakeLangfuse]:
    """The stand-in on a port of its own, until the block ends."""
    fake = FakeLangfuse(prompts)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body, headers = fake.answer("GET", self.path, self.headers.get("authorization", ""))
            data = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {
                "content-type": "application/json",
                "content-length": str(len(data)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
