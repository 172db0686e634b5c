"""Takes a person out of files: what ClickHouse refused, what waits for a collector, for scorers and judges, what a killed import left.

1. Lines of files that nobody reads any more are dropped, with the reasons why they were refused: those quote them.
2. In files that somebody may be reading, or has a cursor in, a line is overwritten with blanks in its place: readers pass over blank
   lines. Such a file may have a second name, under which it is still to be loaded: it is left alone then, as the loader sends its bytes
   under their name (`Place.busy`).
3. Lines are read as JSON where they are, and searched where they aren't, which may be why they were refused.

Knows files; refuses to know ClickHouse.
"""

import json
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from tracing.loading.segments import replace_file
from tracing.privacy.erasure import Keys
from tracing.privacy.listing import JUDGED_TAG, SESSION_ATTRIBUTES, USER_ATTRIBUTES, Person

_TARGETS = {"call": "calls", "trace": "traces", "external": "externals"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Files of one kind. `drop`: lines go for good, else they are blanked. `busy` says of a file that it must stay as it is now."""

    name: str
    files: Sequence[Path]
    drop: bool = False
    busy: Callable[[Path], bool] = field(default=lambda _: False)


def forget(places: Iterable[Place], person: Person, keys: Keys, *, dry_run: bool) -> dict[str, int]:
    """How many lines went (or would go), by the places' names. Calls that only stand in files are found by themselves."""
    found = list(places)
    known = _with_lines(keys, (path for place in found if place.drop for path in place.files), person)
    return {
        place.name: sum(_forget(path, place, person, known, dry_run=dry_run) for path in place.files) for place in found
    }


def _with_lines(keys: Keys, files: Iterable[Path], person: Person) -> Keys:
    """The keys with those of the person's calls in files that never came to be rows."""
    calls, traces, externals = set(keys.calls), set(keys.traces), set(keys.externals)
    for path in files:
        for line in _lines(path):
            row = _row(line)
            if row is not None and _is_of(row, person):
                calls.add(str(row.get("call_id", "")))
                traces.add(str(row.get("trace_id", "")))
                externals.add(str(row.get("external_id", "")))
    for each in (calls, traces, externals):
        each.discard("")
    return replace(keys, calls=frozenset(calls), traces=frozenset(traces), externals=frozenset(externals))


def _forget(path: Path, place: Place, person: Person, keys: Keys, *, dry_run: bool) -> int:
    lines = _lines(path)
    going = [number for number, line in enumerate(lines) if not line.isspace() and _goes(line, person, keys)]
    if not going or place.busy(path):
        return 0
    if not dry_run:
        (_drop if place.drop else _blank)(path, lines, frozenset(going))
    return len(going)


def _drop(path: Path, lines: Sequence[bytes], going: Collection[int]) -> None:
    kept = [line for number, line in enumerate(lines) if number not in going]
    reasons = path.with_suffix(".reason")
    if reasons.exists():
        said = reasons.read_bytes().splitlines(keepends=True)
        left = [reason for number, reason in enumerate(said) if number not in going] if len(said) == len(lines) else []
        replace_file(reasons, b"".join(left))
    if kept:
        replace_file(path, b"".join(kept))
    else:
        path.unlink(missing_ok=True)
        reasons.unlink(missing_ok=True)


def _blank(path: Path, lines: Sequence[bytes], going: Collection[int]) -> None:
    """Overwrites lines in their place: whoever reads on from an offset, reads on."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except FileNotFoundError:  # its reader was done with it meanwhile
        return
    try:
        at = 0
        for number, line in enumerate(lines):
            if number in going:
                os.pwrite(fd, b" " * len(line.rstrip(b"\n")), at)
            at += len(line)
        os.fsync(fd)
    finally:
        os.close(fd)


def _goes(line: bytes, person: Person, keys: Keys) -> bool:
    row = _row(line)
    if row is None:
        return all(_written(line, names) for names in (person.users, person.sessions) if names)
    if "target" in row:
        return str(row["target"]) in getattr(keys, _TARGETS.get(str(row.get("target_kind")), "calls"))
    if "attributes" in row and "span_id" in row:
        return f"{row.get('trace_id')}/{row['span_id']}" in keys.spans or _names(row, person)
    tags = row.get("tags")
    judged = tags.get(JUDGED_TAG) if isinstance(tags, dict) else None
    return str(row.get("call_id")) in keys.calls or str(judged) in keys.calls or _is_of(row, person)


def _written(line: bytes, names: Collection[str]) -> bool:
    """Whether one of some names stands in a line as a whole string of JSON."""
    return any(json.dumps(name, ensure_ascii=plain).encode() in line for name in names for plain in (True, False))


def _is_of(row: dict[str, Any], person: Person) -> bool:
    by_user = not person.users or row.get("user") in person.users
    by_session = not person.sessions or row.get("session") in person.sessions
    return "user" in row and by_user and by_session


def _names(row: dict[str, Any], person: Person) -> bool:
    given = [each for each in (row["attributes"], row.get("resource_attributes")) if isinstance(each, dict)]

    def among(attributes: Collection[str], names: Collection[str]) -> bool:
        return any(each.get(attribute) in names for each in given for attribute in attributes)

    by_user = not person.users or among(USER_ATTRIBUTES, person.users)
    return by_user and (not person.sessions or among(SESSION_ATTRIBUTES, person.sessions))


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:  # sent, scored or given up a moment ago
        return []


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(line)
    except ValueError:
        try:
            value = json.loads(line)
        except ValueError:
            return None
    return value if isinstance(value, dict) else None
