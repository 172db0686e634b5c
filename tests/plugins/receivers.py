"""Who gets alerts in tests: a web server that keeps what was posted to it, and a mail server that keeps mail, both on loopback."""

import base64
import contextlib
import json
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(slots=True)
class Post:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Hook:
    """A web server. `next` are the answers to come: a status with headers, or seconds of silence; then 200."""

    url: str = ""
    posts: list[Post] = field(default_factory=list)
    next: list[tuple[int, dict[str, str]] | float] = field(default_factory=list)

    def wait(self, count: int, seconds: float = 60) -> list[Post]:
        """What was posted, once there are so many."""
        deadline = time.monotonic() + seconds
        while len(self.posts) < count:
            assert time.monotonic() < deadline, f"{len(self.posts)} of {count} posts came"
            time.sleep(0.02)
        return self.posts


@contextlib.contextmanager
def run_hook() -> Iterator[Hook]:
    """A web server that takes everything."""
    known = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            known.posts.append(Post(self.path, headers, body))
            answer = known.next.pop(0) if known.next else (200, {})
            if isinstance(answer, float):
                time.sleep(answer)
                return
            status, more = answer
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("content-length", "4")
            self.end_headers()
            self.wfile.write(b"told")

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:  # a client that hangs up is no news
            pass

    server = Server(("127.0.0.1", 0), Handler)
    known.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    with _running(server):
        yield known


@dataclass(slots=True)
class Mailbox:
    """A mail server. `login` is what it asks for; `refuse` an answer to RCPT other than 250."""

    port: int = 0
    login: tuple[str, str] | None = None
    refuse: str = ""
    mails: list[EmailMessage] = field(default_factory=list)
    secure: list[bool] = field(default_factory=list)


@contextlib.contextmanager
def run_mail_server(
    *, tls: ssl.SSLContext | None = None, at_once: bool = False, login: tuple[str, str] | None = None
) -> Iterator[Mailbox]:
    """A mail server (RFC 5321) with STARTTLS where there are certificates, or TLS from the beginning (`at_once`)."""
    box = Mailbox(login=login)

    class Handler(socketserver.StreamRequestHandler):
        def say(self, line: str) -> None:
            self.wfile.write(line.encode() + b"\r\n")

        def handle(self) -> None:
            secure, known = at_once, box.login is None
            if at_once and tls is not None:
                self._wrap()
            self.say("220 here")
            while line := self.rfile.readline():
                word, _, rest = line.decode().strip().partition(" ")
                match word.upper():
                    case "EHLO" | "HELO":
                        offers = (["STARTTLS"] if tls and not secure else []) + (["AUTH PLAIN"] if box.login else [])
                        lines = ["here", *offers]
                        for place, offer in enumerate(lines):
                            self.say(f"250{' ' if place == len(lines) - 1 else '-'}{offer}")
                    case "STARTTLS":
                        self.say("220 go on")
                        self._wrap()
                        secure = True
                    case "AUTH":
                        _, user, password = base64.b64decode(rest.split()[1]).decode().split("\0")
                        known = (user, password) == box.login
                        self.say("235 welcome" if known else "535 who are you")
                    case "MAIL":
                        self.say("250 ok" if known else "530 log in first")
                    case "RCPT":
                        self.say(box.refuse or "250 ok")
                    case "DATA":
                        self.say("354 go on")
                        text = b""
                        while (part := self.rfile.readline()) != b".\r\n":
                            text += part.removeprefix(b".") if part.startswith(b"..") else part
                        mail = message_from_bytes(text, policy=policy.default)
                        assert isinstance(mail, EmailMessage)
                        box.mails.append(mail)
                        box.secure.append(secure)
                        self.say("250 taken")
                    case "QUIT":
                        self.say("221 bye")
                        return
                    case _:
                        self.say("250 ok")

        def finish(self) -> None:
            with contextlib.suppress(OSError, ValueError):
                super().finish()
            self.connection.close()

        def _wrap(self) -> None:
            assert tls is not None
            self.request = self.connection = tls.wrap_socket(self.request, server_side=True)
            self.setup()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, *_: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    box.port = server.server_address[1]
    with _running(server):
        yield box


@contextlib.contextmanager
def _running(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
