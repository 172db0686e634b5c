"""Whether all checks of some cases can work, asked before they are saved and before anything is paid. Pure.

The one place that every door asks: the API, the pages, the command line, and an evaluation's plan. Refuses to know what makes a single
check well-formed (`validation`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from evaluation.checks.kinds import ASSERT_SET
from evaluation.checks.validation import group_of, problem_of, split_type
from registry.cases import Case, Check
from registry.datasets import case_name
from registry.errors import PromptInvalidError

MOST_PROBLEMS = 10

_OWN = "python"
NOT_HERE = (
    f"{_OWN}: it runs on the command line of whoever owns its file, and never on a server: leave it out, or evaluate the cases as a file "
    "with `slugline eval --file FILE --allow-python`"
)


def check_cases(
    cases: Sequence[Case], checks: Sequence[Check] | None = None, *, source: str = "", own_python: bool = True
) -> None:
    """Raises PromptInvalidError that names the case and the check, for the first few that can't work; its `param` is the first's.

    `checks` are those that hold for every case. `source` is what the cases are called, for people. Without `own_python` people's own Python
    can't work, as on a server.
    """
    problems = list(_problems(cases, checks or (), own_python))
    if not problems:
        return
    lines = [f"  {where}: {said}" for where, _, said in problems[:MOST_PROBLEMS]]
    if len(problems) > MOST_PROBLEMS:
        lines.append(f"  … and {len(problems) - MOST_PROBLEMS} more")
    head = f"{source} has checks that can't work:" if source else "there are checks that can't work:"
    raise PromptInvalidError("\n".join((head, *lines)), param=problems[0][1])


def _problems(cases: Sequence[Case], checks: Sequence[Check], own_python: bool) -> Iterator[tuple[str, str, str]]:
    """For people, where it is; where in the body; and what is wrong."""
    for place, said in _wrong(checks, own_python):
        yield f"all cases, check {place + 1}", f"checks[{place}]", said
    for index, case in enumerate(cases):
        for place, said in _wrong(case.checks, own_python):
            where = f"case {case.case_id} ({case_name(case)}), check {place + 1}"
            yield where, f"cases[{index}].checks[{place}]", said


def _wrong(checks: Iterable[Check], own_python: bool) -> Iterator[tuple[int, str]]:
    for place, check in enumerate(checks):
        said = problem_of(check)
        if said is None and not own_python and _has_python(check):
            said = NOT_HERE
        if said is not None:
            yield place, said


def _has_python(check: Check) -> bool:
    """Of a check that is well-formed."""
    _, base = split_type(check.type)
    if base == ASSERT_SET:
        return any(map(_has_python, group_of(check)[1]))
    return base == _OWN
