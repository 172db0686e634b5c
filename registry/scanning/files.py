"""Walking a folder for prompts: which files are read, by which front end, and what was passed over.

Does I/O: lists and reads files, asks Git what it tracks. Refuses to follow links out of the folder and to run anything of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from registry.scanning import git
from registry.scanning.finding import Finding
from registry.scanning.python import read_python
from registry.scanning.recognise import recognise
from registry.scanning.script import read_script
from registry.scanning.syntax import Node
from registry.scanning.yaml_file import read_yaml

LARGEST_BYTES = 1_000_000
MOST_FILES = 50_000

_READERS: dict[str, Callable[[str], Node]] = {
    ".py": read_python,
    **dict.fromkeys((".js", ".jsx", ".mjs", ".cjs", ".tsx"), read_script),
    **dict.fromkeys((".ts", ".mts", ".cts"), lambda source: read_script(source, typed=True)),
    **dict.fromkeys((".yaml", ".yml"), read_yaml),
}
_SKIPPED_FOLDERS = frozenset(
    {
        *("node_modules", "bower_components", "site-packages", "vendor", "third_party", "__pycache__"),
        *("venv", "env", "build", "dist", "out", "target", "coverage", "htmlcov", "generated", "__generated__"),
    }
)
_TEST = re.compile(
    r"(?:^|/)(?:tests?|__tests__|__mocks__|fixtures|testdata|cassettes|spec)/|(?:^|/)(?:test_[^/]*|[^/]*_test|conftest)\.py$|\.(?:test|spec)\.[cm]?[jt]sx?$"
)
_GENERATED = re.compile(
    r"\.min\.[cm]?js$|\.d\.[cm]?ts$|(?:^|/)(?:pnpm-lock|package-lock|docker-compose|compose|openapi)\.ya?ml$|\.bundle\.js$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What a scan found, and how much it looked at.

    `files` were read; `tests` files were passed over for being tests, `large` for their size, `unreadable` because they
    don't parse. `cut` says that there were more than MOST_FILES.
    """

    findings: tuple[Finding, ...]
    files: int
    tests: int
    large: int
    unreadable: tuple[str, ...]
    cut: bool


def scan(root: Path, *, tests: bool = False) -> Scan:
    """Look through a folder, or one file, which is read whatever its name and place. Paths in findings are relative to the folder.

    Raises OSError if `root` can't be read.
    """
    if root.is_file():
        names, base, tests = [root.name], root.parent, True
    else:
        os.scandir(root).close()
        names, base = list(_listed(root)), root
    findings: list[Finding] = []
    unreadable: list[str] = []
    files = skipped = large = 0
    for name in names[:MOST_FILES]:
        if not tests and _TEST.search(name):
            skipped += 1
            continue
        path = base / name
        try:
            if not path.is_file() or path.is_symlink():
                continue
            if path.stat().st_size > LARGEST_BYTES:
                large += 1
                continue
            files += 1
            findings.extend(find(name, path.read_bytes().decode("utf-8-sig", "replace")))
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            unreadable.append(name)
    return Scan(
        findings=tuple(findings),
        files=files,
        tests=skipped,
        large=large,
        unreadable=tuple(unreadable),
        cut=len(names) > MOST_FILES,
    )


def find(path: str, source: str) -> list[Finding]:
    """The prompts of one file's text; the ending of `path` says what it is. Raises SyntaxError, ValueError or RecursionError."""
    return recognise(path, _READERS[Path(path).suffix.lower()](source.replace("\r\n", "\n")))


def _listed(root: Path) -> Iterator[str]:
    """Names of the files to read, relative to `root`, sorted: what Git knows or would track, else everything."""
    names = git.listed(root)
    for name in sorted(names or _walked(root)):  # a folder that Git ignores, named by somebody, is meant
        if Path(name).suffix.lower() in _READERS and not _GENERATED.search(name) and not _in_skipped_folder(name):
            yield name


def _walked(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in _SKIPPED_FOLDERS and not name.startswith(".")]
        for name in files:
            yield (Path(folder) / name).relative_to(root).as_posix()


def _in_skipped_folder(name: str) -> bool:
    folders = name.split("/")[:-1]
    return any(folder in _SKIPPED_FOLDERS or folder == ".venv" for folder in folders)
