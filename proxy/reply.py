"""What goes back to a client: status, headers, and a body or a stream. Pure."""

from collections.abc import Sequence

import msgspec

from proxy.answer import ProviderAnswer
from proxy.draft import Draft
from proxy.errors import ErrorAnswer, ErrorFormat
from proxy.stream import AnswerStream, BytesStream
from registry.serving.live import Resolved

_NOT_PASSED_BACK = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "te", "trailer", "transfer-encoding", "upgrade"),
        *("content-length", "content-encoding", "set-cookie", "server", "date", "alt-svc", "strict-transport-security"),
    }
)

_NOT_THE_PROVIDERS_TO_SAY = ("x-slugline-", "access-control-")
"""Whether a page elsewhere may read an answer is for whoever holds the keys to say (https://fetch.spec.whatwg.org/#http-cors-protocol)."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer for the client: a body in one piece, or a stream."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes | AnswerStream | BytesStream


def error_reply(answer: ErrorAnswer, form: ErrorFormat, headers: Sequence[tuple[str, str]] = ()) -> Reply:
    """An error as a reply."""
    return Reply(status=answer.status, headers=[("content-type", "application/json"), *headers], body=answer.body(form))


def reply_headers(draft: Draft, answer: ProviderAnswer, *, encoded: bool = False) -> list[tuple[str, str]]:
    """The provider's headers that mean something to the client, then Slugline's own.

    Where the caller's key has a limit of its own, the provider's is not the client's business. `encoded`: the body goes on as it came.
    """
    own = own_headers(draft)
    said = {name for name, _ in draft.limit_headers}
    passed = [
        (name, value)
        for name, value in answer.headers
        if name not in _NOT_PASSED_BACK and name not in said and not name.startswith(_NOT_THE_PROVIDERS_TO_SAY)
    ]
    if encoded and (encoding := answer.header("content-encoding")):
        passed.append(("content-encoding", encoding))
    return [*passed, *own]


def own_headers(draft: Draft) -> list[tuple[str, str]]:
    """What every answer says of itself: the call's id, the version that made it, where the time went, what its key may still do."""
    headers = [("x-slugline-call-id", draft.call_id), *draft.limit_headers]
    if draft.resolved is not None:
        headers += prompt_headers(draft.resolved, stale=draft.stale)
    if draft.route is not None:
        headers.append(("x-slugline-provider", draft.route.provider.name))
    if draft.dropped:
        headers.append(("x-slugline-dropped", ", ".join(draft.dropped)))
    if draft.timings:
        headers.append(
            ("server-timing", ", ".join(f"{name};dur={seconds * 1000:.3f}" for name, seconds in draft.timings.items()))
        )
    return headers


def prompt_headers(resolved: Resolved, *, stale: bool) -> list[tuple[str, str]]:
    """Which version an answer was made from."""
    return [
        ("x-slugline-prompt", resolved.version.reference),
        ("x-slugline-version-id", resolved.version.version_id),
        ("x-slugline-channel", resolved.channel),
        ("x-slugline-revision", str(resolved.revision)),
        *([("x-slugline-variant", resolved.variant)] if resolved.variant else []),
        *([("x-slugline-stale", "1")] if stale else []),
    ]
