"""The cookies of a sign-in: what they are called, and how they are set and read. Pure.

Knows cookies (https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis). Refuses to know what a session is. Behind https
the name begins with `__Host-`: browsers then take it from this very host only, over https only, and for all paths. No script reads it.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import cookie_parser
from starlette.responses import Response

SESSION = "slugline_session"
"""A session's text."""
PENDING = "slugline_sign_in"
"""What a sign-in at an identity provider needs when its answer comes back."""


def is_https(headers: Mapping[str, str], scheme: str) -> bool:
    """Whether a browser reached the server over https, also through a reverse proxy that says so. Who lies gets no cookie that works."""
    told = headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    return (told or scheme) == "https"


def read_cookie(headers: Mapping[str, str], name: str, *, https: bool) -> str:
    """A cookie of a request; "" where it has none that can be trusted on this scheme."""
    return cookie_parser(headers.get("cookie", "")).get(_name(name, https=https), "")


def set_cookie(answer: Response, name: str, value: str, *, https: bool, seconds: int | None = None) -> None:
    """Gives a browser a cookie; without `seconds` until it is closed."""
    answer.set_cookie(
        _name(name, https=https), value, max_age=seconds, path="/", secure=https, httponly=True, samesite="lax"
    )


def drop_cookie(answer: Response, name: str, *, https: bool) -> None:
    """Takes a cookie back."""
    answer.delete_cookie(_name(name, https=https), path="/", secure=https, httponly=True, samesite="lax")


def _name(name: str, *, https: bool) -> str:
    return f"__Host-{name}" if https else name
