"""Libraries that translate between LLM wire formats, against proxy/dialects: how many fidelity cases each keeps, and what it costs.

    python -m venv build/candidates
    build/candidates/bin/pip install orjson 'llm-rosetta==0.13.0' 'any-llm-sdk==1.40.2' anthropic google-genai
    build/candidates/bin/python -m bench.translation --write

The cases are those of tests/unit/proxy/dialects. A case is kept when it reads the same on both sides. A library is asked for what it
offers: any-llm has functions between chat and Anthropic and for Gemini's answers, none for callers of other dialects.
"""

import argparse
import logging
import platform
import re
import time
import traceback
import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from proxy.dialects.translation import translation
from tests.unit.proxy.dialects.assembling import assembled
from tests.unit.proxy.dialects.cases import ANSWERS, HI, REQUESTS, Answer, Request
from tests.unit.proxy.dialects.readers import answer_differences, request_differences

BODIES: dict[str, dict[str, Any]] = {
    "chat": {"model": "m", "messages": HI},
    "responses": {"model": "m", "input": "Hi"},
    "messages": {"model": "m", "max_tokens": 9, "messages": HI},
}
Json = dict[str, Any]
USAGE = ("prompt:", "cached:", "completion:", "reasoning:")


HEAD = """# Libraries that translate between wire formats

`python -m bench.translation --write` on Python {python}; {cases} fidelity cases in nine pairs of dialects, best of 15 rounds. Costs
are of chat to Anthropic: a tool loop as a request, an answer with thinking and two tools, and one event of that answer's stream, with
parsing and framing.

**Verdict: own code.** llm-rosetta covers every pair, but loses thinking signatures, JSON Schemas, PDF files, cache marks and users on the
way to Anthropic, counts cached tokens wrongly, and its Responses streams lack sequence numbers. any-llm makes SDK objects and covers the
callers of one dialect only. lm15 1.5.0 was not run: it builds providers' requests from its own types, and has nothing that reads a
caller's request or writes a caller's answer, which is half of the work.
"""


class NotOffered(Exception):
    """The library has nothing for this pair of dialects."""


class Slugline:
    name = "proxy/dialects"

    def request(self, caller: str, provider: str, body: Json) -> Json:
        return self._of(caller, provider).request(body)

    def answer(self, caller: str, provider: str, whole: Json) -> Json:
        return self._of(caller, provider).answer(whole, BODIES[caller])

    def stream(self, caller: str, provider: str) -> Callable[[bytes], list[bytes]]:
        stream = self._of(caller, provider).stream(BODIES[caller])
        return lambda data: stream.feed(data) if data else stream.finish()

    @staticmethod
    def _of(caller: str, provider: str) -> Any:
        return translation(caller, provider)  # type: ignore[arg-type]


class Rosetta:
    name = "llm-rosetta " + version("llm-rosetta")
    names: Mapping[str, str] = {
        "chat": "openai_chat",
        "responses": "openai_responses",
        "messages": "anthropic",
        "gemini": "google_generate",
    }

    def _pipeline(self, caller: str, provider: str) -> Any:
        from llm_rosetta.pipeline import ConversionPipeline

        return ConversionPipeline(self.names[caller], self.names[provider])

    def request(self, caller: str, provider: str, body: Json) -> Json:
        if provider == "gemini":  # the pipeline's own google_output_format="rest" has no effect in 0.13.0
            from llm_rosetta import get_converter_for_provider
            from llm_rosetta.converters.base.context import ConversionContext

            context = ConversionContext()
            ir = get_converter_for_provider(self.names[caller]).request_from_provider(body, context=context)
            target = get_converter_for_provider("google_generate")
            return dict(camel(target.request_to_provider(ir, context=context, output_format="rest")[0]))
        return dict(self._pipeline(caller, provider).convert_request(body))

    def answer(self, caller: str, provider: str, whole: Json) -> Json:
        pipeline = self._pipeline(caller, provider)
        pipeline.convert_request(BODIES[caller])
        return dict(pipeline.convert_response(whole))

    def stream(self, caller: str, provider: str) -> Callable[[bytes], list[bytes]]:
        pipeline = self._pipeline(caller, provider)
        pipeline.convert_request(BODIES[caller])
        processor = pipeline.create_stream_processor()
        return lambda data: framed(caller, processor.process_chunk(orjson.loads(data))) if data else []


class AnyLlm:
    name = "any-llm-sdk " + version("any-llm-sdk")

    def request(self, caller: str, provider: str, body: Json) -> Json:
        if (caller, provider) != ("chat", "messages"):
            raise NotOffered
        from any_llm.providers.anthropic.utils import _convert_params
        from any_llm.types.completion import CompletionParams

        given = {("model_id" if key == "model" else key): value for key, value in body.items()}
        return dict(_convert_params(CompletionParams(**orjson.loads(orjson.dumps(given))), provider_name="anthropic"))

    def answer(self, caller: str, provider: str, whole: Json) -> Json:
        if caller != "chat":
            raise NotOffered
        if provider == "gemini":
            from any_llm.providers.gemini.utils import _convert_response_to_response_dict
            from google.genai.types import GenerateContentResponse

            made = _convert_response_to_response_dict(GenerateContentResponse.model_validate(whole))
            return dict(orjson.loads(orjson.dumps(made, default=lambda value: value.model_dump(mode="json"))))
        from anthropic.types import Message
        from any_llm.providers.anthropic.utils import _convert_response

        return _convert_response(Message.model_validate(whole)).model_dump(mode="json")

    def stream(self, caller: str, provider: str) -> Callable[[bytes], list[bytes]]:
        if caller != "chat":
            raise NotOffered
        if provider == "gemini":
            from any_llm.providers.gemini.utils import _create_openai_chunk_from_google_chunk
            from google.genai.types import GenerateContentResponse

            counter = [0]
            return lambda data: (
                framed(
                    "chat",
                    [
                        _create_openai_chunk_from_google_chunk(
                            GenerateContentResponse.model_validate_json(data), counter
                        ).model_dump(mode="json")
                    ],
                )
                if data
                else []
            )
        from anthropic.types import RawMessageStreamEvent
        from any_llm.providers.anthropic.utils import _create_openai_chunk_from_anthropic_chunk
        from pydantic import TypeAdapter

        reader = TypeAdapter[Any](RawMessageStreamEvent)
        return lambda data: (
            framed(
                "chat",
                [_create_openai_chunk_from_anthropic_chunk(reader.validate_json(data), "m").model_dump(mode="json")],
            )
            if data and b'"ping"' not in data
            else []
        )


def camel(value: Any) -> Any:
    """Google's API takes names and types in both spellings; the reader knows one of them."""
    if isinstance(value, list):
        return [camel(item) for item in value]
    if not isinstance(value, dict):
        return value.lower() if value in ("OBJECT", "STRING") else value
    return {re.sub("_([a-z])", lambda found: found.group(1).upper(), key): camel(item) for key, item in value.items()}


def repaired(raw: list[bytes]) -> list[bytes]:
    """A library's chat stream with the frame that some leave to their caller: a first role, usage in the end, [DONE]."""
    chunks = [orjson.loads(piece[6:]) for piece in raw]
    usage = next((chunk["usage"] for chunk in reversed(chunks) if chunk.get("usage")), {})
    spoken = [{**chunk, "id": "c", "usage": None} for chunk in chunks if chunk.get("choices")]
    if spoken:
        spoken[0]["choices"][0]["delta"]["role"] = "assistant"
    for chunk in spoken:
        for choice in chunk["choices"]:
            choice.setdefault("finish_reason", None)
    return [
        *framed("chat", [*spoken, {"choices": [], "usage": usage, "object": "chat.completion.chunk", "id": "c"}]),
        b"data: [DONE]\n\n",
    ]


def framed(caller: str, events: list[Json]) -> list[bytes]:
    """A library's events as a stream's bytes, which is what the request path needs."""
    named = caller != "chat"
    return [
        (f"event: {event['type']}\n".encode() if named else b"") + b"data: " + orjson.dumps(event) + b"\n\n"
        for event in events
    ]


def request_problems(library: Any, case: Request, provider: str) -> list[str]:
    return request_differences(case.caller, case.body, provider, library.request(case.caller, provider, case.body))


def answer_problems(library: Any, case: Answer, caller: str) -> list[str]:
    return [wrong for wrong in _answer(library, case, caller) if not wrong.startswith(USAGE)]


def usage_problems(library: Any, case: Answer, caller: str) -> list[str]:
    return [wrong for wrong in _answer(library, case, caller) if wrong.startswith(USAGE)]


def _answer(library: Any, case: Answer, caller: str) -> list[str]:
    whole = library.answer(caller, case.provider, case.whole)
    return answer_differences(caller, {"status": "completed", **whole}, case.provider, case.whole)


def stream_problems(library: Any, case: Answer, caller: str) -> list[str]:
    stream = library.stream(caller, case.provider)
    raw = [said for event in [*map(orjson.dumps, case.events), b""] for said in stream(event)]
    if caller == "chat" and library.name != Slugline.name:
        raw = repaired(raw)
    wrongs = answer_differences(caller, assembled(caller, raw), case.provider, case.whole)
    return [wrong for wrong in wrongs if not wrong.startswith(USAGE)]


KINDS: Mapping[str, Callable[[Any, Any, str], list[str]]] = {
    "request": request_problems,
    "answer": answer_problems,
    "stream": stream_problems,
    "usage": usage_problems,
}


def judged(problems: Callable[..., list[str]], *arguments: Any) -> str | None:
    """What is wrong, in a line; empty if nothing is, None if the library doesn't offer it."""
    try:
        return "; ".join(problems(*arguments))
    except NotOffered:
        return None
    except Exception as error:
        line = traceback.extract_tb(error.__traceback__)[-1].line or ""
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else line}"


def microseconds(function: Callable[[], Any]) -> float:
    """The cost of one call in the best of 15 rounds of 100: the machine is shared, and only what disturbs makes a round slower."""
    rounds = []
    for _ in range(15):
        before = time.perf_counter()
        for _ in range(100):
            function()
        rounds.append((time.perf_counter() - before) / 100 * 1e6)
    return min(rounds)


def costs(library: Any) -> list[str]:
    """A tool loop as a request, an answer with thinking and two tools, and an event of its stream."""
    loop = next(case for case in REQUESTS if case.name == "a tool loop that goes on")
    said = next(case for case in ANSWERS if case.name == "thinking, text, two tools")
    events = [orjson.dumps(event) for event in said.events]

    def whole_stream() -> None:
        stream = library.stream("chat", "messages")
        for event in events:
            stream(event)

    steps: list[tuple[Callable[[], Any], int]] = [
        (lambda: library.request("chat", "messages", loop.body), 1),
        (lambda: library.answer("chat", "messages", said.whole), 1),
        (whole_stream, len(events)),
    ]
    return [f"{microseconds(step) / parts:.1f}" for step, parts in steps]


def main() -> None:
    """Prints the tables; --write keeps them in bench/results/translation.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    write = parser.parse_args().write
    warnings.simplefilter("ignore")
    logging.disable()
    libraries: list[Any] = [Slugline(), Rosetta(), AnyLlm()]
    jobs: list[tuple[str, str, str, Any]] = []
    for request in REQUESTS:
        jobs += [(f"{request.caller} to {to}", f"request: {request.name}", to, request) for to in request.providers]
    for answer in ANSWERS:
        callers = [who for who in answer.callers if who != answer.provider]
        jobs += [(f"{who} to {answer.provider}", f"answer: {answer.name}", who, answer) for who in callers]
        jobs += [(f"{who} to {answer.provider}", f"stream: {answer.name}", who, answer) for who in callers]
        if answer.name == "text":
            jobs += [(f"{who} to {answer.provider}", "usage", who, answer) for who in callers]
    lines = [
        "| library | cases kept | of those it offers | µs a request | µs an answer | µs an event |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    failures: dict[str, dict[str, list[str]]] = {}
    for library in libraries:
        kept = offered = 0
        failures[library.name] = defaultdict(list)
        for pair, name, other, case in jobs:
            kind = name.partition(":")[0]
            problems = KINDS[kind]
            wrong = judged(problems, library, case, other)
            offered += wrong is not None
            kept += wrong == ""
            if wrong:
                failures[library.name][name].append(f"{pair}: {wrong}")
        lines.append(f"| {library.name} | {kept} of {len(jobs)} | {offered} | {' | '.join(costs(library))} |")
    for name, failed in failures.items():
        if failed:
            lines += ["", f"## What {name} doesn't keep", ""]
        for case_name, wrongs in failed.items():
            short = [wrong if len(wrong) < 160 else f"{wrong[:160]}…" for wrong in wrongs]
            lines.append(f"- {case_name}: " + " / ".join(item.replace("\n", " ") for item in short))
    report = "\n".join(lines)
    print(report)
    if write:
        path = Path(__file__).parent / "results" / "translation.md"
        path.write_text(f"{HEAD.format(cases=len(jobs), python=platform.python_version())}\n{report}\n")


if __name__ == "__main__":
    main()
