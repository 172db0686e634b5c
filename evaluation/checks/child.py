"""The process in which one `python` check runs: reads a task from standard input, calls the function, writes what it returned.

Imports nothing of Slugline, so that it starts fast and people's own modules meet no names of ours. What the function prints goes nowhere:
the answer has a file descriptor of its own. The system ends it with whoever started it (on Linux), and bounds its processor's time.
"""

import contextlib
import ctypes
import dataclasses
import importlib.util
import json
import os
import signal
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

_LONGEST = 2000
_PR_SET_PDEATHSIG = 1  # https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html


def main() -> None:
    """One task, one answer: `{"value": …, "version": …}` or `{"error": …}`."""
    task = json.loads(sys.stdin.buffer.read())
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    _bounded(task["seconds"])
    try:
        function, version = _found(task)
        said = json.dumps({"value": function(task["output"], task["context"]), "version": version}, default=_plain)
    except BaseException as error:  # whatever it is, sys.exit included, it is this check's and ends with it
        said = json.dumps({"error": f"{type(error).__name__}: {error}"[:_LONGEST]})
    with answer:
        answer.write(said)


def _found(task: dict[str, Any]) -> tuple[Callable[[str, dict[str, Any]], Any], str]:
    """The function, and the version of the package that it is from."""
    sys.dont_write_bytecode = True
    if "package" in task:
        for entry in metadata.entry_points(group=task["group"], name=task["package"]):
            return entry.load(), entry.dist.version if entry.dist else ""
        known = sorted(entry.name for entry in metadata.entry_points(group=task["group"]))
        raise LookupError(
            f"no installed package has the check '{task['package']}' (there are: {', '.join(known) or 'none'})"
        )
    path = Path(task["file"])
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location("slugline_own_check", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    function = getattr(module, task["function"], None)
    if not callable(function):
        raise LookupError(f"{path.name} has no function '{task['function']}'")
    return function, ""


def _plain(value: Any) -> Any:
    """What JSON has no word for: a dataclass, a number of NumPy's."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"it returned {type(value).__name__}, not a boolean, a number, or an object with pass and score")


def _bounded(seconds: float) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            # The thread that started this waits for its end, so its death is the whole process's.
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        limit = int(seconds) + 2
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
