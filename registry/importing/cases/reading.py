"""What reading a file of cases gives, and how the parts of one find others. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from registry.cases import Case, Check
from registry.errors import PromptInvalidError

Find = Callable[[str], Sequence[tuple[str, str]]]
"""The files that a path or pattern stands for, relative to the folder of the file that was named first: names and texts. None: empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReading:
    """Cases with the checks that hold for all of them; `notes` say what was left out, a sentence each."""

    cases: tuple[Case, ...]
    checks: tuple[Check, ...] = ()
    notes: tuple[str, ...] = ()


def joined(readings: Sequence[CaseReading]) -> CaseReading:
    """Several files as one. Checks for all of a file's cases stay so where every file has the same; else they become each case's own."""
    notes = tuple(dict.fromkeys(note for reading in readings for note in reading.notes))
    if all(reading.checks == readings[0].checks for reading in readings):
        checks = readings[0].checks if readings else ()
        return CaseReading(cases=tuple(case for each in readings for case in each.cases), checks=checks, notes=notes)
    cases = [replace(case, checks=(*each.checks, *case.checks)) for each in readings for case in each.cases]
    return CaseReading(cases=tuple(cases), notes=notes)


def nothing_found(path: str) -> Sequence[tuple[str, str]]:
    """For text that stands alone: no file is found."""
    return ()


def invalid(where: str, said: str) -> PromptInvalidError:
    """What is wrong, and where."""
    return PromptInvalidError(f"{where}: {said}" if where else said, param="file")
