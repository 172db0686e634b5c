"""The stream reader gives the same events whatever the chunk boundaries, and never changes a byte."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.sse import EventReader, data_of

ENDS = ["\n\n", "\r\n\r\n", "\r\r"]

lines = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\n"), max_size=20)


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    end = draw(st.sampled_from(ENDS))
    newline = end[: len(end) // 2]
    payloads = draw(st.lists(st.lists(lines, min_size=1, max_size=3), max_size=6))
    text = "".join(newline.join(f"data: {line}" for line in payload) + end for payload in payloads)
    return text.encode(), ["\n".join(payload).encode() for payload in payloads]


@given(streams(), st.data())
def test_chunk_boundaries_mean_nothing(stream: tuple[bytes, list[bytes]], data: st.DataObject) -> None:
    raw, payloads = stream
    reader = EventReader()
    events = []
    rest = raw
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        events += reader.feed(rest[:size])
        rest = rest[size:]
    assert b"".join(event.raw for event in events) + reader.finish() == raw
    assert [event.data.strip() for event in events] == [payload.strip() for payload in payloads]


def test_what_has_not_ended_waits() -> None:
    reader = EventReader()
    assert reader.feed(b"data: a") == []
    assert reader.feed(b"\n") == []
    assert [event.data for event in reader.feed(b"\ndata: b")] == [b"a"]
    assert reader.finish() == b"data: b"


def test_comments_and_other_fields_are_no_data() -> None:
    assert data_of(b": keep-alive\n\n") == b""
    assert data_of(b"event: x\nid: 1\ndata: y\n\n") == b"y"
    assert data_of(b"data:{}\n\n") == b"{}"
    assert data_of(b"data: a\rdata: b\n\n") == b"a\nb"
