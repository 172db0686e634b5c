"""What Git is asked: which files it knows, and how they changed. Runs `git` and reads its output.

Refuses what a repository's settings could make it run on the way: file system monitor, external diff, text conversion, hooks, fetches.
A folder that is no repository, or a machine without Git, is an answer (None), not an error.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

_CONFIG = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false")
_QUIET = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_PAGER": "cat",
    "LC_ALL": "C",
}
_DIFF = (
    "--unified=0",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--no-renames",
    "--src-prefix=a/",
    "--dst-prefix=b/",
)
_LIST_SECONDS = 60

COMMIT_MARK = "\x01"
"""Starts a commit's line in `history`: the mark, its hash, a blank, its date."""


def listed(root: Path) -> list[str] | None:
    """The files below `root` that Git tracks or would track, relative to it; None outside of a repository."""
    output = _output(root, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    return None if output is None else [os.fsdecode(name) for name in set(output.split(b"\0")) if name]


def prefix(root: Path) -> str | None:
    """Where `root` is within its repository: `apps/web/`, or "" at the top; None outside of one."""
    output = _output(root, "rev-parse", "--show-prefix")
    return None if output is None else os.fsdecode(output).removesuffix("\n")


def head(root: Path) -> str | None:
    """The hash of the commit that is checked out."""
    output = _output(root, "rev-parse", "--verify", "--quiet", "HEAD")
    return None if output is None else output.decode().strip()


def uncommitted(root: Path, paths: Sequence[str]) -> Iterator[str]:
    """Lines of the difference between the last commit and the working tree."""
    output = _output(root, "diff", "HEAD", *_DIFF, "--", *map(_exactly, paths))
    yield from (output or b"").decode("utf-8", "replace").split("\n")


def history(root: Path, paths: Sequence[str], *, seconds: float) -> Iterator[str]:
    """Lines of the patches to `paths`, newest commit first, along first parents; a merge counts as one change.

    Git is stopped after `seconds`; the lines then end early, with one that holds COMMIT_MARK alone.
    """
    arguments = ["log", "--first-parent", "-m", "--patch", *_DIFF, f"--format={COMMIT_MARK}%H %cI", "--"]
    process = subprocess.Popen(
        ["git", *_CONFIG, *arguments, *map(_exactly, paths)],
        cwd=root,
        env={**os.environ, **_QUIET},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    late = threading.Event()

    def stop() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(seconds, stop)
    timer.start()
    try:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        for line in process.stdout:
            yield line.decode("utf-8", "replace").removesuffix("\n")
        if late.is_set():
            yield COMMIT_MARK
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _exactly(path: str) -> str:
    return f":(literal){path}"


def _output(root: Path, *arguments: str) -> bytes | None:
    try:
        done = subprocess.run(
            ["git", *_CONFIG, *arguments],
            cwd=root,
            env={**os.environ, **_QUIET},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LIST_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
