"""`similar` compares what an embedding model gives, and decides nothing without one."""

from collections.abc import Sequence
from typing import Any

import pytest

from registry.cases import Case
from tests.unit.evaluation.checks.outputs import result

VECTORS = {"a": [1.0, 0.0], "b": [0.0, 2.0], "near a": [0.8, 0.6], "zero": [0.0, 0.0]}


async def embed(texts: Sequence[str]) -> Sequence[Sequence[float]]:
    return [VECTORS[text] for text in texts]


@pytest.mark.parametrize(
    ("check", "text", "passed", "score"),
    [
        ({"value": "a", "threshold": 0.8}, "near a", True, 0.8),
        ({"value": "a", "threshold": 0.81}, "near a", False, 0.8),
        ({"value": "a"}, "near a", True, 0.8),
        ({"value": ["b", "a"]}, "near a", True, 0.8),
        ({"value": "b"}, "a", False, 0.0),
        ({"type": "similar:cosine", "value": "b"}, "near a", False, 0.6),
        ({"type": "similar:dot", "value": "b", "threshold": 1.2}, "near a", True, 1.0),
        ({"type": "similar:dot", "value": "b", "threshold": 1.3}, "near a", False, 1.0),
        ({"type": "similar:euclidean", "value": "a", "threshold": 0.7}, "near a", True, 1 / (1 + 0.4**0.5)),
        ({"type": "similar:euclidean", "value": "a", "threshold": 0.6}, "near a", False, 1 / (1 + 0.4**0.5)),
        ({"value": "a"}, " ", False, 0.0),
        ({"value": "zero"}, "a", None, 0.0),
    ],
)
async def test_texts_are_near_by_their_vectors(
    check: dict[str, Any], text: str, passed: bool | None, score: float
) -> None:
    given = {"type": "similar", **check}
    told = await result(given, text, embed=embed)
    assert (told.passed, told.score) == (passed, pytest.approx(score))
    turned = await result({**given, "type": f"not-{given['type']}"}, text, embed=embed)
    assert turned.passed is (None if passed is None else not passed)


async def test_the_expected_answer_is_the_reference() -> None:
    assert (await result({"type": "similar"}, "near a", case=Case(expected="a"), embed=embed)).passed is True


async def test_what_the_model_does_not_give_is_not_guessed() -> None:
    async def short(texts: Sequence[str]) -> Sequence[Sequence[float]]:
        return [[1.0]]

    async def odd(texts: Sequence[str]) -> Sequence[Sequence[float]]:
        return [[1.0], [1.0, 2.0]]

    async def endless(texts: Sequence[str]) -> Sequence[Sequence[float]]:
        return [[float("nan")] for _ in texts]

    async def away(texts: Sequence[str]) -> Sequence[Sequence[float]]:
        raise ConnectionError("it is away")

    for model, why in ((short, "no vector"), (odd, "could not be asked"), (endless, "no vector"), (away, "it is away")):
        told = await result({"type": "similar", "value": "b"}, "a", embed=model)
        assert told.passed is None and why in told.reason
    told = await result({"type": "not-similar", "value": "b"}, "a")
    assert told.passed is None and "similar:words" in told.reason
