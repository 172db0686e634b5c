"""Trace, user, session, tags and record mode from headers and body."""

import pytest

from proxy.context import passed_on, read_context
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


TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"


@pytest.mark.parametrize(("flags", "sampled"), [("00", False), ("01", True), ("03", True), ("fe", False)])
def test_the_sampled_flag_and_the_state_are_kept(flags: str, sampled: bool) -> None:
    headers = {"traceparent": f"{TRACEPARENT}-{flags}", "tracestate": "vendor=1"}
    found = context(headers)
    assert (found.sampled, found.trace_state) == (sampled, "vendor=1")
    passed = passed_on(headers, found)
    assert passed["traceparent"] == f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'01' * 8}-{'01' if sampled else '00'}"
    assert passed["tracestate"] == "vendor=1"


def test_a_traceparent_of_a_later_version_is_read_as_far_as_it_is_known() -> None:
    later = "cc" + TRACEPARENT[2:]
    assert context({"traceparent": f"{later}-01-more"}).parent_span_id == "00f067aa0ba902b7"
    assert context({"traceparent": f"{TRACEPARENT}-01-more"}).parent_span_id == ""
    assert context({"traceparent": f"ff{TRACEPARENT[2:]}-01"}).parent_span_id == ""


def test_a_traceparent_that_cant_be_read_goes_no_further() -> None:
    headers = {"traceparent": "x", "tracestate": "vendor=1", "baggage": "a=1"}
    found = context(headers)
    assert found.trace_state == ""
    assert passed_on(headers, found) == {"traceparent": f"00-{'01' * 16}-{'01' * 8}-01", "baggage": "a=1"}
    assert passed_on({"baggage": "a=1"}, context({})) == {"baggage": "a=1"}


def test_baggage_names_user_and_session_where_nothing_else_does() -> None:
    found = context({"baggage": "user.id=ann%20b;p=1 , session.id = s-1, x"})
    assert (found.user, found.session) == ("ann b", "s-1")
    assert context({"baggage": "user.id=ann", "x-slugline-user": "bob"}).user == "bob"


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
