"""What GPT-4 and GPT-3.5 really did between March and June 2023, through the whole product.

Primes and code are asked through the proxy, once while the March model answers under `gpt-4`, once while the June model does. The product's
checks score what was recorded, the scores are posted. Then the history is exported, the calls get dates around the day on which the name
began to mean the June model, and it is imported elsewhere; happy numbers, opinions and all that GPT-3.5 answered come straight from the
data, as people's own logs would. The rates are the published ones, and `slugline drift` names the cause; between two halves of what the
March model answered it names none.
"""

import asyncio
import json
import os
import random
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from evaluation.checks.running import passed_and_score, run_checks
from evaluation.runs.values import Output
from registry.cases import Case, Check
from tests.plugins.command_line import CommandLine
from tests.plugins.engine import Database, Databases
from tests.plugins.replay import Recorded, Task, recorded, serve_replay
from tests.plugins.server import Server, run_server
from tracing.clickhouse import ClickHouse
from tracing.engine.endpoint import Endpoint
from tracing.rollups.scores import count_scores

pytestmark = pytest.mark.needs("llmdrift")

SWITCH = datetime(2023, 6, 27, 16, tzinfo=UTC)
"""OpenAI announced that the names would begin to mean the June models on this day
(https://openai.com/index/function-calling-and-other-api-updates/)."""
DAYS = 14
MARCH = {"gpt-4": "gpt-4-0314", "gpt-3.5-turbo": "gpt-3.5-turbo-0301"}
JUNE = {"gpt-4": "gpt-4-0613", "gpt-3.5-turbo": "gpt-3.5-turbo-0613"}
TASKS: Mapping[str, Task] = {
    "primes": "PRIME_FULL", "happy": "COUNTAHAPPYNUMBER", "opinions": "OPINIONQA", "code": "LEETCODE_EASY",
}  # fmt: skip
PROXIED, ASKED = "gpt-4", ("primes", "code")
PUBLISHED = {
    ("primes", "right", "gpt-4"): (84.0, 51.1),
    ("primes", "right", "gpt-3.5-turbo"): (49.6, 76.2),
    ("happy", "right", "gpt-4"): (83.6, 35.2),
    ("happy", "right", "gpt-3.5-turbo"): (30.6, 48.2),
    ("opinions", "answered", "gpt-4"): (97.6, 23.4),
    ("opinions", "answered", "gpt-3.5-turbo"): (94.3, 96.7),
    ("code", "executable", "gpt-4"): (52.0, 10.0),
    ("code", "executable", "gpt-3.5-turbo"): (22.0, 2.0),
    ("code", "executable-cleaned", "gpt-4"): (52.0, 70.0),
    ("code", "executable-cleaned", "gpt-3.5-turbo"): (46.0, 48.0),
}
"""L. Chen, M. Zaharia, J. Zou: How is ChatGPT's behavior changing over time? (https://arxiv.org/abs/2307.09009), and the data's own notes."""
TOO_CLOSE = {
    *(
        ("code", name, alias)
        for name, alias in (
            ("executable", "gpt-3.5-turbo"),
            ("executable-cleaned", "gpt-4"),
            ("executable-cleaned", "gpt-3.5-turbo"),
        )
    ),
    ("opinions", "answered", "gpt-3.5-turbo"),
}
"""Differences of less than 3.29 standard errors (50 answers a side; 2.4 points of 1,506): too little to name a cause by."""

CHECKS = {
    # One answer is named and not the other, but for the other in quotation marks, as in: answer "[Yes]" if it is, or "[No]" if it isn't.
    "primes": (
        Check(type="regex", value=r"\b{{ expected }}\b"),
        Check(type="not-regex", value=r'(?:^|[^"\[\w]|(?:^|[^"])\[){{ other }}\b'),
    ),
    "happy": (Check(type="contains", value="{{ boxed }}"),),
    # An option is picked, and it isn't the option "Refused".
    "opinions": (Check(type="regex", value=r"\([A-Z]\)"), Check(type="not-contains", value="). Refused")),
    "code": (Check(type="contains", value="Accepted"),),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question to a model's name, the answer as the data has it, and the call that it became."""

    task: str
    alias: str
    record: Recorded
    call_id: str = ""

    @property
    def slug(self) -> str:
        return slug_of(self.task, self.alias)

    @property
    def stratum(self) -> str:
        """Whether the number is a prime."""
        return self.record.expected.lower() if self.task == "primes" else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Where the dated history is, and the rates that the product's checks made of the answers, in per cent."""

    folder: Path
    rates: Mapping[tuple[str, str, str], tuple[float, float]]


def slug_of(task: str, alias: str) -> str:
    return f"{task}-{alias}".replace(".", "-")


@pytest.fixture(scope="module")
def history(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """The whole way, from questions to a dated history."""
    folder, later = tmp_path_factory.mktemp("live"), tmp_path_factory.mktemp("later")
    every = {task: recorded(name) for task, name in TASKS.items()}
    served = dict(MARCH)
    logged = _from_the_data(every)
    with serve_replay([record for records in every.values() for record in records], served) as url:
        settings = f'[providers.replay]\nbase_url = "{url}"\nmodels = ["*"]\n'
        with run_server(folder, settings) as server:
            messages = [{"role": "user", "content": "{{ question }}"}]
            for slug, model in (
                (slug_of(task, alias) + end, alias) for task in TASKS for alias in MARCH for end in ("", "-again")
            ):
                server.promote(slug, server.save(slug, "", messages=messages, model=model))
            march = asyncio.run(_ask(server, every, MARCH["gpt-4"]))
            served.update(JUNE)
            june = asyncio.run(_ask(server, every, JUNE["gpt-4"]))
            count = len(march) + len(june)
            server.until("SELECT count() AS n FROM calls", lambda rows: rows[0]["n"] == count)
            live = CommandLine(options=("--data", str(folder / "data")))
            live.run("calls", "export", "-o", str(folder / "calls.jsonl"))
            lines = {line["call_id"]: line for line in _lines(folder / "calls.jsonl")} | {
                each.call_id: _as_line(each) for each in logged
            }
            marks = asyncio.run(_marks([*march, *june, *logged], lines))
            _post(server, {each.call_id: marks[each.call_id] for each in (*march, *june)})
            posted = sum(len(marks[each.call_id]) for each in (*march, *june))
            server.until("SELECT count() AS n FROM score_events FINAL", lambda rows: rows[0]["n"] == posted)
            live.run("scores", "export", "-o", str(folder / "scores.jsonl"))
    scores = _lines(folder / "scores.jsonl")
    march += [each for each in logged if each.record.model == MARCH[each.alias]]
    june += [each for each in logged if each.record.model == JUNE[each.alias]]
    scores += [line for each in logged for line in _score_lines(each.call_id, SWITCH, marks[each.call_id])]
    with databases.one() as database:
        told = {name: getattr(database, name) for name in ("url", "user", "password", "database")}
        Endpoint(**told, pid=os.getpid(), version="").write(later / "engine.json")
        shutil.copy(folder / "data" / "registry.db", later / "registry.db")
        dated = [*_dated(march, lines, -DAYS), *_dated(june, lines, 0), *_halves(march, lines, marks, scores)]
        (later / "calls.jsonl").write_text("".join(json.dumps(line) + "\n" for line in dated))
        (later / "scores.jsonl").write_text("".join(json.dumps(line) + "\n" for line in scores))
        line = CommandLine(options=("--data", str(later)))
        line.run("calls", "import", str(later / "calls.jsonl"))
        line.run("scores", "import", str(later / "scores.jsonl"))
        asyncio.run(_count(database))
        yield History(folder=later, rates=_rates(march, june, marks))


def _from_the_data(every: Mapping[str, Sequence[Recorded]]) -> list[Asked]:
    """What isn't asked through the proxy, mixed, with ids of its own."""
    names = {model: alias for models in (MARCH, JUNE) for alias, model in models.items()}
    found = [
        Asked(task=task, alias=names[record.model], record=record)
        for task, records in every.items()
        for record in records
        if names[record.model] != PROXIED or task not in ASKED
    ]
    random.Random(2).shuffle(found)
    return [replace(each, call_id=f"{number:08x}-0000-4000-9000-000000000000") for number, each in enumerate(found)]


def _as_line(asked: Asked) -> dict[str, Any]:
    """A call as people have it in their own logs."""
    return {
        "call_id": asked.call_id,
        "prompt": asked.slug,
        "version": 1,
        "channel": "stable",
        "stratum": asked.stratum,
        "model_requested": asked.alias,
        "model_served": asked.record.model,
        "output_tokens": asked.record.tokens,
        "duration_ms": 1000 * asked.record.latency,
        "request": json.dumps({"messages": [{"role": "user", "content": asked.record.question}]}),
        "response": json.dumps({"choices": [{"message": {"role": "assistant", "content": asked.record.answer}}]}),
    }


def _score_lines(call_id: str, at: datetime, marks: Mapping[str, bool]) -> Iterator[dict[str, Any]]:
    for name, good in marks.items():
        yield {"id": f"{call_id}-{name}", "call_id": call_id, "ts": at.isoformat(), "name": name, "value": good}


async def _ask(server: Server, every: Mapping[str, Sequence[Recorded]], model: str) -> list[Asked]:
    """Asks `gpt-4` what this model was asked, in an order that mixes the tasks' kinds of questions."""
    asked = [
        Asked(task=task, alias=PROXIED, record=record)
        for task in ASKED
        for record in every[task]
        if record.model == model
    ]
    random.Random(1).shuffle(asked)
    most = asyncio.Semaphore(16)
    async with aiohttp.ClientSession(server.url) as session:

        async def one(each: Asked) -> Asked:
            body = {"model": f"prompt/{each.slug}", "variables": {"question": each.record.question}}
            headers = {"x-slugline-stratum": each.stratum} if each.stratum else {}
            async with most, session.post("/v1/chat/completions", json=body, headers=headers) as answer:
                assert answer.status == 200, await answer.text()
                return replace(each, call_id=answer.headers["x-slugline-call-id"])

        return list(await asyncio.gather(*map(one, asked)))


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").split("\n") if line]


async def _marks(asked: Sequence[Asked], lines: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, bool]]:
    """What the product's checks say of each recorded answer, by call and score."""
    run = {name: run_checks(checks) for name, checks in CHECKS.items()}
    found: dict[str, dict[str, bool]] = {}
    for each in asked:
        body = str(lines[each.call_id]["response"])
        names, expected = {}, each.record.expected
        if each.task == "primes":
            names = {"expected": expected.capitalize(), "other": "No" if expected.lower() == "yes" else "Yes"}
        elif each.task == "happy":
            names = {"boxed": expected.lstrip("\\")}
        for name, text in _looked_at(each, json.loads(body)["choices"][0]["message"]["content"]).items():
            results = await run[each.task](Case(variables=names), Output(text=text, response=body))
            passed, _ = passed_and_score(results)
            assert passed is not None, results
            found.setdefault(each.call_id, {})[name] = passed
    return found


def _looked_at(asked: Asked, answer: str) -> dict[str, str]:
    """What is checked, by the score's name: the answer, or what a judge said of it."""
    if asked.task == "code":
        return dict(zip(("executable", "executable-cleaned"), asked.record.verdicts, strict=True))
    return {"answered" if asked.task == "opinions" else "right": answer}


def _post(server: Server, marks: Mapping[str, Mapping[str, bool]]) -> None:
    given = [
        {"call_id": call, "name": name, "value": good} for call, each in marks.items() for name, good in each.items()
    ]
    for first in range(0, len(given), 10_000):
        answer = server.api.post("/api/scores", json=given[first : first + 10_000])
        assert answer.status_code < 300, answer.text


def _dated(asked: Sequence[Asked], lines: Mapping[str, Mapping[str, Any]], begin: float) -> Iterator[dict[str, Any]]:
    """The calls of each prompt, spread evenly over the days from `begin` on, counted from the switch."""
    by_slug: dict[str, list[Asked]] = {}
    for each in asked:
        by_slug.setdefault(each.slug, []).append(each)
    for some in by_slug.values():
        for place, each in enumerate(some):
            at = SWITCH + timedelta(days=begin + DAYS * (place + 0.5) / len(some))
            yield {**lines[each.call_id], "ts": at.isoformat()}


def _halves(
    asked: Sequence[Asked],
    lines: Mapping[str, Mapping[str, Any]],
    marks: Mapping[str, Mapping[str, bool]],
    scores: list[dict[str, Any]],
) -> Iterator[dict[str, Any]]:
    """March's answers once more, as a prompt whose model never changes, without bodies; their scores are added."""
    for number, line in enumerate(_dated([each for each in asked if each.alias == PROXIED], lines, -DAYS)):
        call_id, copy = line["call_id"], f"{number:08x}-0000-4000-8000-000000000000"
        at = SWITCH + 2 * (datetime.fromisoformat(line["ts"]) - SWITCH) + timedelta(days=DAYS)
        kept = ("version", "channel", "stratum", "model_requested", "model_served", "output_tokens", "duration_ms")
        yield {name: line[name] for name in kept} | {
            "call_id": copy, "prompt": f"{line['prompt']}-again", "ts": at.isoformat(),
        }  # fmt: skip
        scores += _score_lines(copy, at, marks[call_id])


async def _count(database: Database) -> None:
    async with ClickHouse(database.target) as clickhouse:
        await count_scores(clickhouse)


def _rates(
    march: Sequence[Asked], june: Sequence[Asked], marks: Mapping[str, Mapping[str, bool]]
) -> dict[tuple[str, str, str], tuple[float, float]]:
    def rate(asked: Sequence[Asked], task: str, name: str, alias: str) -> float:
        values = [marks[each.call_id][name] for each in asked if (each.task, each.alias) == (task, alias)]
        return round(100 * sum(values) / len(values), 1)

    return {key: (rate(march, *key), rate(june, *key)) for key in PUBLISHED}


def _report(history: History, slug: str, metric: str) -> dict[str, Any]:
    """What `slugline drift` says, asked two weeks after the switch."""
    line = CommandLine(options=("--data", str(history.folder)))
    window = ("--since", SWITCH.date().isoformat() + "T00:00Z", "--until", _iso(SWITCH + timedelta(days=DAYS)))
    [report] = json.loads(line.run("drift", slug, "--metric", metric, *window, "--json"))["reports"]
    found: dict[str, Any] = report
    return found


def _named(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [each for each in report["contributions"] if each["named"]]


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%MZ")


def test_the_products_checks_give_the_published_rates(history: History) -> None:
    assert history.rates == PUBLISHED


@pytest.mark.parametrize(("task", "metric", "alias"), [key for key in PUBLISHED if key not in TOO_CLOSE])
def test_the_new_model_is_named_as_the_cause(history: History, task: str, metric: str, alias: str) -> None:
    report = _report(history, slug_of(task, alias), metric)
    assert [each["cause"] for each in _named(report)] == ["model"], report["sentence"]
    before, after = PUBLISHED[task, metric, alias]
    assert 100 * report["change"] == pytest.approx(after - before, abs=1.5)
    [named] = _named(report)
    assert (named["event"]["before"], named["event"]["after"]) == (MARCH[alias], JUNE[alias])
    assert abs(datetime.fromisoformat(named["event"]["at"]) - SWITCH) < timedelta(days=1)
    assert JUNE[alias] in report["sentence"] or alias in report["sentence"]


@pytest.mark.parametrize(("task", "metric", "alias"), sorted(TOO_CLOSE))
def test_no_other_cause_is_named_for_what_is_too_close(history: History, task: str, metric: str, alias: str) -> None:
    report = _report(history, slug_of(task, alias), metric)
    assert {each["cause"] for each in _named(report)} <= {"model"}, report["sentence"]


@pytest.mark.parametrize(("task", "metric"), [key[:2] for key in PUBLISHED if key[2] == PROXIED])
def test_between_halves_of_one_models_answers_no_cause_is_named(history: History, task: str, metric: str) -> None:
    report = _report(history, f"{slug_of(task, PROXIED)}-again", metric)
    assert _named(report) == [], report["sentence"]


def test_what_the_average_hides_is_shown(history: History) -> None:
    """GPT-4 went from 97.6 % to 2.4 % on primes and from 70.4 % to 99.8 % on composites."""
    report = _report(history, slug_of("primes", "gpt-4"), "right")
    effects = {
        each["stratum"]: 100 * each["effect"] for each in report["strata"] if each["cause"] == "model" and each["shown"]
    }
    assert effects == {"yes": pytest.approx(-95.2, abs=1.5), "no": pytest.approx(29.4, abs=1.5)}
