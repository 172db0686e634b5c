"""How judges ask their models: as calls of Slugline's own, on record with the purpose `judge`.

It refuses to know what is asked and what becomes of the verdict (`evaluation.scorers`).
"""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson

from evaluation.scorers.judge import Answer, Ask, Question
from proxy.line import Line
from slugline.own_calls import OwnAnswer, OwnCall, call, open_own_line
from slugline.settings import Settings
from tracing.privacy.recorder import Recorder
from tracing.spool import Spool


@contextlib.asynccontextmanager
async def asking(
    settings: Settings, environment: Mapping[str, str], spool: Spool, recorder: Recorder
) -> AsyncIterator[Ask]:
    """Something that asks judges' models, until the block ends."""
    async with open_own_line(settings, environment, spool, recorder) as line:
        yield asker(line)


def asker(line: Line, tags: Mapping[str, str] | None = None) -> Ask:
    """Asks a judge's model as a call of Slugline's own; `tags` stand on it beside the question's."""

    async def ask(question: Question) -> Answer:
        given = OwnCall(body=_body(question), purpose="judge", tags={**question.tags, **(tags or {})})
        answer = await call(line, given)
        text, error = _said(answer)
        event = answer.event
        return Answer(
            status=answer.status,
            text=text,
            error=error,
            rubric=event.prompt if event else "",
            version=event.version if event else 0,
            model=event.model_served if event else "",
            cost=answer.cost,
        )

    return ask


def _body(question: Question) -> dict[str, Any]:
    return {
        "prompt": {"id": question.rubric, "variables": dict(question.variables)},
        "messages": [],
        "response_format": dict(question.response_format),
        **({"model": question.model} if question.model else {}),
    }


def _said(answer: OwnAnswer) -> tuple[str, str]:
    """An answer's text, and an error's message."""
    try:
        said = orjson.loads(answer.body)
        if "error" in said:
            return "", str(said["error"]["message"])
        return str(said["choices"][0]["message"]["content"] or ""), ""
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
        return "", f"the answer can't be read: {answer.body[:200]!r}"
