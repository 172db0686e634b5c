"""Tables as CSV (RFC 4180) that a spreadsheet takes for a table and for nothing else. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from tracing.transfer.csv_text import cell


def as_csv(rows: Iterable[Sequence[Any]]) -> str:
    """The rows as text; what is no plain value stands as JSON in its cell."""
    text = io.StringIO()
    csv.writer(text).writerows([harmless(cell(each)) for each in row] for row in rows)
    return text.getvalue()


def harmless(value: Any) -> Any:
    """Text that a spreadsheet takes for text: what models wrote is no formula (https://owasp.org/www-community/attacks/CSV_Injection)."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
