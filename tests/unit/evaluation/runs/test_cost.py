"""A guess at the cost goes by what answers cost, else by size and price; what has no price is said, never 0."""

import pytest

from evaluation.runs.cost import estimate
from evaluation.runs.values import Output
from tests.unit.evaluation.runs.bench import A, B, plan_of


def test_what_attempts_will_cost() -> None:
    attempts = plan_of(10).attempts()
    size = {A.label: (1000, 100), B.label: (2000, 100)}

    told = estimate(
        attempts, {}, lambda one: size[one.target.label], lambda _, inputs, outputs: (inputs + outputs) / 1e6
    )
    assert (told.attempts, told.unpriced) == (20, 0)
    assert told.usd == pytest.approx(10 * (1100 + 2100) / 1e6)
    assert told.in_words == "20 calls, about $0.0320"

    seen = {A.label: [Output(cost=0.5), Output(cost=1.5), Output(), Output(cost=9, status=500, error="x")]}
    told = estimate(attempts, seen, lambda _: (0, 0), lambda *_: None)
    assert (told.usd, told.unpriced) == (pytest.approx(10), 10)
    assert told.in_words == "20 calls, about $10.00 and 10 calls without a price"

    told = estimate(attempts[:1], {}, lambda _: (1, 1), lambda *_: None)
    assert told.in_words == "1 call, at a cost that can't be told: no price is known for the model"
    assert estimate([], {}, lambda _: (1, 1), lambda *_: None).in_words == "0 calls"
