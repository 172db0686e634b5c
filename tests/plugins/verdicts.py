"""Facts of an evaluation as `evaluation.verdict` writes them, for tests of what a channel makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def facts_about(
    slug: str,
    version: int,
    *,
    against: int | None = None,
    dataset: str = "golden",
    number: int = 1,
    broken: Sequence[str] = (),
) -> dict[str, Any]:
    """Fifty cases that an equal candidate passes; `broken` names cases that must pass and don't, which makes it a failure."""
    passed = (50 - len(broken)) / 50
    same = {"estimate": 0.0 if not broken else -len(broken) / 50, "pairs": 50, "left_out": 0, "sd": 0.0, "p_worse": 1.0}
    bounds = [{"confidence": level, "low": -0.04, "high": 0.04} for level in (0.95, 0.975, 0.999)]
    return {
        "format": 1,
        "evaluation_id": "e1",
        "slug": slug,
        "dataset": dataset,
        "dataset_number": number,
        "cases": 50,
        "repeats": 1,
        "candidate": _arm(slug, version, passed),
        "baseline": None if against is None else _arm(slug, against, 1.0),
        "difference": None if against is None else {**same, "bounds": bounds},
        "metrics": {},
        "must_pass": {
            "cases": 10,
            "failed": [{"case_id": "0" * 16, "name": name, "reason": "it lacks 'refund'"} for name in broken],
        },
        "cost": None,
        "latency": None,
        "length": None,
    }


def _arm(slug: str, version: int, pass_rate: float) -> dict[str, Any]:
    target = {"slug": slug, "version": version, "model": None, "label": f"{slug}@{version}"}
    return {"target": target, "cases": 50, "attempts": 50, "undecided": 0, "missing": 0, "pass_rate": pass_rate}
