"""The journal of an evaluation: what was answered, and what its checks said, on this machine's disk the moment it is known.

1. An answer is in the file before its checks start, so that after a `kill -9` it is not asked for again; so is what the checks said, since
   judges cost money, too.
2. Whoever runs the evaluation holds a lock (flock) on the file: nobody else runs it on this machine meanwhile.
3. A torn last line, as a kill or a power cut leaves it, is cut off when the file is opened again.
4. Answers lie there as they came, before any redaction, in a file for its owner alone: checks read them.

Knows one file of JSON lines. Refuses to know what is asked next, and where results go in the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any, Self

import msgspec
import orjson

from evaluation.runs.errors import EvaluationRunningError
from evaluation.runs.plan import Key
from evaluation.runs.values import CaseResult, CheckResult, Output

log = logging.getLogger("slugline.evaluation")

NAME = "journal.jsonl"


class Journal:
    """An open journal; close it to let go of the evaluation. `outputs` and `results` are what is in it, by the attempts' keys."""

    def __init__(self, folder: Path) -> None:
        """Opens the journal in an evaluation's folder, makes both if need be. Raises EvaluationRunningError, OSError."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self._fd = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.outputs: dict[Key, Output] = {}
        self.results: dict[Key, CaseResult] = {}
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._fd, self._read(folder / NAME))
        except BlockingIOError:
            os.close(self._fd)
            raise EvaluationRunningError(f"another process runs the evaluation {folder.name} now") from None
        except BaseException:
            os.close(self._fd)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def keep_output(self, key: Key, request_key: str, output: Output) -> None:
        """Returns once the answer is on disk. Raises OSError."""
        # Written before anything else may run: from here on a kill of this process takes nothing away.
        self._write({"key": key, "request_key": request_key, "output": output})
        self.outputs[key] = output
        await asyncio.to_thread(os.fdatasync, self._fd)

    async def keep_result(self, result: CaseResult) -> None:
        """Returns once what the checks said is on disk. The answer must be there already. Raises OSError."""
        self._write({"key": result.key, "checks": result.checks, "passed": result.passed, "score": result.score})
        self.results[result.key] = result
        await asyncio.to_thread(os.fdatasync, self._fd)

    def close(self) -> None:
        os.close(self._fd)

    def _write(self, told: Mapping[str, Any]) -> None:
        line = orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)
        before = os.fstat(self._fd).st_size
        if os.write(self._fd, line) != len(line):
            os.ftruncate(self._fd, before)
            raise OSError(f"the disk took a part only of what was to be kept in {self.folder / NAME}")

    def _read(self, path: Path) -> int:
        """Takes in what is there; gives the length of the whole lines."""
        whole = 0
        with path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                with _tolerated(path):
                    self._take(orjson.loads(line))
        return whole

    def _take(self, told: Mapping[str, Any]) -> None:
        key = _key(told["key"])
        if "output" in told:
            self.outputs[key] = msgspec.convert(told["output"], Output)
        else:
            checks = msgspec.convert(told["checks"], tuple[CheckResult, ...])
            self.results[key] = CaseResult(
                key=key, output=self.outputs[key], checks=checks, passed=told["passed"], score=told["score"]
            )


def answers_kept(journals: Iterable[Path], wanted: Set[str], *, errors: bool = False) -> dict[str, Output]:
    """Answers of other evaluations by the key of their request, the last where there are several: those in the folders of `journals` that
    are `wanted`. Errors are answers only where somebody wants to see them again."""
    found: dict[str, Output] = {}
    for folder in journals:
        with contextlib.suppress(FileNotFoundError), (folder / NAME).open("rb") as lines:
            for line in lines:
                with _tolerated(folder / NAME):
                    told = orjson.loads(line)
                    if told.get("request_key") in wanted and (errors or not told["output"].get("error")):
                        found[told["request_key"]] = msgspec.convert(told["output"], Output)
    return found


@contextlib.contextmanager
def _tolerated(path: Path) -> Iterator[None]:
    """A line that can't be read is as if it weren't there: what it held is asked for again."""
    try:
        yield
    except (orjson.JSONDecodeError, msgspec.ValidationError, KeyError, TypeError, ValueError) as error:
        log.warning("a line of %s can't be read, and is passed over: %s", path, error)


def _key(told: Any) -> Key:
    label, case_id, repeat = told
    return (str(label), str(case_id), int(repeat))
