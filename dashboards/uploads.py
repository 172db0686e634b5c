"""A form with files, as browsers send it: multipart/form-data (https://www.rfc-editor.org/rfc/rfc7578). Pure.

Knows where one part ends and the next begins. Refuses to know what is in a file, and anything that isn't text in UTF-8.
"""

from __future__ import annotations

from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import HTTP

MULTIPART = "multipart/form-data"
FILE_NAME = ".filename"
"""What stands behind a field's name to name the field that holds the file's own name."""


def parse_multipart(body: bytes, content_type: str, most_fields: int) -> list[tuple[str, str]]:
    """The fields in order; a file is a field with its text, and one more with its name. Raises ValueError with what is wrong."""
    told = Message()
    told["content-type"] = content_type
    boundary = told.get_boundary()
    if not boundary:
        raise ValueError("it names no boundary between its parts")
    line = b"\r\n--" + boundary.encode("latin-1")
    first, *parts = (b"\r\n" + body).split(line)
    if first.strip() or not parts or not parts[-1].startswith(b"--"):
        raise ValueError("it ends in the middle of a part")
    if len(parts) > most_fields:
        raise ValueError(f"it has more than {most_fields} fields")
    return [field for part in parts[:-1] for field in _fields(part)]


def _fields(part: bytes) -> list[tuple[str, str]]:
    head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    headers = BytesHeaderParser(policy=HTTP).parsebytes(head + b"\r\n\r\n")
    about = headers["content-disposition"]
    name = about.params.get("name") if about is not None else None
    if not name:
        raise ValueError("a part has no name")
    try:
        found = [(name, content.decode("utf-8"))]
    except UnicodeDecodeError:
        raise ValueError(f"'{name}' is no text in UTF-8") from None
    if "filename" in about.params:
        found.append((name + FILE_NAME, about.params["filename"].replace("\\", "/").rpartition("/")[2]))
    return found
