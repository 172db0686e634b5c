"""What an erasure's statements are, on one machine and on a cluster, and what goes from files: pure parts, and files of one folder."""

import json
from pathlib import Path

import pytest

from tracing.privacy.erasure import Keys, condition_of, deletion
from tracing.privacy.leftovers import Place, forget
from tracing.privacy.listing import Person

ADA = Person(users=("ada",))
KEYS = Keys(
    calls=frozenset({"c1"}), traces=frozenset({"t1"}), externals=frozenset({"order"}), spans=frozenset({"t1/s1"})
)


def test_on_a_cluster_every_host_deletes_from_its_own_part() -> None:
    condition = condition_of("spans", ["trace_id", "span_id"], "e", "db")
    assert condition is not None
    assert deletion("spans", condition, None) == [f"ALTER TABLE spans DELETE WHERE {condition}"]
    assert deletion("spans", condition, "eu") == [f"ALTER TABLE spans_local ON CLUSTER 'eu' DELETE WHERE {condition}"]
    assert "db.erasing" in condition  # a host runs it in a database of its own


@pytest.mark.parametrize(
    ("table", "columns", "by"),
    [
        ("calls", ["call_id", "user", "trace_id"], {"call"}),
        ("call_keys", ["key", "call_id", "trace_id"], {"call"}),
        ("score_events", ["score_id", "target_kind", "target", "key"], {"call", "trace", "external"}),
        ("score_targets", ["score_id", "key"], {"key"}),
        ("somebodys", ["trace_id", "user"], {"trace", "user"}),
        ("calls_hourly", ["hour", "calls"], set()),
    ],
)
def test_a_table_is_covered_by_its_columns(table: str, columns: list[str], by: set[str]) -> None:
    condition = condition_of(table, columns, "e", "db") or ""
    assert {
        kind for kind in ("call", "trace", "external", "key", "user", "span") if f"kind = '{kind}'" in condition
    } == by


def lines(*rows: object) -> bytes:
    return b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows)


ROWS = [
    {"call_id": "c1", "user": "ada"},
    {"call_id": "c2", "user": "bob"},
    {"call_id": "c3", "user": "", "tags": {"judged-call": "c1"}},
    {"call_id": "c1", "prompt": "p", "input": "a judge's task"},
    {"target_kind": "trace", "target": "t1"},
    {"target_kind": "external", "target": "t1"},
    {"trace_id": "t1", "span_id": "s1", "attributes": {}},
    {"trace_id": "t1", "span_id": "s2", "attributes": {"user.id": "bob"}},
    {"trace_id": "t9", "span_id": "s9", "attributes": {}, "resource_attributes": {"enduser.id": "ada"}},
]
GOING = [0, 2, 3, 4, 6, 8]


def test_lines_that_somebody_reads_are_blanked_in_their_place(tmp_path: Path) -> None:
    path = tmp_path / "calls.x.jsonl"
    before = lines(*ROWS, b'{"user":"ada",', b'{"user":"bob",')
    path.write_bytes(before)
    place = Place(name="export", files=[path])
    assert forget([place], ADA, KEYS, dry_run=True) == {"export": 7}
    assert path.read_bytes() == before
    assert forget([place], ADA, KEYS, dry_run=False) == {"export": 7}
    after = path.read_bytes().splitlines(keepends=True)
    assert [number for number, line in enumerate(after) if line.isspace()] == [*GOING, 9]
    assert [len(line) for line in after] == [len(line) for line in before.splitlines(keepends=True)]
    assert forget([place], ADA, KEYS, dry_run=False) == {"export": 0}


def test_a_file_that_is_still_to_be_loaded_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "calls.x.jsonl"
    path.write_bytes(lines(*ROWS))
    assert forget([Place(name="export", files=[path], busy=lambda _: True)], ADA, KEYS, dry_run=False) == {"export": 0}
    assert path.read_bytes() == lines(*ROWS)


def test_refused_lines_go_with_their_reasons_and_what_they_alone_name(tmp_path: Path) -> None:
    """A call that was refused is no row: the scores that name it are found by its line."""
    calls, scores = tmp_path / "calls.x.jsonl", tmp_path / "score_events.x.jsonl"
    calls.write_bytes(lines({"call_id": "c7", "user": "ada"}, {"call_id": "c8", "user": "bob"}))
    calls.with_suffix(".reason").write_text("line 1: near 'ada'\nline 2: near 'bob'\n")
    scores.write_bytes(lines({"target_kind": "call", "target": "c7"}))
    scores.with_suffix(".reason").write_text("the whole segment\n")
    place = Place(name="refused", files=[calls, scores], drop=True)
    assert forget([place], ADA, Keys(), dry_run=False) == {"refused": 2}
    assert calls.read_bytes() == lines({"call_id": "c8", "user": "bob"})
    assert calls.with_suffix(".reason").read_text() == "line 2: near 'bob'\n"
    assert [path.name for path in tmp_path.iterdir() if "score" in path.name] == []
