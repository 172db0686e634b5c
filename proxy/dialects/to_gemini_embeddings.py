"""OpenAI's embeddings as Gemini's batchEmbedContents and back. Pure.

Formats: https://platform.openai.com/docs/api-reference/embeddings and https://ai.google.dev/api/embeddings. Gemini's own `taskType` and
`title` pass. It counts no tokens on most models: usage is then zero.
"""

import base64
import struct
from collections.abc import Mapping
from typing import Any

from proxy.dialects.hop import EventTranslator
from proxy.dialects.shapes import Json, count, given, left_over, listed, table, text, untranslatable

_READ = frozenset({"model", "input", "dimensions", "encoding_format", "taskType", "title"})


def embeddings_request(body: Mapping[str, Any]) -> tuple[Json, tuple[str, ...]]:
    """Gemini's body, which names the model in each of its requests, and the caller's keys that it can't carry."""
    given_input = body.get("input")
    texts = [given_input] if isinstance(given_input, str) else given_input
    if not isinstance(texts, list) or not texts or not all(isinstance(item, str) for item in texts):
        raise untranslatable(
            "'input' must be a text or a list of texts for a Gemini model: it takes no token numbers", "input"
        )
    options = given(outputDimensionality=body.get("dimensions"), taskType=body.get("taskType"), title=body.get("title"))
    model = f"models/{text(body.get('model')).removeprefix('models/')}"
    requests = [{"model": model, "content": {"parts": [{"text": item}]}, **options} for item in texts]
    return {"requests": requests}, left_over(body, _READ)


def embeddings_answer(answer: Mapping[str, Any], body: Mapping[str, Any]) -> Json:
    """OpenAI's answer; vectors are base64 of little-endian floats where the caller wants that, as OpenAI's SDKs do."""
    packed = body.get("encoding_format") == "base64"
    vectors = [entry.get("values") or [] for entry in listed(answer, "embeddings")]
    tokens = count(table(answer.get("usageMetadata")).get("promptTokenCount"))
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": _packed(vector) if packed else vector}
            for index, vector in enumerate(vectors)
        ],
        "model": text(body.get("model")),
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def no_stream(_body: Mapping[str, Any]) -> EventTranslator:
    """Embeddings don't come as a stream."""
    raise untranslatable("embeddings can't be streamed", "stream")


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
