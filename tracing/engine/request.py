"""One HTTP request as ClickHouse reads it: credentials, transport switches, query parameters, settings.

Pure: it takes header and URL values and returns values, or a ClickHouseError. It refuses to read bodies or to know
what the engine makes of a setting.
"""

import base64
import binascii
import hmac
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from tracing.engine.errors import ClickHouseError

# Parameters of the HTTP interface itself; every other one is a setting or, with `param_`, a query parameter.
_TRANSPORT: Final = frozenset(
    (
        *("query", "database", "default_format", "user", "password", "query_id", "quota_key", "readonly"),
        *("session_id", "session_timeout", "session_check", "close_session", "client_protocol_version"),
        *("compress", "decompress", "enable_http_compression", "http_zlib_compression_level"),
        *("wait_end_of_query", "buffer_size", "cancel_http_readonly_queries_on_client_close"),
        *("send_progress_in_http_headers", "http_headers_progress_interval_ms", "log_comment", "stacktrace"),
    )
)
_ON: Final = frozenset({"1", "true"})
_LONGEST_SESSION: Final = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who asks; an empty user means that nobody said."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a request asks for beside its statement. `session_timeout` is in seconds; `readonly` is 0, 1 or 2."""

    query: bytes
    query_id: str
    database: str | None
    default_format: str
    session_id: str | None
    session_timeout: int
    session_must_exist: bool
    close_session: bool
    wait_end_of_query: bool
    compress: bool
    readonly: int
    parameters: Mapping[str, str]
    settings: Mapping[str, str]

    def with_fields(self, fields: Mapping[str, bytes]) -> "Request":
        """The request with the fields of a form added: its `query`, and its `param_…` as query parameters."""
        parameters = {name[6:]: _text(value) for name, value in fields.items() if name.startswith("param_")}
        return replace(self, query=self.query + fields.get("query", b""), parameters={**self.parameters, **parameters})


def loopback(host: str) -> bool:
    """Whether a Host header names this machine's loopback. A web page that rebinds its DNS name to us does not."""
    return urlsplit(f"//{host}").hostname in {"127.0.0.1", "localhost", "::1"}


def addressed(target: str, host: str) -> tuple[str, str]:
    """Whom a request is for, and its path. A target that is a whole URL names both; Host then doesn't count (RFC 9112, 3.2.2)."""
    scheme, mark, rest = target.partition("://")
    if not mark or scheme.lower() != "http":
        return host, target
    authority, _, path = rest.partition("/")
    return authority, f"/{path}"


def credentials(headers: Mapping[str, str], url: Mapping[str, str]) -> Credentials:
    """Take the credentials from the URL, the X-ClickHouse headers or Basic authentication, whichever comes first."""
    if "user" in url or "password" in url:
        return Credentials(user=url.get("user", ""), password=url.get("password", ""))
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        return Credentials(user=headers.get("x-clickhouse-user", ""), password=headers.get("x-clickhouse-key", ""))
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return Credentials(user="", password="")
        return Credentials(user=user, password=password)
    return Credentials(user="", password="")


def authenticate(given: Credentials, expected: Credentials) -> None:
    """Raise ClickHouseError (194 when nobody said who asks, 516 when it is not who may) unless they are the same."""
    if not given.user and not given.password:
        raise ClickHouseError(194, "this engine takes the user and password of its endpoint file; the request has none")
    same = [
        hmac.compare_digest(ours.encode(), theirs.encode("utf-8", "surrogateescape"))
        for ours, theirs in ((expected.user, given.user), (expected.password, given.password))
    ]
    if not all(same):
        raise ClickHouseError(
            516, f"{given.user}: Authentication failed: password is incorrect, or there is no user with such name"
        )


def url_values(query_string: bytes) -> dict[str, str]:
    """The URL's parameters; bytes that are no UTF-8 survive as surrogates; of a name given twice the last counts."""
    return dict(parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, errors="surrogateescape"))


def read(method: str, headers: Mapping[str, str], url: Mapping[str, str]) -> Request:
    """Read everything but the body. Raises ClickHouseError for what is malformed (36) or not offered here (48)."""
    _refuse((name for name in ("compress", "decompress") if url.get(name, "0") in _ON), "use Content-Encoding instead")
    _refuse((name for name in url if name == "role"), "this engine has one user")
    return Request(
        query=url.get("query", "").encode("utf-8", "surrogateescape"),
        query_id=url.get("query_id") or str(uuid.uuid4()),
        database=url.get("database") or headers.get("x-clickhouse-database") or None,
        default_format=url.get("default_format") or headers.get("x-clickhouse-format") or "TabSeparated",
        session_id=url.get("session_id") or None,
        session_timeout=min(_number(url, "session_timeout", 60), _LONGEST_SESSION),
        session_must_exist=url.get("session_check", "0") in _ON,
        close_session=url.get("close_session", "0") in _ON,
        wait_end_of_query=url.get("wait_end_of_query", "0") in _ON,
        compress=url.get("enable_http_compression", "0") in _ON,
        # ClickHouse lets a GET read and no more. chDB does nothing at all under 1, so 1 is told apart here, not there.
        readonly=_number(url, "readonly", 2 if method == "GET" else 0),
        parameters={name[6:]: value for name, value in url.items() if name.startswith("param_")},
        settings={
            name: value for name, value in url.items() if name not in _TRANSPORT and not name.startswith("param_")
        },
    )


def _refuse(names: Iterable[str], instead: str) -> None:
    for name in names:
        raise ClickHouseError(48, f"the URL parameter '{name}' is not offered by the embedded engine; {instead}")


def _number(url: Mapping[str, str], name: str, default: int) -> int:
    value = url.get(name, str(default))
    if not value.isascii() or not value.isdigit():
        raise ClickHouseError(36, f"the URL parameter '{name}' is '{value}'; it must be a whole number")
    return int(value)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
