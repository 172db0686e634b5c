"""Asking a Slugline server's `/api` over HTTP, and what can go wrong with that, a sentence each.

Knows headers, errors and when a request may be sent again. Refuses to know routes and values (`slugline.remote`). The rules:

1. Errors with a code of the registry's are raised as the class that they were on the server.
2. What can't have arrived is sent again once; what may have arrived only if it happens once however often it arrives: reads, and writes
   with an Idempotency-Key.
3. Redirects are not followed: the key would travel to whoever is named there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx

from registry.errors import STATUS, PromptInvalidError, RegistryError
from slugline.settings import LOOPBACK, SettingsError

CLASSES: Mapping[str, type[RegistryError]] = {kind.code: kind for kind in STATUS} | {
    "request_invalid": PromptInvalidError  # what the server's schema refuses
}
"""Code of an error answer to the class that is raised for it."""

_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 120.0


class ServerError(Exception):
    """A server can't be asked, or says what no registry says; in words."""


class ServerClient:
    """A server's `/api`. `key` is a caller key's text, `actor` whom the history names where there is no key."""

    def __init__(self, base_url: str, *, key: str = "", actor: str = "") -> None:
        self.base_url = checked(base_url)
        self.has_key = bool(key)
        headers = {"authorization": f"Bearer {key}"} if key else {}
        if actor and not key:
            headers["x-slugline-actor"] = actor.encode("ascii", "replace").decode()
        self._http = httpx.Client(
            headers=headers,
            timeout=httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS),
            # No proxy of the environment leads to this machine, or is to see a key on its way there.
            trust_env=urlsplit(self.base_url).hostname not in LOOPBACK,
        )

    def get(self, path: str, **query: Any) -> Any:
        """The answer's JSON. Raises RegistryError and ServerError, as all methods here."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._ask("GET", path, once=True, params=given)

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | Sequence[Any],
        *,
        if_match: int | None = None,
        idempotency_key: str = "",
        writes: bool = True,
    ) -> Any:
        """The answer's JSON to a request with a body, a write unless told otherwise."""
        headers = {"content-type": "application/json"}
        if if_match is not None:
            headers["if-match"] = f'"{if_match}"'
        if idempotency_key:
            headers["idempotency-key"] = _header(idempotency_key, "--idempotency-key")
        content = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
        return self._ask(method, path, once=bool(idempotency_key) or not writes, content=content, headers=headers)

    def stream(self, path: str, **query: Any) -> Iterator[bytes]:
        """The answer's body in pieces, decompressed. An answer that breaks off raises ServerError."""
        given = {name: value for name, value in query.items() if value is not None}
        try:
            with self._http.stream("GET", self.base_url + path, params=given) as answer:
                if not answer.is_success:
                    answer.read()
                    self._read(answer)
                yield from answer.iter_bytes()
        except httpx.HTTPError as error:
            raise ServerError(self._unreachable(error)) from error

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def _ask(self, method: str, path: str, *, once: bool, **request: Any) -> Any:
        url = self.base_url + path
        try:
            try:
                answer = self._http.request(method, url, **request)
            except httpx.TransportError as error:
                if not (once or isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)):
                    raise
                answer = self._http.request(method, url, **request)
        except httpx.HTTPError as error:
            raise ServerError(self._unreachable(error)) from error
        return self._read(answer)

    def _read(self, answer: httpx.Response) -> Any:
        try:
            said = answer.json()
        except ValueError:
            raise ServerError(self._foreign(answer)) from None
        if answer.is_success:
            return said
        error = said.get("error") if isinstance(said, Mapping) else None
        if not isinstance(error, Mapping) or not isinstance(error.get("message"), str):
            raise ServerError(self._foreign(answer))
        code, message = error.get("code"), error["message"]
        if (kind := CLASSES.get(str(code))) is not None:
            raise kind(message, param=error.get("param"))
        if answer.status_code == 401:
            message += " (the command line sends the one in SLUGLINE_KEY)"
        elif code == "request_route_not_found":
            message = f"the server at {self.base_url} doesn't know {message}: is it older than this command line?"
        raise ServerError(message)

    def _unreachable(self, error: httpx.HTTPError) -> str:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return (
                f"no server answers at {self.base_url} ({_reason(error)}): start one with `slugline serve`, or set SLUGLINE_URL "
                "to where it is"
            )
        if isinstance(error, httpx.TimeoutException):
            return (
                f"the server at {self.base_url} didn't answer within {_ANSWER_SECONDS:g} seconds; it may have done what it was "
                "asked for: `slugline audit log` shows whether it did"
            )
        return (
            f"the connection to {self.base_url} broke off ({_reason(error)}); the server may have done what it was asked for: "
            "`slugline audit log` shows whether it did"
        )

    def _foreign(self, answer: httpx.Response) -> str:
        if answer.is_redirect:
            where = answer.headers.get("location", "nowhere")
            return f"{self.base_url} redirects to {where[:200]}: set SLUGLINE_URL to the address that answers itself"
        kind = answer.headers.get("content-type", "").partition(";")[0] or "no content type"
        if answer.status_code in {401, 403, 407}:
            return (
                f"{self.base_url} lets nobody in who doesn't log in there (HTTP {answer.status_code}, {kind}): something in "
                "front of the server asks for more than SLUGLINE_KEY"
            )
        return (
            f"what answers at {self.base_url} is no Slugline server (HTTP {answer.status_code}, {kind}): SLUGLINE_URL takes "
            "its address, such as http://127.0.0.1:4545"
        )


def checked(url: str) -> str:
    """A server's base URL, without a slash at its end; one that ends in /v1, as SDKs take it, will do. Raises SettingsError."""
    text = url.strip().rstrip("/").removesuffix("/v1")
    try:
        parts = urlsplit(text)
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits or parts.query or parts.fragment:
        raise SettingsError(f"a server's URL is such as http://127.0.0.1:4545, not {url[:200]!r}")
    if parts.username or parts.password:
        raise SettingsError("a server's URL holds no user and no password: put a caller key into SLUGLINE_KEY")
    return text


def key_text(environment: Mapping[str, str]) -> str:
    """The key in SLUGLINE_KEY, "" without one. Raises SettingsError for what no header can hold."""
    return _header(environment.get("SLUGLINE_KEY", "").strip(), "SLUGLINE_KEY")


def _header(text: str, what: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise SettingsError(f"{what} holds something else than printable ASCII characters")
    return text


def _reason(error: Exception) -> str:
    return str(error).strip() or type(error).__name__
