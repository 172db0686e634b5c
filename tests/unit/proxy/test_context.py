"""Trace, user, session, tags and record mode from headers and body."""

import pytest

from proxy.context import read_context
from proxy.errors import RequestRefused


def context(headers: dict[str, str] | None = None, body: dict[str, object] | None = None):  # type: ignore[no-untyped-def]
    return read_context(headers or {}, body or {}, lambda count: b"\x01" * count)


def test_a_traceparent_makes_a_child_span() -> None:
    found = context({"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"})
    assert (found.trace_id, found.parent_span_id) == ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
    assert found.span_id == "01" * 8


@pytest.mark.parametrize("wrong", ["", "x", "00-" + "0" * 32 + "-00f067aa0ba902b7-01", "00-4bf9-00f0-01"])
def test_anything_else_starts_a_trace(wrong: str) -> None:
    found = context({"traceparent": wrong})
    assert (found.trace_id, found.parent_span_id) == ("01" * 16, "")


def test_own_headers_win_over_others_and_over_the_body() -> None:
    headers = {"x-slugline-user": "a", "helicone-user-id": "b", "langfuse-session-id": "s"}
    found = context(headers, {"user": "c"})
    assert (found.user, found.session) == ("a", "s")
    assert context({}, {"user": "c"}).user == "c"
    assert context({}, {"safety_identifier": "d"}).user == "d"


def test_tags() -> None:
    headers = {"x-slugline-tags": "team=support, empty, k%3D=v%2C", "helicone-property-app": "web"}
    assert dict(context(headers, {"metadata": {"n": 1, "deep": {}}}).tags) == {
        "n": "1",
        "app": "web",
        "team": "support",
        "k=": "v,",
    }


def test_record_mode() -> None:
    assert context({"x-slugline-record": "Metadata"}).record_mode == "metadata"
    with pytest.raises(RequestRefused, match="full, metadata or none"):
        context({"x-slugline-record": "some"})
