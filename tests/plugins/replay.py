"""Real models' recorded answers, given again: what two versions of GPT-4 and GPT-3.5 said in March and June 2023 to the same questions.

The data is LLMDrift's (Chen, Zaharia, Zou: How is ChatGPT's behavior changing over time?, https://github.com/lchen001/LLMDrift); a test that
uses it says `@pytest.mark.needs("llmdrift")`. The provider is a stand-in: it answers a question with what the model of that name said.
"""

import contextlib
import csv
import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tests.plugins.left_out import llmdrift
from tests.plugins.simulator import serve_app

Task = Literal["PRIME_FULL", "COUNTAHAPPYNUMBER", "OPINIONQA", "LEETCODE_EASY"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One answer as it was recorded; `latency` in seconds, `cost` in US dollars, `tokens` of the answer.

    `verdicts`: what LeetCode's judge said of code as it was answered, and of the same without the marks around it.
    """

    model: str
    question: str
    expected: str
    answer: str
    latency: float
    cost: float
    tokens: int
    verdicts: tuple[str, str] = ("", "")


def recorded(task: Task) -> list[Recorded]:
    """All answers of one task, the models named as their providers do: `gpt-4-0314`."""
    folder = llmdrift()
    assert folder is not None, "say @pytest.mark.needs('llmdrift')"
    with gzip.open(folder / f"{task}_EVAL.csv.gz", "rt", encoding="utf-8", newline="") as file:
        return [
            Recorded(
                model=row["model"].partition("/")[2],
                question=row["query"],
                expected=row["ref_answer"],
                answer=row["answer"],
                latency=float(row["latency"]),
                cost=float(row["cost"]),
                tokens=int(row["answer_token"]),
                verdicts=(row.get("Code_Submit", ""), row.get("Clean_Code_Submit", "")),
            )
            for row in csv.DictReader(file)
        ]


@contextlib.contextmanager
def serve_replay(records: Sequence[Recorded], served: Mapping[str, str] | None = None) -> Iterator[str]:
    """A provider that gives these answers to these questions, and a 404 to any other; gives its base URL.

    `served` says which model answers now under the name that is asked for; it may change meanwhile. A question that was asked several times
    gets its answers in turn.
    """
    answers: dict[tuple[str, str], list[Recorded]] = {}
    for record in records:
        answers.setdefault((record.model, record.question), []).append(record)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        asked = json.loads(body)
        model = (served or {}).get(asked["model"], asked["model"])
        known = answers.get((model, asked["messages"][-1]["content"]))
        record = known[0] if known else None
        if known:
            known.append(known.pop(0))
        status, answer = (200, _answer(record)) if record else (404, {"error": {"message": "nobody asked this"}})
        await send(
            {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]}
        )
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    with serve_app(app) as url:
        yield url + "/v1"


def _answer(record: Recorded) -> dict[str, Any]:
    message = {"role": "assistant", "content": record.answer}
    asked = max(len(record.question) // 4, 1)
    return {
        "id": "chatcmpl-replay",
        "object": "chat.completion",
        "created": 1690000000,
        "model": record.model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": asked,
            "completion_tokens": record.tokens,
            "total_tokens": asked + record.tokens,
        },
    }
