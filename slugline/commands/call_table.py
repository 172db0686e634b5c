"""Calls as a table that fits the terminal, as CSV, and as lines that follow each other."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from slugline.commands.options import print_rows

COLUMNS = ("time (UTC)", "call", "prompt", "channel", "outcome", "model served", "ms", "tokens", "cost $", "user")
_LEFT_OUT_FIRST = ("user", "channel", "cost $", "tokens", "model served", "ms", "prompt")
"""What a narrow terminal goes without, in this order: a value that is cut off would be worse."""

_WIDTHS = (19, 36, 24, 8, 18, 24, 7, 12, 10, 12)


def print_calls(rows: Sequence[Mapping[str, Any]], *, csv: bool = False) -> None:
    """Prints calls; to a terminal as many columns as it has room for, elsewhere all of them."""
    if csv:
        _print_csv(rows)
        return
    table = [cells(row) for row in rows]
    kept = list(range(len(COLUMNS)))
    room = _room()
    for name in _LEFT_OUT_FIRST:
        if room is None or _width(table, kept) <= room:
            break
        kept.remove(COLUMNS.index(name))
    print_rows([COLUMNS[at] for at in kept], [[row[at] for at in kept] for row in table])


def line(row: Mapping[str, Any]) -> str:
    """One call as a line, its columns under those of the line before as far as they fit."""
    shown = zip(cells(row), _WIDTHS, strict=True)
    return " ".join(cell.ljust(width) for cell, width in shown).rstrip()


def cells(row: Mapping[str, Any]) -> list[str]:
    """What is shown of a call, by `COLUMNS`."""
    return [
        row["ts"][:19].replace("T", " "),
        row["call_id"],
        f"{row['prompt']}@{row['version']}" if row["prompt"] else "–",
        row["channel"] or "–",
        row["outcome"] if row["outcome"] == "ok" else f"{row['outcome']} {row['status']}",
        row["model_served"] or "–",
        f"{row['duration_ms']:.0f}",
        f"{_shown(row['input_tokens'])}→{_shown(row['output_tokens'])}",
        "–" if row["cost"] is None else f"{row['cost']:.9f}".rstrip("0").rstrip("."),
        row["user"] or "–",
    ]


def _print_csv(rows: Sequence[Mapping[str, Any]]) -> None:
    from tracing.search.rows import LISTED
    from tracing.transfer.csv_text import cell

    writer = csv.writer(sys.stdout)
    writer.writerow(LISTED)
    writer.writerows([cell(row.get(name)) for name in LISTED] for row in rows)


def _room() -> int | None:
    """Columns of the terminal; None where the output goes elsewhere."""
    if not sys.stdout.isatty():
        return None
    from rich.console import Console

    return Console().width


def _width(table: Sequence[Sequence[str]], kept: Sequence[int]) -> int:
    from rich.cells import cell_len

    return sum(max(cell_len(COLUMNS[at]), *(cell_len(row[at]) for row in table), 0) + 2 for at in kept)


def _shown(value: Any) -> str:
    return "–" if value is None else str(value)
