"""Embeddings for OpenAI's callers, from Gemini."""

import base64
import struct

import pytest

from proxy.errors import RequestRefused
from tests.unit.proxy.dialects.test_cases import between

ANSWER = {"embeddings": [{"values": [0.5, -1.0]}, {"values": [0.25, 2.0]}]}


def test_texts_become_requests() -> None:
    made = between("embeddings", "gemini_embeddings")
    body = {"model": "gemini-embedding-001", "input": ["a", "b"], "dimensions": 2, "user": "u"}
    one = {"model": "models/gemini-embedding-001", "outputDimensionality": 2}
    assert made.request(body) == {"requests": [{**one, "content": {"parts": [{"text": told}]}} for told in ("a", "b")]}
    assert made.dropped(body) == ("user",)
    assert len(made.request({"model": "m", "input": "a"})["requests"]) == 1


def test_vectors_become_embeddings() -> None:
    made = between("embeddings", "gemini_embeddings")
    answer = made.answer(ANSWER, {"model": "m", "input": ["a", "b"]})
    assert [entry["embedding"] for entry in answer["data"]] == [[0.5, -1.0], [0.25, 2.0]]
    assert [entry["index"] for entry in answer["data"]] == [0, 1]
    assert (answer["object"], answer["model"], answer["usage"]) == (
        "list",
        "m",
        {"prompt_tokens": 0, "total_tokens": 0},
    )


def test_vectors_as_base64() -> None:
    answer = between("embeddings", "gemini_embeddings").answer(ANSWER, {"model": "m", "encoding_format": "base64"})
    assert struct.unpack("<2f", base64.b64decode(answer["data"][1]["embedding"])) == (0.25, 2.0)


@pytest.mark.parametrize("given", [[1, 2], [[1], [2]], [], None])
def test_token_numbers_are_refused(given: object) -> None:
    with pytest.raises(RequestRefused) as refused:
        between("embeddings", "gemini_embeddings").request({"model": "m", "input": given})
    assert refused.value.param == "input"
