"""Named SQL statements kept in files that can be pasted into a client.

A statement starts at a line `-- name: NAME` and goes on to the next such line. This module knows how to find
statements in a text and nothing of what they ask.
"""

import re
from importlib import resources

_NAME = re.compile(r"^-- name: *(\w+)[ \t]*$", re.MULTILINE)


def parse_statements(text: str) -> dict[str, str]:
    """The statements of a text by name, without a closing semicolon; ValueError where one comes twice or is empty."""
    found = list(_NAME.finditer(text))
    ends = [later.start() for later in found[1:]] + [len(text)]
    statements: dict[str, str] = {}
    for start, end in zip(found, ends, strict=True):
        body = text[start.end() : end].strip().removesuffix(";").rstrip()
        if start[1] in statements or not body:
            raise ValueError(f"the statement {start[1]!r} must be there once, with a text")
        statements[start[1]] = body
    return statements


def load_statements(package: str, file: str) -> dict[str, str]:
    """The statements of a file that lies inside a package."""
    return parse_statements((resources.files(package) / file).read_text("utf-8"))
