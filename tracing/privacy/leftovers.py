"""Takes a person out of segments that ClickHouse refused: they lie in the spool until somebody looks at them.

Lines are read as JSON where they are, and searched where they aren't, which may be why they were refused.
"""

import json
import os
from collections.abc import Collection
from pathlib import Path

from tracing.privacy.erasure import Person

_TARGETS = ("call_id", "trace_id", "external_id")


def forget(folder: Path, person: Person, *, dry_run: bool) -> int:
    """How many lines of the refused segments in a folder went (or would go). A file is replaced as a whole, or stays as it is."""
    files = sorted(folder.glob("*.jsonl"))
    named: set[str] = set()
    for path in files:
        with path.open("rb") as lines:
            for line in lines:
                row = _row(line)
                if row is not None and _is_of(row, person):
                    named |= {str(row[name]) for name in _TARGETS if row.get(name)}
    return sum(_forget(path, person, named, dry_run=dry_run) for path in files)


def _forget(path: Path, person: Person, named: Collection[str], *, dry_run: bool) -> int:
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if not _goes(line, person, named)]
    if len(kept) < len(lines) and not dry_run:
        draft = path.with_suffix(".erasing")
        with draft.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.writelines(kept)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    return len(lines) - len(kept)


def _goes(line: bytes, person: Person, named: Collection[str]) -> bool:
    row = _row(line)
    if row is None:
        return all(_written(line, names) for names in (person.users, person.sessions) if names)
    return _is_of(row, person) or row.get("target") in named


def _written(line: bytes, names: Collection[str]) -> bool:
    """Whether one of some names stands in a line as a whole string of JSON."""
    return any(json.dumps(name, ensure_ascii=plain).encode() in line for name in names for plain in (True, False))


def _is_of(row: dict[str, object], person: Person) -> bool:
    by_user = not person.users or row.get("user") in person.users
    by_session = not person.sessions or row.get("session") in person.sessions
    return "user" in row and by_user and by_session


def _row(line: bytes) -> dict[str, object] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
