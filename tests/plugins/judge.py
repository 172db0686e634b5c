"""A provider that judges: OpenAI's chat endpoint whose answer is a verdict, by simple rules, on a real socket.

The rubric of the tests begins with "RUBRIC" and holds the judged answer between <output> tags. Verdict: true where "thank" is in it. What
goes wrong is chosen by `moods`, a status for each request to come (200 judges); what was asked is kept in `asked`.
"""

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class JudgeModel:
    """The running provider."""

    url: str = ""
    status: int = 200
    moods: list[int] = field(default_factory=list)
    said: str | None = None
    hold: threading.Event = field(default_factory=threading.Event)
    asked: list[dict[str, Any]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def verdict(self, body: dict[str, Any]) -> str:
        if self.said is not None:
            return self.said
        output = re.search(r"<output>(.*)</output>", body["messages"][0]["content"], re.DOTALL)
        return json.dumps({"reason": "read it", "verdict": "thank" in (output[1] if output else "").lower()})


@contextlib.contextmanager
def serve_judge() -> Iterator[JudgeModel]:
    """The provider on a free loopback port."""
    model = JudgeModel()
    model.hold.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with model.lock:
                model.asked.append(body)
                status = model.moods.pop(0) if model.moods else model.status
                model.at_once += 1
                model.most_at_once = max(model.most_at_once, model.at_once)
            model.hold.wait(30)
            answer: dict[str, Any] = {"error": {"message": f"judge says {status}"}}
            if status == 200:
                message = {"role": "assistant", "content": model.verdict(body)}
                answer = {
                    "id": "j", "object": "chat.completion", "model": "judge-1-2026", "usage": {"prompt_tokens": 7, "completion_tokens": 2},
                    "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                }  # fmt: skip
            content = json.dumps(answer).encode()
            with model.lock:
                model.at_once -= 1
            with contextlib.suppress(OSError):
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="judge")
    thread.start()
    model.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield model
    finally:
        model.hold.set()
        server.shutdown()
        thread.join(20)
        server.server_close()


RUBRIC = "RUBRIC for {{ prompt }}: is the assistant kind?\n<question>{{ question }}</question>\n<output>{{ output }}</output>"
