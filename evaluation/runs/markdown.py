"""A report of an evaluation as Markdown, for a pull request's comment or a CI job's summary. Pure.

Refuses to know what a report is made from (`report.py`). What models and people wrote stands in it as text and can't become markup.
"""

from __future__ import annotations

import re

from evaluation.runs.report import Report
from evaluation.runs.text import figures_rows, headline

MOST_CASES = 30
_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~@-])")


def as_markdown(report: Report) -> str:
    """The document."""
    mark = "✅" if report.passed else "❌" if report.complete else "⏸️"
    lines = [f"### {mark} {plain(headline(report))}", ""]
    header, *rows = figures_rows(report)
    lines += [_row(header), _row(["---", *["---:"] * (len(header) - 1)]), *map(_row, rows), ""]
    if report.failures:
        lines += [f"**{len(report.failures)} not passed**", ""]
        for failure in report.failures[:MOST_CASES]:
            must = " **must pass**" if failure.must_pass else ""
            of = f" ({failure.failed + failure.undecided} of {failure.repeats})" if failure.repeats > 1 else ""
            lines.append(
                f"- {plain(failure.label)}:{must} {plain(failure.name)}{of}: {plain('; '.join(failure.reasons))}"
            )
        if len(report.failures) > MOST_CASES:
            lines.append(f"- … and {len(report.failures) - MOST_CASES} more")
        lines.append("")
    if report.differences:
        labels = [target.label for target in report.targets]
        lines += [
            f"**{len(report.differences)} differ**",
            "",
            _row(["case", *labels]),
            _row(["---"] * (len(labels) + 1)),
        ]
        for case in report.differences[:MOST_CASES]:
            shares = [
                f"{passed}/{count}" if count else "–" for passed, count in (case.passes[label] for label in labels)
            ]
            lines.append(_row([case.name, *shares]))
        if len(report.differences) > MOST_CASES:
            lines.append(_row([f"… and {len(report.differences) - MOST_CASES} more", *[""] * len(labels)]))
        lines.append("")
    lines.append(f"Evaluation `{report.evaluation_id}`")
    return "\n".join(lines) + "\n"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cell if set(cell) <= set('-:') else plain(cell) for cell in cells)} |"


def plain(text: str) -> str:
    """Text that people or models wrote, so that nothing of it is markup."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
