"""Bodies that pass through without being understood: what can be said of them all the same. Pure."""

import re

_MODEL_FIELD = re.compile(rb'name="model"\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]{1,200})\r\n')
_MODEL_NAMED = re.compile(rb"name\*?\s*=[^\r\n;]{0,40}model", re.IGNORECASE)
_SEARCHED_BYTES = 64 * 1024


def described(content_type: str, size: int) -> bytes:
    """A body that is no text, as the record keeps it."""
    return f"({content_type or 'no content type'}, {size:,} bytes)".encode() if size else b""


def model_in_form(body: bytes, content_type: str) -> str:
    """The field `model` of a multipart form (RFC 7578), or an empty string; looked for around the files, not inside them."""
    if "boundary=" not in content_type:
        return ""
    found = _MODEL_FIELD.search(body[:_SEARCHED_BYTES]) or _MODEL_FIELD.search(body[-_SEARCHED_BYTES:])
    return found[1].decode("utf-8", "replace").strip() if found else ""


def names_one_model(body: bytes) -> bool:
    """Whether a form has one field that any reader could take for `model`; with two, the provider might not read the one we did."""
    return sum(1 for _ in _MODEL_NAMED.finditer(body)) == 1
