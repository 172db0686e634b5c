"""`python`: a check that is somebody's own function, run in a process of its own, for a bounded time.

Knows how to start it, to end it, and to read what it returned. It runs only where `allow_python` says so: on the command line of whoever
owns the files, never for callers of the API. An endless loop, a crash or a `sys.exit` is one undecided check, and the run goes on.
What a function takes and returns: https://www.promptfoo.dev/docs/configuration/expected-outputs/python/
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import orjson
from pydantic import BeforeValidator, model_validator

from evaluation.checks.outcome import Look, Means, Outcome, undecided
from evaluation.checks.values import Number, Takes, named

GROUP = "slugline.checks"
"""The entry points of installed packages that are checks: `[project.entry-points."slugline.checks"] tone = "my_checks:tone"`."""

NOT_ALLOWED = "people's own Python is run by the command line alone, and only with its leave: --allow-python"

_CHILD = Path(__file__).with_name("child.py")
_FILE = re.compile(r"file://(?P<path>.+?\.py)(?::(?P<function>[A-Za-z_]\w*))?")
_PACKAGE = re.compile(r"package:(?P<package>[A-Za-z0-9][\w.-]*)")
_DEFAULT_FUNCTION = "get_assert"


def _address(value: Any) -> str:
    if isinstance(value, str) and (_FILE.fullmatch(value) or _PACKAGE.fullmatch(value)):
        return value
    raise ValueError(
        f"names a function: file://checks.py:function or package:name, not {value[:60]!r}; code itself is not run"
        if isinstance(value, str)
        else f"names a function: file://checks.py:function or package:name, not {named(value)}"
    )


class OwnPython(Takes):
    """`python`: where the function is, and `config`, which it is given; any further option is part of that."""

    value: Annotated[str, BeforeValidator(_address)]
    threshold: Number | None = None
    config: Any = None

    @model_validator(mode="before")
    @classmethod
    def _gathered(cls, given: dict[str, Any]) -> dict[str, Any]:
        further = {name: value for name, value in given.items() if name not in cls.model_fields}
        if not further:
            return given
        config = given.get("config") or {}
        if not isinstance(config, dict):
            raise ValueError(f"config is an object beside other options, not {named(config)}")
        kept = {name: value for name, value in given.items() if name in cls.model_fields}
        return {**kept, "config": {**config, **further}}


async def own_python(takes: OwnPython, look: Look, means: Means) -> Outcome:
    """What the function says of the output."""
    if not means.allow_python:
        return undecided(NOT_ALLOWED)
    place: dict[str, str] = {}
    version = ""
    if match := _FILE.fullmatch(takes.value):
        path = (means.folder / match["path"]).resolve()
        try:
            version = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        except OSError as error:
            return undecided(f"python: {match['path']} can't be read: {error.strerror or error}")
        place = {"file": str(path), "function": match["function"] or _DEFAULT_FUNCTION}
    elif match := _PACKAGE.fullmatch(takes.value):
        place = {"package": match["package"], "group": GROUP}
    task = orjson.dumps(
        {**place, "seconds": means.python_seconds, "output": look.text, "context": _context(takes, look)}
    )
    code, answer = await _ran(task, means.folder, means.python_seconds)
    if code is None:
        return undecided(f"python: it took longer than {means.python_seconds:g} s and was ended")
    try:
        said = orjson.loads(answer)
    except orjson.JSONDecodeError:
        ended = f"by {signal.Signals(-code).name}" if code < 0 else f"with code {code}"
        return undecided(f"python: the process ended {ended} and returned nothing that can be read")
    if "error" in said:
        return undecided(f"python: {said['error']}")
    return read_value(said["value"], takes.threshold, said.get("version") or version)


def read_value(value: Any, threshold: float | None, version: str = "") -> Outcome:
    """What a function returned, as an outcome: a boolean, a score, or an object with pass, score and reason."""
    reason = ""
    passed: Any = None
    score: Any = value
    if isinstance(value, dict):
        passed = value.get("pass", value.get("pass_"))
        score = value.get("score", passed)
        reason = str(value.get("reason") or "")
    elif isinstance(value, bool):
        passed = value
    if not isinstance(score, bool | int | float) or not math.isfinite(score):
        return undecided(
            f"python: it returned {named(value)}, not a boolean, a number, or an object with pass and score"
        )
    if passed is None:
        passed = score >= threshold if threshold is not None else score > 0
    elif threshold is not None:
        passed = bool(passed) and score >= threshold
    if not 0 <= score <= 1:
        reason = f"{reason} (it returned {score:g}; scores go from 0 to 1)".strip()
    return Outcome(passed=bool(passed), score=min(1.0, max(0.0, float(score))), reason=reason, version=version)


def _context(takes: OwnPython, look: Look) -> dict[str, Any]:
    case, output = look.case, look.output
    return {
        "vars": case.variables,
        "prompt": look.subject.conversation,
        "config": takes.config,
        "expected": case.expected,
        "test": {"vars": case.variables, "expected": case.expected, "tags": case.tags, "note": case.note},
        "providerResponse": look.subject.response,
        "latency_ms": output.duration_ms,
        "cost": output.cost,
        "model": output.model,
    }


async def _ran(task: bytes, folder: Path, seconds: float) -> tuple[int | None, bytes]:
    """The child's exit code and what it wrote; None where it was ended."""
    started: list[subprocess.Popen[bytes]] = []
    try:
        return await asyncio.to_thread(_run, task, folder, seconds, started)
    except asyncio.CancelledError:
        for process in started:
            _end(process)
        raise


def _run(task: bytes, folder: Path, seconds: float, started: list[subprocess.Popen[bytes]]) -> tuple[int | None, bytes]:
    # -P: the folder of the child's own file holds modules whose names people's own may have.
    command = [sys.executable, "-P", "-X", "utf8", str(_CHILD)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, cwd=folder, start_new_session=True
    ) as process:
        started.append(process)
        try:
            answer, _ = process.communicate(task, timeout=seconds)
        except subprocess.TimeoutExpired:
            _end(process)
            return None, b""
        return process.returncode, answer


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and what it started, as long as they share its group."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
