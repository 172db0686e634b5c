"""Style sheets and scripts: read once, each at an address that holds its hash, so that a browser asks for it once and never for an old one.

Knows the files of `dashboards/static`. Refuses to serve anything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources

_TYPES = {"css": "text/css", "js": "text/javascript"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Static:
    """A file as it goes out."""

    path: str
    media_type: str
    content: bytes


def load_statics() -> Mapping[str, Static]:
    """Every style sheet and script by its file's name."""
    found = {}
    for file in (resources.files("dashboards") / "static").iterdir():
        kind = file.name.rpartition(".")[2]
        if kind in _TYPES:
            content = file.read_bytes()
            path = f"/static/{file.name}?v={sha256(content).hexdigest()[:12]}"
            found[file.name] = Static(path=path, media_type=_TYPES[kind], content=content)
    return found
