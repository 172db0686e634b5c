"""The event is the row: same names, valid lines, whatever text is in it."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracing import event
from tracing.event import CallEvent, ScoreEvent, SpanEvent, body_text, encode, timestamp
from tracing.migrate import migrations, statements


def columns(table: str) -> list[str]:
    text = "".join(body for _, body in migrations())
    created = re.search(rf"CREATE TABLE IF NOT EXISTS {table}\s*\((.*?)\)\s*ENGINE", text, re.DOTALL)
    assert created
    added = re.findall(rf"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS ([a-z_]+)\s", text)
    found = dict.fromkeys([*re.findall(r"^\s{4}([a-z_]+)\s", created[1], re.MULTILINE), *added])
    return [name for name in found if name != "key"]  # which ClickHouse makes of others


@pytest.mark.parametrize(("kind", "table"), [(CallEvent, "calls"), (ScoreEvent, "score_events"), (SpanEvent, "spans")])
def test_fields_are_columns(kind: type[msgspec.Struct], table: str) -> None:
    assert sorted(field.name for field in msgspec.structs.fields(kind)) == sorted(columns(table))


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_one_event_is_one_line(text: str) -> None:
    line = encode(CallEvent(call_id="x", ts="t", outcome="ok", status=200, duration_ms=1, response=text, user=text))
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert json.loads(line)["response"] == text


@given(st.binary())
def test_bodies_become_valid_utf8(raw: bytes) -> None:
    body_text(raw).encode("utf-8")


def test_a_long_body_is_cut_and_says_so() -> None:
    text = body_text("x" * (event.MAX_BODY_CHARS + 1))
    assert len(text) < event.MAX_BODY_CHARS + 100
    assert text.endswith("(cut: 4,194,305 characters in all)")


def test_times_are_utc() -> None:
    at = datetime(2026, 11, 22, 1, 2, 3, 4000, tzinfo=timezone(timedelta(hours=1)))
    assert timestamp(at) == "2026-11-22T00:02:03.004000Z"
    assert timestamp(at.astimezone(UTC)) == timestamp(at)


def test_every_migration_splits_into_statements_that_run_twice_without_harm() -> None:
    for name, text in migrations():
        assert re.fullmatch(r"\d{4}_[a-z_]+", name)
        for statement in statements(text):
            bare = re.sub(r"--[^\n]*\n", "", statement).strip()
            assert re.match(
                r"CREATE (TABLE IF NOT EXISTS|OR REPLACE VIEW|MATERIALIZED VIEW IF NOT EXISTS)|ALTER TABLE .* IF (NOT )?EXISTS"
                r"|ALTER TABLE \w+ (MATERIALIZE INDEX|MODIFY QUERY)|DROP (TABLE|VIEW) IF EXISTS"
                # The same event or day twice is one row there, and versions_daily is filled where it is empty.
                r"|INSERT INTO (score_history|scores_daily|versions_daily)\n",
                bare,
            ), bare[:80]


def test_migrations_are_files_of_the_package() -> None:
    folder = Path(event.__file__).parent / "migrations"
    assert [name for name, _ in migrations()] == sorted(file.stem for file in folder.glob("*.sql"))
