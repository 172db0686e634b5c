"""The command line within the test's own process: as fast as a function, with the output and exit status that a shell would see."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from slugline import cli

_ODD = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|\+00:00)?"), "TIME"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "HASH"),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "URL"),
    (re.compile(r"\bk_\w{12}"), "KEY"),
    (re.compile(r"^(served by .*|no server runs on this registry now.*)$", re.MULTILINE), "SERVED"),
    (re.compile(r'"served": (null|\{.*?^  \})', re.MULTILINE | re.DOTALL), '"served": SERVED'),
    (re.compile(r" +"), " "),
)
ID = _ODD[0][0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a command printed, and its exit status."""

    arguments: tuple[str, ...]
    status: int
    out: str
    err: str

    @property
    def told(self) -> str:
        """All of it without what differs between two runs: ids, times, hashes, ports, workers and the width of columns."""
        text = f"$ slugline {' '.join(self.arguments)}\n{self.out}{self.err}[{self.status}]"
        for pattern, name in _ODD:
            text = pattern.sub(name, text)
        return text


@dataclass(slots=True)
class CommandLine:
    """`slugline` with some environment beside the test's own, and options that every command gets."""

    environment: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()

    def __call__(self, *arguments: str, stdin: str = "") -> Done:
        out, err = io.StringIO(), io.StringIO()
        with (
            _as_process([*arguments, *self.options], self.environment, stdin),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                cli.main()
                status = 0
            except SystemExit as ended:
                status = ended.code if isinstance(ended.code, int) else 0
        return Done(arguments=arguments, status=status, out=out.getvalue(), err=err.getvalue())

    def run(self, *arguments: str, stdin: str = "") -> str:
        """What a command printed that ended well."""
        done = self(*arguments, stdin=stdin)
        assert done.status == 0, f"{done.told}"
        return done.out


@contextlib.contextmanager
def _as_process(arguments: list[str], environment: Mapping[str, str], stdin: str) -> Iterator[None]:
    before, argv, given = dict(os.environ), sys.argv, sys.stdin
    for name in ("SLUGLINE_URL", "SLUGLINE_KEY"):
        os.environ.pop(name, None)
    os.environ.update(environment)
    sys.argv, sys.stdin = ["slugline", *arguments], io.StringIO(stdin)
    try:
        yield
    finally:
        sys.argv, sys.stdin = argv, given
        os.environ.clear()
        os.environ.update(before)
