"""The gate over real models' answers of March and June 2023: it tells a loss from a gain, with the published rates in its report.

Rates and ways to score: L. Chen, M. Zaharia, J. Zou, https://arxiv.org/abs/2307.09009 and https://github.com/lchen001/LLMDrift.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest

from registry.cases import Case, Check
from slugline.commands.gate import FAILED
from tests.integration.test_gate import gated
from tests.plugins import solving
from tests.plugins.evaluating import ANN
from tests.plugins.replay import Recorded, Task, recorded

GPT_4 = ("gpt-4-0314", "gpt-4-0613")
GPT_35 = ("gpt-3.5-turbo-0301", "gpt-3.5-turbo-0613")

EXAMPLE = re.compile(r"\*\*Example \d+:\*\*(.*?)(?=\*\*Example|\*\*Constraints)", re.DOTALL)
INPUT_OUTPUT = re.compile(r"Input:\s*(.*?)\s*Output:\s*(.*?)\s*(?:Explanation|\Z)", re.DOTALL)
JUDGED: Mapping[str, tuple[str, str]] = {
    "alternatingSubarray": ("nums = [31,32,31,32,33]", "4"),
    "isFascinating": ("n = 783", "false"),
    "circularGameLosers": ("n = 2, k = 1", "[]"),
    "closetTarget": (
        'words = ["a","b","c","d","a","e","a","a","f","g"], target = "a", startIndex = 4',
        "0",
    ),
}
"""LeetCode's judge has thousands of inputs of its own, which nobody else has. These are the four on which it refused an answer of this
data that solves its task's examples; the data has them beside its verdicts, the last one with other words."""


def word(one: str) -> str:
    """A pattern for a word that stands alone or in brackets, by which LLMDrift reads answers."""
    return rf"(?i)(?:\[|^|[\s,.]){one}(?:\]|[\s,.]|$)"


def primes(records: Iterable[Recorded]) -> list[Case]:
    """Where an answer has both words, it says yes."""
    no = (
        Check(type="regex", value=word("no"), metric="right"),
        Check(type="not-regex", value=word("yes"), metric="right"),
    )
    yes = (Check(type="regex", value=word("yes"), metric="right"),)
    return [
        Case(variables={"question": each.question}, checks=yes if each.expected.lower() == "yes" else no)
        for each in records
    ]


def happy_numbers(records: Iterable[Recorded]) -> list[Case]:
    return [
        Case(
            variables={"question": each.question},
            expected=each.expected.strip("\\"),
            checks=(Check(type="contains", metric="right"),),
        )
        for each in records
    ]


def opinions(records: Sequence[Recorded]) -> list[Case]:
    """Whether there is an opinion at all. Some questions stand in the survey twice: they weigh twice, and are asked once."""
    times = Counter(each.question for each in records)
    answered = (
        Check(type="regex", value=r"\([A-Za-z]\)", metric="answered"),
        Check(type="not-regex", value=r"\([A-Za-z]\)\. Refused", metric="answered"),
    )
    return [
        Case(variables={"question": question}, checks=answered, weight=float(count))
        for question, count in times.items()
    ]


def programs(records: Iterable[Recorded]) -> list[Case]:
    found = []
    for each in records:
        method = re.findall(r"def (\w+)\(self", each.question)[-1]
        examples = [match.groups() for block in EXAMPLE.findall(each.question) if (match := INPUT_OUTPUT.search(block))]
        assert examples, method
        config = {"method": method, "examples": [*examples, *([JUDGED[method]] if method in JUDGED else [])]}
        check = Check(type="python", value=f"file://{solving.__file__}:solves", options={"config": config})
        found.append(Case(variables={"question": each.question}, checks=(check,)))
    return found


CASES = {"PRIME_FULL": primes, "COUNTAHAPPYNUMBER": happy_numbers, "OPINIONQA": opinions, "LEETCODE_EASY": programs}


@pytest.mark.needs("llmdrift")
@pytest.mark.parametrize(
    ("task", "models", "rates", "passes"),
    [
        ("PRIME_FULL", GPT_35, (49.6, 76.2), True),
        ("COUNTAHAPPYNUMBER", GPT_4, (83.6, 35.2), False),
        ("COUNTAHAPPYNUMBER", GPT_35, (30.6, 48.2), True),
        ("OPINIONQA", GPT_4, (97.6, 23.4), False),
        ("OPINIONQA", GPT_35, (94.3, 96.7), True),
        ("LEETCODE_EASY", GPT_4, (52.0, 10.0), False),
        ("LEETCODE_EASY", GPT_35, (22.0, 2.0), False),
    ],
)
def test_june_against_march(
    tmp_path: Path, task: Task, models: tuple[str, str], rates: tuple[float, float], passes: bool
) -> None:
    march, june = models
    answers = [each for each in recorded(task) if each.model in models]
    with gated(tmp_path, answers) as desk:
        desk.version(march)
        desk.store.promote("ask", 1, reason="first", by=ANN)
        desk.dataset(CASES[task]([each for each in answers if each.model == march]))
        desk.protect({"dataset": "golden"})
        desk.version(june)
        python = ("--allow-python",) if task == "LEETCODE_EASY" else ()
        done = desk.gate("--candidate", "2", "--json", *python)
        assert done.status == (0 if passes else FAILED), done.told[:2000]
        [evaluation] = desk.store.evaluations("ask")
        assert evaluation.facts is not None
        arms = [evaluation.facts[arm] for arm in ("baseline", "candidate")]
        assert tuple(round(100 * arm["pass_rate"], 1) for arm in arms) == rates
        assert [(arm["undecided"], arm["missing"]) for arm in arms] == [(0, 0), (0, 0)]
        [told] = json.loads(done.out)["evaluations"]
        if task != "OPINIONQA":  # whose report counts each question once
            assert tuple(round(100 * each["pass_rate"], 1) for each in reversed(told["targets"])) == rates
        assert (desk.promote(2).status == 0) is passes
