"""Outputs to check, as they stand on record, and one way to check them."""

import json
from collections.abc import Mapping
from typing import Any

from evaluation.checks.running import run_checks
from evaluation.runs.values import CheckResult, Output
from registry.cases import Case, Check

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


def output(text: str = "", *, calls: Mapping[str, Any] | None = None, question: str = "Where?", **more: Any) -> Output:
    """An answer of Chat Completions; `calls` are tools with the arguments that they are called with."""
    functions = [
        {"function": {"name": name, "arguments": given if isinstance(given, str) else json.dumps(given)}}
        for name, given in (calls or {}).items()
    ]
    request = {
        "messages": [{"role": "user", "content": question}],
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}],
    }
    response = {"choices": [{"message": {"content": text or None, "tool_calls": functions}}]}
    given = {"finish_reason": "stop", "duration_ms": 900.0, "cost": 0.002, "output_tokens": 7, **more}
    return Output(call_id="c1", text=text, request=json.dumps(request), response=json.dumps(response), **given)


async def results(
    check: Check | dict[str, Any], said: Output | str, *, case: Case | None = None, **means: Any
) -> tuple[CheckResult, ...]:
    """What one check says of an output; text stands for an answer with it."""
    given = check if isinstance(check, Check) else Check(**check)
    run = run_checks([given], pause_seconds=0.0, **means)
    return await run(case or Case(), output(said) if isinstance(said, str) else said)


async def result(
    check: Check | dict[str, Any], said: Output | str, *, case: Case | None = None, **means: Any
) -> CheckResult:
    """The same, of a check with one result."""
    (only,) = await results(check, said, case=case, **means)
    return only
