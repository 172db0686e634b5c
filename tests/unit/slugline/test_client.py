"""Asking a server over HTTP: every refusal of the registry comes back as the class it was, and whatever else answers is one sentence."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from proxy.errors import answer_for
from registry.errors import STATUS, PromptInvalidError, RegistryError
from registry.files.prompt_file import text_content
from slugline.access import open_access
from slugline.client import CLASSES, ServerClient, ServerError, checked
from slugline.remote import open_remote
from slugline.settings import SettingsError, load_settings

JSON = "application/json"


@dataclass(slots=True)
class Answering:
    """A server that answers as it is told; None breaks the connection off. It keeps what it was asked."""

    answers: list[tuple[int, str, bytes] | None]
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    url: str = ""


@contextmanager
def answering(*answers: tuple[int, str, bytes] | None) -> Iterator[Answering]:
    """The last answer is given for ever."""
    told = Answering([*answers])

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            told.asked.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
            answer = told.answers[0] if len(told.answers) == 1 else told.answers.pop(0)
            self.close_connection = True
            if answer is None:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            status, kind, body = answer
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            if 300 <= status < 400:
                self.send_header("location", "https://elsewhere.example/login")
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _any  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        told.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield told
        finally:
            server.shutdown()
            thread.join(10)


@contextmanager
def client(url: str, key: str = "") -> Iterator[ServerClient]:
    opened = ServerClient(url, key=key, actor="ann")
    try:
        yield opened
    finally:
        opened.close()


def _error(message: str, code: str) -> bytes:
    return json.dumps({"error": {"message": message, "type": "x", "param": None, "code": code}}).encode()


def _subclasses(kind: type[RegistryError]) -> Iterator[type[RegistryError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _subclasses(each)


@pytest.mark.parametrize("kind", [RegistryError, *_subclasses(RegistryError)], ids=lambda kind: kind.__name__)
def test_every_refusal_comes_back_as_it_was(kind: type[RegistryError]) -> None:
    answer = answer_for(kind("what was wrong", param="where"))
    with (
        answering((answer.status, JSON, answer.body("openai"))) as server,
        client(server.url) as asked,
        pytest.raises(kind) as raised,
    ):
        asked.get("/api/prompts")
    assert type(raised.value) is kind
    assert (raised.value.message, raised.value.param) == ("what was wrong", "where")


def test_no_two_classes_have_one_code() -> None:
    assert len({kind.code for kind in STATUS}) == len(STATUS)
    assert set(STATUS) == set(CLASSES.values())


def test_what_the_schema_refuses_is_an_invalid_input() -> None:
    with (
        answering((422, JSON, _error("version: too small", "request_invalid"))) as server,
        client(server.url) as asked,
        pytest.raises(PromptInvalidError, match="too small"),
    ):
        asked.send("POST", "/api/prompts", {})


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((401, JSON, _error("this server asks for a key", "auth_key_missing")), "asks for a key .*SLUGLINE_KEY"),
        ((403, JSON, _error("the Host header 'x' is not this machine", "auth_host_refused")), "is not this machine"),
        ((404, JSON, _error("GET /api/x: Not Found", "request_route_not_found")), "older than this command line"),
        ((503, JSON, _error("ClickHouse can't be reached", "records_unavailable")), "^ClickHouse can't be reached$"),
        ((200, "text/html; charset=utf-8", b"<html>Welcome</html>"), "no Slugline server .HTTP 200, text/html"),
        ((404, "text/html", b"<html>nginx</html>"), "no Slugline server .HTTP 404"),
        ((404, JSON, b'{"detail": "Not Found"}'), "no Slugline server .HTTP 404, application/json"),
        ((502, "text/plain", b"bad gateway"), "no Slugline server .HTTP 502"),
        ((403, "text/html", b"<html>Log in</html>"), "something in front of the server asks for more"),
        ((302, "text/html", b""), "redirects to https://elsewhere.example/login: set SLUGLINE_URL"),
        (None, "broke off"),
    ],
)
def test_whatever_else_answers_is_one_sentence(answer: tuple[int, str, bytes] | None, says: str) -> None:
    with (
        answering(answer) as server,
        client(server.url) as asked,
        pytest.raises(ServerError, match=says) as raised,
    ):
        asked.get("/api/prompts")
    assert "\n" not in str(raised.value)


def test_an_answer_of_another_version_is_one_sentence() -> None:
    calls: list[tuple[bytes, Callable[..., object]]] = [
        (b'{"surprise": 1}', lambda access: access.prompts()),
        (b'{"prompts": [{"slug": "a"}]}', lambda access: access.prompts()),
        (b"[]", lambda access: access.resolve("a")),
        (b'{"version": 1}', lambda access: access.resolve("a")),
        (b"{}", lambda access: access.save("a", text_content("x"), message="m")),
        (b"{}", lambda access: access.request("r")),
        (b"{}", lambda access: access.history()),
        (b"null", lambda access: access.keys.all_keys()),
    ]
    for body, call in calls:
        with (
            answering((200, JSON, body)) as server,
            open_remote(server.url, {}) as access,
            pytest.raises(ServerError, match="of one version|of this command line's version"),
        ):
            call(access)


def test_no_server_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with client(url) as asked, pytest.raises(ServerError, match="no server answers at .*slugline serve"):
            asked.get("/api/prompts")


def test_a_write_whose_answer_got_lost_is_sent_again_with_the_same_key() -> None:
    error = (409, JSON, _error("archived", "prompt_archived"))
    with (
        answering(None, error) as server,
        open_remote(server.url, {}) as access,
        pytest.raises(RegistryError, match="archived"),
    ):
        access.promote("a", 1, reason="r")
    first, second = (headers["idempotency-key"] for _, _, headers in server.asked)
    assert first == second != ""
    with (
        answering(None, error) as server,
        open_remote(server.url, {}) as access,
        pytest.raises(RegistryError, match="archived"),
    ):
        access.promote("a", 1, reason="r", idempotency_key="mine", if_match=7)
    assert [headers["idempotency-key"] for _, _, headers in server.asked] == ["mine", "mine"]
    assert server.asked[0][2]["if-match"] == '"7"'


def test_two_writes_have_two_keys() -> None:
    error = (409, JSON, _error("archived", "prompt_archived"))
    with answering(error) as server, open_remote(server.url, {}) as access:
        for _ in range(2):
            with pytest.raises(RegistryError):
                access.promote("a", 1, reason="r")
    assert len({headers["idempotency-key"] for _, _, headers in server.asked}) == 2


def test_a_write_that_could_happen_twice_is_not_sent_again() -> None:
    with (
        answering(None, (200, JSON, b"{}")) as server,
        open_remote(server.url, {}) as access,
        pytest.raises(ServerError, match="slugline audit log"),
    ):
        access.withdraw("r", reason="x")
    assert len(server.asked) == 1


def test_a_read_is_sent_again_once() -> None:
    with answering(None, (200, JSON, b'{"rules": []}')) as server, open_remote(server.url, {}) as access:
        assert access.rules() == []
    assert len(server.asked) == 2
    with answering(None) as server, open_remote(server.url, {}) as access, pytest.raises(ServerError):
        access.rules()
    assert len(server.asked) == 2


def test_the_key_goes_along_and_a_name_only_without_one() -> None:
    rules = (200, JSON, b'{"rules": []}')
    with answering(rules) as server, client(server.url, key="slk_x") as asked:
        asked.get("/api/rules")
    assert server.asked[0][2]["authorization"] == "Bearer slk_x"
    assert "x-slugline-actor" not in server.asked[0][2]
    with answering(rules) as server, client(server.url) as asked:
        asked.get("/api/rules")
    assert server.asked[0][2]["x-slugline-actor"] == "ann"
    assert "authorization" not in server.asked[0][2]


def test_ids_stay_one_part_of_a_path() -> None:
    for odd, path in (("../x", "%E2%88%95"), ("..", "/api/requests/-"), ("a?b=c#d", "a%3Fb%3Dc%23d"), ("", "/-")):
        with (
            answering((404, JSON, _error("no", "prompt_request_not_found"))) as server,
            open_remote(server.url, {}) as access,
            pytest.raises(RegistryError),
        ):
            access.request(odd)
        assert path in server.asked[0][1]
        assert server.asked[0][1].count("/") == 3


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://127.0.0.1:4545", "http://127.0.0.1:4545"),
        (" https://prompts.example.org/ ", "https://prompts.example.org"),
        ("http://127.0.0.1:4545/v1/", "http://127.0.0.1:4545"),
        ("https://example.org/slugline", "https://example.org/slugline"),
    ],
)
def test_urls(given: str, url: str) -> None:
    assert checked(given) == url


@pytest.mark.parametrize("given", ["127.0.0.1:4545", "ftp://x", "http://", "http://x:y", "http://x?a=b", "nonsense"])
def test_what_is_no_url_is_refused(given: str) -> None:
    with pytest.raises(SettingsError, match="a server's URL is such as"):
        checked(given)


def test_a_password_in_the_url_is_refused_and_not_shown() -> None:
    with pytest.raises(SettingsError, match="SLUGLINE_KEY") as raised:
        checked("http://ann:secret@127.0.0.1:4545")
    assert "secret" not in str(raised.value)


def test_a_key_that_no_header_can_hold_is_refused() -> None:
    with pytest.raises(SettingsError, match="SLUGLINE_KEY holds something else"):
        open_access(load_settings({}, None), "http://127.0.0.1:1", {"SLUGLINE_KEY": "slk_ä"})
