"""Every example of docs/checks.md does what is said beside it, and every type of check has one."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from evaluation.checks.kinds import CHECK_TYPES, REFUSED
from evaluation.checks.rubrics import RUBRICS
from evaluation.checks.validation import check_of, problem_of
from evaluation.runs.values import Output
from evaluation.scorers.judge import Answer, Question
from registry.cases import Case
from registry.files.prompt_file import read_prompt_file
from tests.unit.evaluation.checks.outputs import output, result

GUIDE = (Path(__file__).parents[4] / "docs" / "checks.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
PYTHON = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
PROMPTS = re.findall(r"^```\n(---\n.*?)\n```$", GUIDE, re.DOTALL | re.MULTILINE)
SAME = {
    "is-valid-function-call",
    "is-valid-openai-function-call",
    "icontains-any",
    "similar:cosine",
    "similar:dot",
    "similar:euclidean",
    "model-graded-factuality",
}
"""Types that are another's name or variant; the page may name them in a sentence only."""


def remarks(example: str) -> dict[str, Any]:
    """What the comments of an example say."""
    found = re.findall(r"^# (\w+): (.*)$", example, re.MULTILINE)
    return {name: yaml.safe_load(text) for name, text in found}


def said(what: Any) -> Output:
    given = what if isinstance(what, dict) else {"text": what}
    return output(given.pop("text", ""), **given)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.split("\n")[0])
async def test_an_example_does_what_it_says(example: str, tmp_path: Path) -> None:
    (tmp_path / "checks.py").write_text("\n".join(PYTHON), "utf-8")
    check, told = check_of(yaml.safe_load(example)), remarks(example)
    assert problem_of(check) is None
    case = Case(variables=told.get("variables", {}))

    async def ask(question: Question) -> Answer:
        return Answer(status=200, text=json.dumps({"reason": "so it is", **told["judge"]}))

    async def embed(texts: Sequence[str]) -> Sequence[Sequence[float]]:
        return [[float("Monday" in text), float("Tuesday" in text), 0.1] for text in texts]

    if "judge" in told:
        assert (await result(check, "Monday, Ada.", case=case, ask=ask)).passed is True
        told["judge"] = {
            name: {"agree": "disagree", 0.9: 0.7}.get(value, False) for name, value in told["judge"].items()
        }
        assert (await result(check, "Monday, Ada.", case=case, ask=ask)).passed is False
    elif check.type == "similar":
        for text, passed in (("On Monday, then", True), ("On Tuesday", False)):
            assert (await result(check, text, embed=embed)).passed is passed
    else:
        assert {"passes", "fails"} <= told.keys()
        for name, passed in (("passes", True), ("fails", False)):
            found = await result(check, said(told[name]), case=case, allow_python=True, folder=tmp_path)
            assert found.passed is passed, (name, found.reason)


def test_every_type_has_an_example_or_is_named() -> None:
    shown = {yaml.safe_load(example)["type"] for example in EXAMPLES}
    assert set(CHECK_TYPES) - SAME <= shown <= set(CHECK_TYPES)
    assert all(f"`{name}`" in GUIDE for name in SAME - {"similar:cosine", "model-graded-factuality"})
    assert all(
        f"`{name}`" in GUIDE for name in ("javascript", "webhook", "select-best", "perplexity") if name in REFUSED
    )


def test_the_rubrics_are_those_that_are_asked_for() -> None:
    files = [read_prompt_file(text, "rubric.prompty") for text in PROMPTS]
    assert {file.name: file.content.messages[0]["content"] for file in files} == dict(RUBRICS)
