"""Reports of evaluations as files, for CI systems and pull requests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evaluation.runs.plan import Plan
    from evaluation.runs.report import Report


def written(
    evaluations: Sequence[tuple[Report, Plan]], markdown: Path | None, junit: Path | None, *, head: Sequence[str] = ()
) -> None:
    """Writes what people asked to have in files; `head` stands before the reports in Markdown. Raises SettingsError."""
    from evaluation.runs.junit import as_junit
    from evaluation.runs.markdown import as_markdown
    from slugline.settings import SettingsError

    for path, text in (
        (markdown, "\n".join((*head, *(as_markdown(report) for report, _ in evaluations)))),
        (junit, as_junit(evaluations)),
    ):
        if path is not None:
            try:
                path.write_text(text, "utf-8")
            except OSError as error:
                raise SettingsError(f"{path} can't be written: {error.strerror or error}") from error
