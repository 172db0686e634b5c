"""Shipments and their notes."""

from pathlib import Path

import pytest

from tracing.loading import shipment as module
from tracing.loading.segments import SpoolFolders, sealed
from tracing.loading.shipment import Shipment, first_shipment, read_notes, settle, write_note


@pytest.fixture
def folders(tmp_path: Path) -> SpoolFolders:
    return SpoolFolders.at(tmp_path)


def put(folders: SpoolFolders, name: str, content: bytes) -> str:
    (folders.ready / f"calls.{name}.jsonl").write_bytes(content)
    return f"calls.{name}.jsonl"


def test_a_token_is_the_name_or_made_of_all_names_and_of_the_try() -> None:
    one, two = Shipment(segments=("calls.a.jsonl",)), Shipment(segments=("calls.a.jsonl", "calls.b.jsonl"))
    assert one.token == "calls.a.jsonl"
    assert Shipment(segments=("calls.a.jsonl",), tries=2).token == "calls.a.jsonl#2"
    tokens = {one.token, two.token, Shipment(segments=("calls.a.jsonl", "calls.c.jsonl")).token}
    assert len(tokens) == 3
    assert two.token == Shipment(segments=("calls.a.jsonl", "calls.b.jsonl"), life="elsewhere", at=5.0).token


def test_a_shipment_is_one_block(folders: SpoolFolders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ROWS", 5)
    names = [put(folders, name, b"{}\n" * rows) for name, rows in (("a", 2), ("b", 3), ("c", 1))]
    assert first_shipment(folders, names)[0].segments == tuple(names[:2])
    monkeypatch.setattr(module, "MAX_BYTES", 7)
    shipment, lines, rows = first_shipment(folders, names)
    assert (shipment.segments, lines, rows) == ((names[0],), b"{}\n" * 2, 2)
    put(folders, "a", b"{}\n" * 50)
    assert first_shipment(folders, names)[2] == 50, "one alone goes whatever its size"


def test_a_last_line_without_its_end_and_an_unreadable_segment_harm_no_neighbour(folders: SpoolFolders) -> None:
    names = [put(folders, "a", b'{"x":1}'), "calls.gone.jsonl", put(folders, "b", b'{"x":2}\n')]
    shipment, lines, rows = first_shipment(folders, names)
    assert (shipment.segments, lines, rows) == ((names[0], names[2]), b'{"x":1}\n{"x":2}\n', 2)
    with pytest.raises(FileNotFoundError):
        first_shipment(folders, ["calls.gone.jsonl"])


def test_notes_survive_and_go_with_their_segments(folders: SpoolFolders) -> None:
    shipment = Shipment(
        segments=(put(folders, "a", b"{}\n"), put(folders, "b", b"{}\n")), life="here@5", at=1.5, tries=3
    )
    write_note(folders, shipment)
    (folders.sending / ".torn.draft").write_bytes(b'{"segm')
    assert read_notes(folders) == [shipment]
    assert [path.name for path in folders.sending.iterdir()] == ["calls.a.jsonl.note"]
    loaded: list[str] = []
    settle(folders, shipment, lambda path: loaded.append(path.name))
    assert sealed(folders) == []
    assert read_notes(folders) == []
    write_note(folders, shipment)
    assert read_notes(folders) == [], "a note whose segments are gone has nothing more to say"
    assert not any(folders.sending.iterdir())
