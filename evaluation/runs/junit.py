"""A report of an evaluation as JUnit XML, which CI systems show test by test: a suite per target, a test per case. Pure.

Format: https://github.com/testmoapp/junitxml. A case fails where any of its attempts failed, and is an error where all that is wrong is
that it can't be told. Refuses to know what a report is made from (`report.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from evaluation.runs.plan import Plan
from evaluation.runs.report import CaseFailure, Report, TargetFigures
from registry.datasets import case_name

# What XML 1.0 can't hold, however it is written (https://www.w3.org/TR/xml/#charsets).
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(evaluations: Sequence[tuple[Report, Plan]]) -> str:
    """The XML document, of one evaluation or several."""
    suites = []
    for report, plan in evaluations:
        failures = {(failure.label, failure.case_id): failure for failure in report.failures}
        suites += [_suite(target, report, plan, failures) for target in report.targets]
    name = _quoted(", ".join(f"{report.slug} on {report.source}" for report, _ in evaluations))
    return "\n".join(
        ('<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites name={name}>", *suites, "</testsuites>", "")
    )


def _suite(target: TargetFigures, report: Report, plan: Plan, failures: dict[tuple[str, str], CaseFailure]) -> str:
    cases = {case.case_id: case for case in plan.cases}
    tests = []
    counts = {"failures": 0, "errors": 0, "skipped": 0}
    for case_id, case in cases.items():
        failure = failures.get((target.label, case_id))
        head = f"<testcase name={_quoted(f'{case_name(case)} [{case_id}]')} classname={_quoted(target.label)}"
        if failure is not None:
            kind = "failure" if failure.failed else "error"
            counts[f"{kind}s"] += 1
            tests.append(f"    {head}>{_told(kind, failure)}</testcase>")
        elif case_id in report.missing.get(target.label, ()):
            counts["skipped"] += 1
            tests.append(f"    {head}><skipped message={_quoted(report.reason or 'not run yet')}/></testcase>")
        else:
            tests.append(f"    {head}/>")
    numbers = " ".join(f'{name}="{count}"' for name, count in counts.items())
    return "\n".join(
        (f'  <testsuite name={_quoted(target.label)} tests="{len(cases)}" {numbers}>', *tests, "  </testsuite>")
    )


def _told(kind: str, failure: CaseFailure) -> str:
    lines: Sequence[str] = (*failure.reasons, "", f"output: {failure.output}", f"call: {failure.call_id}")
    of = f" ({failure.failed + failure.undecided} of {failure.repeats} attempts)" if failure.repeats > 1 else ""
    return f"<{kind} message={_quoted(failure.reasons[0] + of)}>{escape(_clean(chr(10).join(lines)))}</{kind}>"


def _quoted(text: str) -> str:
    return quoteattr(_clean(text))


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
