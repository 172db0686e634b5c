"""How evaluations ask their models: as calls of Slugline's own, on record with the purpose `evaluation` (a probe's with `probe`), each with
the tags `evaluation`, `case` and `repeat`.

A target is asked by its version's number, at its own model's provider alone: an answer that a fallback gave would say nothing about it.
It refuses to know which attempts are made, and what becomes of an answer (`evaluation.runs`).
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import orjson

from evaluation.runs.cost import Estimate, Price, Size, estimate
from evaluation.runs.plan import Plan
from evaluation.runs.values import Attempt, Complete, Output, Target
from evaluation.scorers.judge import Ask
from evaluation.scorers.subject import subject_of
from proxy.errors import ProxyError
from proxy.line import Line
from proxy.providers import Route, route
from proxy.tally import Tally
from registry.errors import RegistryError
from registry.keys import CallerKey
from registry.serving.live import Resolved
from registry.templates.template import render
from slugline.evaluation_payer import Purse
from slugline.folder import DataFolder
from slugline.judges import asker
from slugline.own_calls import OwnAnswer, OwnCall, call, open_own_line
from slugline.recording import open_recorder
from slugline.settings import Settings
from tracing.spool import Spool, SpoolFolders

CHARACTERS_PER_TOKEN = 4
USUAL_OUTPUT_TOKENS = 300
"""For a guess before the first answer: what an English text has, and about what a chat answer is long."""

Embed = Callable[[Sequence[str]], Awaitable[Sequence[Sequence[float]]]]


class EmbeddingError(Exception):
    """Texts could not be embedded: what the provider said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """All that an evaluation asks of models. `embed` is None where no embedding model was chosen."""

    complete: Complete
    ask: Ask
    embed: Embed | None
    price: Price
    size: Size
    refusal: Callable[[], str] = lambda: ""
    """Why whoever pays can pay no more; empty while they can."""


@contextlib.asynccontextmanager
async def open_models(
    settings: Settings,
    environment: Mapping[str, str],
    evaluation_id: str,
    *,
    embedding_model: str | None = None,
    payer: CallerKey | None = None,
    purpose: str = "evaluation",
) -> AsyncIterator[Models]:
    """What asks models for one evaluation, until the block ends; `payer` is the key that its calls count for.

    Works on the data folder with a server beside it or without one: what is recorded waits in the spool for the next server.
    """
    folder = DataFolder(settings.data)
    folder.make()
    spool = Spool(SpoolFolders.at(folder.spool), bounds=settings.spool_bounds)
    spool.start()
    recorder = open_recorder(settings, environment, spool.append)
    try:
        async with open_own_line(settings, environment, spool, recorder) as line:
            purse = Purse(line=line, key=payer)
            models = models_on(purse.charged(), evaluation_id, embedding_model=embedding_model, purpose=purpose)
            yield replace(models, refusal=purse.refusal)
    finally:
        spool.close()


def models_on(
    line: Line, evaluation_id: str, *, embedding_model: str | None = None, purpose: str = "evaluation"
) -> Models:
    """What asks models for one evaluation on a request path that is there."""
    return Models(
        complete=completer(line, evaluation_id, purpose),
        ask=asker(line, {"evaluation": evaluation_id}),
        embed=embedder(line, evaluation_id, embedding_model) if embedding_model else None,
        price=pricer(line),
        size=sizer(line),
    )


def foreseen(line: Line, plan: Plan) -> Estimate:
    """What all of a plan will ask and cost, as far as that can be told before anything is asked."""
    return estimate(plan.attempts(), {}, sizer(line), pricer(line))


def completer(line: Line, evaluation_id: str, purpose: str) -> Complete:
    """Asks the model about an attempt."""

    async def complete(attempt: Attempt) -> Output:
        target, case = attempt.target, attempt.case
        body: dict[str, Any] = {
            "prompt": {"id": f"{target.slug}@{target.version}", "variables": dict(case.variables)},
            "messages": list(case.messages),
            **({"model": target.model} if target.model else {}),
        }
        asked = OwnCall(
            body=body,
            purpose=purpose,
            tags={"evaluation": evaluation_id, "case": case.case_id, "repeat": str(attempt.repeat)},
            provider=_provider(line, target),
        )
        return output_of(await call(line, asked))

    return complete


def output_of(answer: OwnAnswer) -> Output:
    """A call of our own as what checks look at."""
    event = answer.event
    if event is None:
        return Output(status=answer.status, error=answer.error or "the call could not be recorded")
    broken = "" if event.outcome == "ok" else event.error_message or f"the call ended as {event.outcome}"
    return Output(
        call_id=event.call_id,
        status=answer.status if answer.status >= 400 or not broken else 502,
        error=answer.error or broken,
        text=subject_of(msgspec.structs.asdict(event)).text,
        request=event.request,
        response=event.response,
        model=event.model_served or event.model_requested,
        finish_reason=event.finish_reason,
        cost=answer.cost,
        duration_ms=event.duration_ms,
        first_chunk_ms=event.first_chunk_ms,
        input_tokens=event.input_tokens,
        output_tokens=event.output_tokens,
    )


def embedder(line: Line, evaluation_id: str, model: str) -> Embed:
    """Asks a model for the vectors of texts. What it gives raises EmbeddingError."""

    async def embed(texts: Sequence[str]) -> Sequence[Sequence[float]]:
        given = {"model": model, "input": list(texts), "encoding_format": "float"}
        tags = {"evaluation": evaluation_id}
        answer = await call(line, OwnCall(body=given, purpose="evaluation", endpoint="/v1/embeddings", tags=tags))
        if answer.error:
            raise EmbeddingError(f"{model} could not be asked for embeddings ({answer.status}): {answer.error}")
        try:
            found = sorted(orjson.loads(answer.body)["data"], key=lambda one: int(one["index"]))
            vectors = [[float(number) for number in one["embedding"]] for one in found]
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise EmbeddingError(f"{model} gave embeddings that can't be read: {answer.body[:200]!r}") from error
        if len(vectors) != len(texts):
            raise EmbeddingError(f"{model} gave {len(vectors)} embeddings for {len(texts)} texts")
        return vectors

    return embed


def pricer(line: Line) -> Price:
    """Prices by the settings and the published lists, as calls are priced."""

    def price(target: Target, inputs: int, outputs: int) -> float | None:
        found = _route(line, target)
        if found is None:
            return None
        tally = Tally(model=found.model, input_tokens=inputs, output_tokens=outputs, usage_source="provider")
        priced = line.prices.priced(found.provider, found.model, tally, line.now())
        return None if priced is None else float(priced.cost)

    return price


def sizer(line: Line) -> Size:
    """A guess at an attempt's tokens: by the letters of what is sent, and what the version lets the answer be."""

    def size(attempt: Attempt) -> tuple[int, int]:
        try:
            resolved = _resolved(line, attempt.target)
            messages = render(resolved.compiled, attempt.case.variables).messages
        except RegistryError:
            return 0, 0  # it is refused before any model is asked
        sent = len(orjson.dumps([*messages, *attempt.case.messages]))
        given = resolved.version.content.parameters
        most = given.get("max_completion_tokens", given.get("max_tokens"))
        outputs = min(most, USUAL_OUTPUT_TOKENS) if isinstance(most, int) else USUAL_OUTPUT_TOKENS
        return sent // CHARACTERS_PER_TOKEN, outputs

    return size


def _provider(line: Line, target: Target) -> str:
    """The provider of a target's model; empty where the request path itself is to say what is wrong."""
    found = _route(line, target)
    return found.provider.name if found is not None else ""


def _route(line: Line, target: Target) -> Route | None:
    try:
        model = target.model or _resolved(line, target).version.content.model
        return route(model, line.providers) if model else None
    except (ProxyError, RegistryError):
        return None


def _resolved(line: Line, target: Target) -> Resolved:
    return line.registry.resolve(f"{target.slug}@{target.version}")
