"""How alike the calls of one user are: by how much that makes a comparison less sure than the number of calls says.

A failure that sticks to a few users hits all their calls. The variance of the difference of two sides, with users as clusters, over the
variance with each call for itself is the design effect (L. Kish, Survey Sampling (1965)); SQL adds both up, users never leave the database.
Who is told by the user, or by the session where no user is named.
"""

from __future__ import annotations

import math
from typing import Any

from evaluation.drift.reading import HOUR_SECONDS, Measured, sums_of_calls
from evaluation.drift.sides import Span
from evaluation.statements import load_statements
from tracing.clickhouse import ClickHouse

LEAST_USERS = 20
LEAST_NAMED = 0.5
"""Below so many users, or where so few calls name one, nothing is known of them."""


async def design_effect(
    clickhouse: ClickHouse, measured: Measured, *, prompt: str, before: Span, after: Span
) -> float | None:
    """By how much users make variances greater, at least 1; None where calls don't tell. A category's labels are not looked at."""
    if measured.score and measured.label:
        return None
    statements = load_statements("evaluation.drift", "cells.sql")
    if measured.score:
        observed = statements["user_scores"]
    else:
        sums = sums_of_calls(measured)
        observed = statements["user_calls"].replace("/*value*/", sums.value).replace("/*known*/", sums.known)
    window: dict[str, Any] = {
        "prompt": prompt, "name": measured.score, "label": measured.label, "before_since": before.begin * HOUR_SECONDS,
        "before_until": before.end * HOUR_SECONDS, "after_since": after.begin * HOUR_SECONDS,
        "after_until": after.end * HOUR_SECONDS,
    }  # fmt: skip
    [found] = (await clickhouse.query(statements["users"].replace("/*observed*/", observed), window)).dicts()
    if found["users"] < LEAST_USERS or found["named"] < LEAST_NAMED * found["observed"] or not found["by_itself"]:
        return None
    return beyond_chance(float(found["clustered"]) / float(found["by_itself"]), float(found["users"]))


def beyond_chance(ratio: float, users: float) -> float:
    """What a design effect leaves when that is taken off which so many users show where they are not alike at all; at least 1."""
    return max(1.0, ratio - 2 * math.sqrt(2 / users))
