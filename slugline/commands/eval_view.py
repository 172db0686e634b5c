"""What `slugline eval` shows: how far it is on standard error, what came of it on standard output."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from slugline.commands.options import print_rows

if TYPE_CHECKING:
    from evaluation.runs.report import Report
    from evaluation.runs.terms import Progress
    from evaluation.verdict.facts import DifferenceFacts, Facts

NOT_PASSED = 3
NOT_FINISHED = 4
"""Exit statuses: some case did not pass; it stopped, or was left, before its end."""

CONFIDENCE = 0.95
PLAIN_SECONDS = 5.0
MOST_CASES = 20


@contextlib.contextmanager
def shown_progress() -> Iterator[Callable[[Progress], None]]:
    """Something that shows how far a run is: a bar on a terminal, elsewhere a line now and then."""
    if sys.stderr.isatty():
        with _bar() as tell:
            yield tell
    else:
        yield _lines()


def progress_in_words(progress: Progress) -> str:
    """One line: "120/200, 3 not passed, $0.0210, 40 s left"."""
    from evaluation.runs.cost import dollars

    said = [f"{progress.done:,}/{progress.total:,}"]
    if progress.failed:
        said.append(f"{progress.failed:,} not passed")
    if progress.errors:
        said.append(f"{progress.errors:,} without an answer")
    said.append(dollars(progress.spent_usd))
    if progress.eta_seconds is not None and progress.done < progress.total:
        said.append(f"{_span(progress.eta_seconds)} left")
    if progress.waiting:
        said.append(f"waiting: {progress.waiting}")
    return ", ".join(said)


def print_report(report: Report, facts: Mapping[str, Facts], *, resumable: bool = True) -> None:
    """The figures as a table, the cases that failed and why, what differs between targets, and what it cost."""
    from evaluation.runs.text import costs, figures_rows, headline

    print(headline(report))
    header, *rows = figures_rows(report)
    print_rows(header, rows)
    for label, found in facts.items():
        if found.difference is not None:
            print(f"{label} against {report.baseline}: {difference_in_words(found.difference)}")
    for failure in report.failures[:MOST_CASES]:
        must = ", must pass" if failure.must_pass else ""
        of = f", {failure.failed + failure.undecided} of {failure.repeats} attempts" if failure.repeats > 1 else ""
        print(f"\n{failure.label}: {failure.name} ({failure.case_id}{must}{of})")
        for reason in failure.reasons:
            print(f"  {reason}")
    if len(report.failures) > MOST_CASES:
        print(f"\n… and {len(report.failures) - MOST_CASES:,} more: --json has them all")
    if report.differences:
        labels = [target.label for target in report.targets]
        print(f"\n{len(report.differences):,} of {report.cases:,} cases differ:")
        shown = [
            [
                case.name,
                *(f"{passed}/{count}" if count else "–" for passed, count in map(case.passes.__getitem__, labels)),
            ]
            for case in report.differences[:MOST_CASES]
        ]
        print_rows(["case", *labels], shown)
        if len(report.differences) > MOST_CASES:
            print(f"… and {len(report.differences) - MOST_CASES:,} more")
    print(f"\n{costs(report)}")
    if not report.complete and not resumable:
        print(f"evaluation {report.evaluation_id} is over: {report.reason}")
    elif not report.complete:
        print(f"{report.reason}. Go on with: slugline eval --resume {report.evaluation_id}")
    else:
        print(f"evaluation {report.evaluation_id}")


def difference_in_words(difference: DifferenceFacts) -> str:
    """A line: "-4.0 points (95 %: at least -7.9, at most -0.2), better on 1 case, worse on 3"."""
    bound = next(bound for bound in difference.bounds if bound.confidence == CONFIDENCE)
    points = [f"{100 * share:+.1f}" for share in (difference.estimate, bound.low, bound.high)]
    said = f"{points[0]} points (at {CONFIDENCE:.0%} confidence at least {points[1]}, or at most {points[2]})"
    return f"{said}, better on {difference.better:,} and worse on {difference.worse:,} of {difference.pairs:,} cases"


@contextlib.contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    with Bars(BarColumn(), TextColumn("{task.description}", markup=False), console=Console(stderr=True)) as bars:
        task = bars.add_task("", total=None)

        def tell(progress: Progress) -> None:
            bars.update(task, total=progress.total, completed=progress.done, description=progress_in_words(progress))

        yield tell


def _lines() -> Callable[[Progress], None]:
    said_at = 0.0
    said_waiting = ""

    def tell(progress: Progress) -> None:
        nonlocal said_at, said_waiting
        now = time.monotonic()
        news = bool(progress.waiting) != bool(said_waiting)
        if news or now - said_at >= PLAIN_SECONDS or progress.done == progress.total:
            said_at, said_waiting = now, progress.waiting
            print(progress_in_words(progress), file=sys.stderr, flush=True)

    return tell


def _span(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
