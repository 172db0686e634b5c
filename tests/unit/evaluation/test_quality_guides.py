"""docs/quality.md and docs/drift.md say what is so: figures, metrics, verdicts, causes and grades."""

import re
from pathlib import Path
from typing import get_args

from evaluation.comparison.choosing import LEAST, LEAST_IN_STRATUM
from evaluation.comparison.measures import BUILT_IN, MARGIN
from evaluation.comparison.needed import for_rates
from evaluation.comparison.report import MOST_VERSIONS
from evaluation.comparison.verdicts import MOST_APART, MOST_LEFT_OUT
from evaluation.drift.metrics import OF_CALLS
from evaluation.drift.text import GRADES
from evaluation.drift.values import Cause

_DOCS = Path(__file__).parents[3] / "docs"
_QUALITY, _DRIFT = (" ".join((_DOCS / f"{name}.md").read_text("utf-8").split()) for name in ("quality", "drift"))


def test_the_figures_are_those_that_are_computed() -> None:
    told = re.search(
        r"For a rate of 85 %.*?: (\d+) scored calls per version for 10 points, ([\d,]+) for 5, ([\d,]+) for 3, ([\d,]+) for 2\.",
        _QUALITY,
    )
    assert told is not None
    assert [int(each.replace(",", "")) for each in told.groups()] == [
        for_rates(0.85, size) for size in (0.1, 0.05, 0.03, 0.02)
    ]
    assert f"fewer than {LEAST} values in either version" in _QUALITY
    assert f"more than {100 * MOST_APART:.0f} points apart" in _QUALITY
    assert (
        f"more than {100 * MOST_LEFT_OUT:.0f} % of the baseline's values that the other version has fewer than {LEAST_IN_STRATUM} of"
        in _QUALITY
    )
    assert f"The margin is {100 * MARGIN:.0f} points" in _QUALITY
    assert (MOST_VERSIONS, "the newest eight" in _QUALITY) == (8, True)


def test_every_metric_is_named() -> None:
    assert set(BUILT_IN) == set(OF_CALLS)
    for name in OF_CALLS:
        assert f"`{name}`" in _QUALITY
        assert f"`{name}`" in _DRIFT


def test_every_cause_and_every_grade_has_its_line() -> None:
    first_cells = " ".join(re.findall(r"^\| ([^|]+) \|", (_DOCS / "drift.md").read_text("utf-8"), re.MULTILINE))
    for word in (*get_args(Cause), *GRADES):
        assert word in first_cells
