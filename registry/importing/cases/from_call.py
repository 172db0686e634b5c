"""A recorded call as a case: "add this to the golden set".

Knows what of a call is the caller's own: its variables, and the messages that stand beside the prompt's. Refuses calls whose words are not
on record as they were sent, because the case would be another one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from registry.case_content import check_case
from registry.cases import Case, Check
from registry.content import CALLERS_OWN
from registry.errors import PromptInvalidError
from registry.values import Content

_ENDPOINTS = ("chat.completions", "responses", "completions", "messages")
_INSTRUCTIONS = frozenset({"system", "developer"})


def case_of_call(
    call: Mapping[str, Any],
    content: Content | None,
    *,
    expected: str | None = None,
    note: str = "",
    tags: Sequence[str] = (),
    must_pass: bool = False,
    checks: Sequence[Check] = (),
) -> Case:
    """A case from a row of `calls`; `content` is that of the version which the call names, None where it names none.

    Raises PromptInvalidError for a call that was recorded without its words or with some of them taken out.
    """
    _check(call)
    return check_case(
        Case(
            variables=_object(call.get("variables")),
            messages=tuple(_own_messages(_object(call.get("request")), call, content)),
            expected=expected,
            checks=tuple(checks),
            tags=tuple(tags),
            must_pass=must_pass,
            note=note,
            source={"call_id": str(call["call_id"])},
        ),
        f"call {call['call_id']}",
    )


def _check(call: Mapping[str, Any]) -> None:
    name = f"call {call.get('call_id')}"
    if call.get("endpoint") not in _ENDPOINTS:
        raise _refused(name, f"asked {call.get('endpoint')}, and cases are made of {', '.join(_ENDPOINTS)}")
    mode = call.get("record_mode", "full")
    if mode != "full" or not call.get("request"):
        raise _refused(name, f"was recorded as '{mode}', without its words; write the case into a file instead")
    if int(call.get("redactions") or 0):
        raise _refused(
            name,
            f"was recorded with {call['redactions']} values redacted, so it isn't what was asked; write the case into a file, with "
            "values of your own in their place",
        )


def _own_messages(request: Mapping[str, Any], call: Mapping[str, Any], content: Content | None) -> list[dict[str, Any]]:
    given = request.get("messages", request.get("input"))
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    if not isinstance(given, list):
        return []
    messages = [dict(message) for message in given if isinstance(message, Mapping)]
    if content is None:
        return messages
    before, after = _beside(content, _object(call.get("variables")))
    # Instructions may stand in a field of their own on the way to the provider, so they are counted on neither side.
    spoken = [message for message in messages if message.get("role") not in _INSTRUCTIONS]
    if len(spoken) < before + after:
        raise _refused(
            f"call {call['call_id']}", "has fewer messages than its prompt; write the case into a file instead"
        )
    return spoken[before : len(spoken) - after]


def _beside(content: Content, variables: Mapping[str, Any]) -> tuple[int, int]:
    """How many of the prompt's own messages stand before and after the caller's."""
    counts = [0, 0]
    behind = 0
    for message in content.messages:
        if message["role"] == "placeholder":
            if message["name"] == CALLERS_OWN:
                behind = 1
                continue
            value = variables.get(message["name"])
            counts[behind] += len(value) if isinstance(value, list) else 0
        elif message["role"] not in _INSTRUCTIONS:
            counts[behind] += 1
    return counts[0], counts[1]


def _object(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str) and value:
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, Mapping) else {}


def _refused(name: str, why: str) -> PromptInvalidError:
    return PromptInvalidError(f"no case can be made of {name}: it {why}", param="call_id")
