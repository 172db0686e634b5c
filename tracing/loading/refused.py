"""What is set aside in `refused/`: putting lines there, looking at them, and giving them another try once the reason is gone."""

import contextlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from tracing.loading.segments import SpoolFolders, new_name, replace_file, sync_folder, table_of
from tracing.loading.shipment import read_lines

log = logging.getLogger("slugline.loader")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Lines of one segment that were set aside, with the reasons in their order. `at`: when, in seconds since 1970."""

    name: str
    table: str
    lines: int
    bytes: int
    at: float
    reasons: tuple[str, ...]


def set_aside(folders: SpoolFolders, name: str, bad: bytes, reasons: str, good: bytes) -> None:
    """Puts lines of a segment into `refused/` with the reasons, and leaves its good lines in its place.

    Killed in between, it is all done again in the same way. Raises OSError.
    """
    refused = folders.refused / name
    replace_file(refused.with_suffix(".reason"), reasons.encode())
    replace_file(refused, bad)
    if good:
        replace_file(folders.ready / name, good)
    else:
        (folders.ready / name).unlink(missing_ok=True)


def set_aside_unknown(folders: SpoolFolders, name: str, tables: Iterable[str]) -> None:
    """Sets a segment aside whose table isn't one of `tables`. Raises OSError."""
    known = ", ".join(sorted(tables))
    reason = f"the whole segment: no table '{table_of(name)}' is known to this version, only {known}\n"
    set_aside(folders, name, read_lines(folders.ready / name), reason, b"")
    log.error("set aside segment %s: %s", name, reason.strip())


def refused_lines(folders: SpoolFolders) -> list[Refused]:
    """Everything set aside, the oldest first."""
    found = []
    for path in folders.refused.glob("*.jsonl"):
        with contextlib.suppress(OSError):
            table = table_of(path.name)
            if table is not None:
                status, lines = path.stat(), path.read_bytes().count(b"\n")
                reasons = tuple(_reason(folders, path.name).splitlines())
                found.append(
                    Refused(
                        name=path.name,
                        table=table,
                        lines=lines,
                        bytes=status.st_size,
                        at=status.st_mtime,
                        reasons=reasons,
                    )
                )
    return sorted(found, key=lambda each: (each.at, each.name))


def retry(folders: SpoolFolders, name: str) -> str:
    """Puts lines that were set aside back among those to be loaded; gives the new name of their segment.

    A new one, since the old name's token may be noted for the good lines. Safe beside a running server. Raises FileNotFoundError.
    """
    table = table_of(name)
    if table is None:
        raise FileNotFoundError(f"'{name}' is no segment's name; one looks like {new_name('calls')}")
    new = new_name(table)
    (folders.refused / name).rename(folders.ready / new)
    (folders.refused / name).with_suffix(".reason").unlink(missing_ok=True)
    sync_folder(folders.ready)
    return new


def _reason(folders: SpoolFolders, name: str) -> str:
    try:
        return (folders.refused / name).with_suffix(".reason").read_text("utf-8", "replace")
    except OSError:
        return ""
