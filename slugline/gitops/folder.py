"""The folder of prompt files on disk: read all, write one.

Knows paths, links and atomic writes. Refuses to know what files mean. Nothing outside of the folder is read or written, wherever a
link points.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from slugline.gitops.reading import ENDINGS, slug_in
from slugline.gitops.values import FileError
from slugline.settings import SettingsError

_LARGEST = 10_000_000


def read_folder(folder: Path) -> tuple[list[tuple[str, bytes]], list[FileError]]:
    """Prompt files as paths (with `/`, relative to the folder) and bytes, sorted; and those that can't be read.

    What begins with a dot is passed over. Raises SettingsError where there is no folder.
    """
    if not folder.is_dir():
        raise SettingsError(
            f"there is no folder {folder}: `slugline pull` makes it, `--folder` names another"
            if not folder.exists()
            else f"{folder} is no folder"
        )
    root = folder.resolve()
    files: list[tuple[str, bytes]] = []
    errors: list[FileError] = []
    for path in _walk(folder, root, errors):
        name = path.relative_to(folder).as_posix()
        try:
            if not path.resolve(strict=True).is_relative_to(root):
                errors.append(_error(name, "it is a link that leaves the folder: put the file itself here"))
            elif not path.is_file():
                errors.append(_error(name, "it is no ordinary file"))
            elif path.stat().st_size > _LARGEST:
                errors.append(_error(name, f"it has more than {_LARGEST:,} bytes"))
            else:
                files.append((name, path.read_bytes()))
        except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, up to Python 3.12
            reason = getattr(error, "strerror", None) or "its link leads in a circle"
            errors.append(_error(name, f"it can't be read: {reason}"))
    return files, errors


def write(folder: Path, path: str, text: str) -> None:
    """Write one file, whole or not at all. Raises SettingsError for a path that leaves the folder, or can't be written."""
    root = folder.resolve()
    target = (folder / path).resolve()
    if not target.is_relative_to(root):
        raise SettingsError(f"{folder / path} leaves the folder {folder} by a link: nothing is written there")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = target.stat().st_mode & 0o7777 if target.exists() else None
        handle, name = tempfile.mkstemp(prefix=".slugline-", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(mode if mode is not None else 0o666 & ~_umask())
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SettingsError(f"{folder / path} can't be written: {error.strerror}") from error


def _walk(folder: Path, root: Path, errors: list[FileError]) -> Iterator[Path]:
    """Every prompt file; linked folders are refused if they leave, and passed over if not: they would give files twice."""
    for place, folders, names in os.walk(folder):
        here = Path(place)
        for name in sorted(folders):
            if (here / name).is_symlink() and not (here / name).resolve().is_relative_to(root):
                inside = (here / name).relative_to(folder).as_posix()
                errors.append(
                    FileError(path=inside, message="it is a link that leaves the folder: nothing in it is read")
                )
        folders[:] = sorted(name for name in folders if not name.startswith(".") and not (here / name).is_symlink())
        for name in sorted(names):
            if name.lower().endswith(ENDINGS) and not name.startswith("."):
                yield here / name


def _error(path: str, message: str) -> FileError:
    return FileError(path=path, message=message, slug=slug_in(path))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
