"""The pages' icons, drawn by Lucide (https://lucide.dev), as inline SVG.

Knows which icons there are, and where the package keeps its drawings. They are read all at once: opening the archive for each, as the
package's own function does, takes 18 ms an icon.
"""

from collections.abc import Mapping
from importlib import resources
from zipfile import ZipFile

from markupsafe import Markup

_NAMES = (
    *(
        "activity",
        "archive",
        "arrow-up",
        "badge-check",
        "bell",
        "chart-line",
        "check",
        "circle-alert",
        "circle-question-mark",
    ),
    *("circle-x", "database", "download", "file-diff", "flask-conical", "git-commit-vertical"),
    *("git-pull-request-arrow", "history", "info", "log-in", "monitor", "moon", "pencil", "play", "plus", "rewind"),
    *("copy", "list-tree", "messages-square", "pause", "radio", "search", "sparkles", "wrench", "workflow", "x"),
    *("scroll-text", "shield-check", "sun", "trash-2", "undo-2", "upload", "user"),
    *("copy", "eye", "heart-pulse", "key-round", "keyboard", "link", "list-tree", "log-out", "rows-3", "share-2"),
    *("square-terminal", "users"),
)
_HEAD = (
    '<svg class="icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-linecap="round" '
    'stroke-linejoin="round" aria-hidden="true" focusable="false">'
)


def load_icons() -> Mapping[str, Markup]:
    """Every icon by its name; decoration only, so hidden from screen readers."""
    with (resources.files("lucide") / "lucide.zip").open("rb") as file, ZipFile(file) as drawings:
        return {name: _inline(drawings.read(f"{name}.svg").decode()) for name in _NAMES}


def _inline(drawing: str) -> Markup:
    inside = drawing[drawing.index(">", drawing.index("<svg")) + 1 :]
    return Markup(_HEAD + "".join(line.strip() for line in inside.splitlines()))  # noqa: S704 - a drawing, not input
