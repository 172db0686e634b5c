"""What a killed engine may leave wrong, put right before chDB opens the folder: tokens of inserts that never landed.

A MergeTree table first notes an insert's token in its deduplication log and then gives the part its final name. Killed
in between, it would take the retry for a duplicate and drop it: acknowledged, and lost. The note without a part is the
log's last one, since both happen under one lock of the table. It knows those two places on the disk and refuses to
touch anything else; it must not run while an engine has the folder open.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

_PART: Final = re.compile(r"(?P<partition>[^_]+)_(?P<first>\d+)_(?P<last>\d+)_\d+(?:_\d+)?")
_LOG: Final = re.compile(r"deduplication_log_(\d+)\.txt")
_ADDED: Final = b"1"


class Blocks(NamedTuple):
    """The blocks that a part holds: from `first` to `last` of its partition."""

    partition: str
    first: int
    last: int


def forget_uncommitted(folder: Path) -> int:
    """Take tokens of inserts that did not land out of every table's log under `folder`; returns how many there were."""
    return sum(_repair(logs) for logs in folder.glob("store/*/*/deduplication_logs"))


def committed(log: bytes, parts: Iterable[Blocks]) -> int:
    """How many bytes of `log` stand: what remains at its end is half a line, or lines of parts that are not there."""
    held = tuple(parts)
    end = log.rfind(b"\n") + 1
    while end:
        start = log.rfind(b"\n", 0, end - 1) + 1
        operation, _, rest = log[start:end].partition(b"\t")
        name = rest.partition(b"\t")[0].decode("ascii", "replace")
        blocks = _blocks(name)
        if operation != _ADDED or blocks is None or any(_covers(part, blocks) for part in held):
            break
        end = start
    return end


def _repair(logs: Path) -> int:
    numbered = sorted((int(found[1]), path) for path in logs.iterdir() if (found := _LOG.fullmatch(path.name)))
    if not numbered:
        return 0
    path = numbered[-1][1]
    log = path.read_bytes()
    parts = (_blocks(part.name) for part in logs.parent.iterdir())
    stands = committed(log, (part for part in parts if part))
    if stands == len(log):
        return 0
    with path.open("r+b") as file:
        file.truncate(stands)
        os.fsync(file.fileno())
    return log[stands:].count(b"\n") or 1


def _blocks(name: str) -> Blocks | None:
    found = _PART.fullmatch(name)
    return Blocks(found["partition"], int(found["first"]), int(found["last"])) if found else None


def _covers(part: Blocks, blocks: Blocks) -> bool:
    return part.partition == blocks.partition and part.first <= blocks.first and part.last >= blocks.last
