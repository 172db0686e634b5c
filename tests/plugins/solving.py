"""A check in Python, as people write their own: does an answer, run as it stands, solve a task of LeetCode's?

Runs in the process that the check `python` starts, and imports nothing of ours. `config` has the `method` to call and `examples`: what is
given, as `nums = [1,2], k = 3`, and what must come out.
"""

import ast
from typing import Any

# What LeetCode imports for everybody (https://support.leetcode.com/hc/en-us/articles/360011833974).
_THERE = """
from typing import *
from bisect import *
from collections import *
from functools import *
from heapq import *
from itertools import *
from math import *
import collections, functools, heapq, itertools, math, re, string
"""
_WORDS = {"true": True, "false": False}


def solves(output: str, context: dict[str, Any]) -> dict[str, Any]:
    """Whether the answer is Python whose method gives what the examples say."""
    names: dict[str, Any] = {}
    exec(_THERE, names)  # noqa: S102 - what the check is there for
    config = context["config"]
    try:
        exec(compile(output, "answer", "exec"), names)  # noqa: S102
        for given, wanted in config["examples"]:
            found = getattr(names["Solution"](), config["method"])(*_read(given))
            if not _same(found, _value(wanted)):
                return {"pass": False, "score": 0, "reason": f"{given} gives {found!r}, not {wanted}"}
    except Exception as error:
        return {"pass": False, "score": 0, "reason": f"{type(error).__name__}: {error}"}
    return {"pass": True, "score": 1}


def _read(given: str) -> list[Any]:
    call = ast.parse(f"f({given})", mode="eval").body
    assert isinstance(call, ast.Call)
    return [ast.literal_eval(each.value) for each in call.keywords]


def _value(text: str) -> Any:
    return _WORDS[text] if text in _WORDS else ast.literal_eval(text)


def _same(found: Any, wanted: Any) -> bool:
    return abs(found - wanted) < 1e-5 if isinstance(wanted, float) else bool(found == wanted)
