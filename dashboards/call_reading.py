"""A recorded call as people read it: what was said, what came back, what it cost, and what wasn't kept. Pure.

Reads the shapes of Chat Completions, Responses, Completions and Anthropic's Messages; what has another shape is shown as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboards.text import count, pretty
from evaluation.scorers.subject import ENDPOINTS, Subject, subject_of, text_of

_LONGEST = 100_000
_PRICED = (
    "input",
    "output",
    "cached_input",
    "cache_write",
    "cache_write_1h",
    "audio_input",
    "cached_audio_input",
    "audio_output",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A message: who said it, its text, and what is no text in it, as JSON."""

    role: str
    text: str
    extra: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A call's words. `asked` and `answer` are messages; `request`, `response` and `variables` JSON to read, "" where they weren't kept."""

    asked: tuple[Said, ...] = ()
    answer: tuple[Said, ...] = ()
    tools: str = ""
    request: str = ""
    response: str = ""
    variables: tuple[tuple[str, str], ...] = ()


def read_call(call: Mapping[str, Any]) -> Reading:
    """The words of a call, whose bodies are parsed JSON or, where they were cut, text."""
    request, response, variables = call.get("request"), call.get("response"), call.get("variables")
    return Reading(
        asked=tuple(asked_of(request)),
        answer=tuple(_answers(call)),
        tools=pretty(request["tools"])[:_LONGEST] if isinstance(request, Mapping) and request.get("tools") else "",
        request=_shown(request),
        response=_shown(response),
        variables=tuple((name, _shown(value)) for name, value in variables.items()) if isinstance(variables, Mapping)
        else ((("as recorded", _shown(variables)),) if variables else ()),
    )  # fmt: skip


def asked_of(request: Any) -> list[Said]:
    """What the model was told, in turn."""
    if not isinstance(request, Mapping):
        return []
    system = request.get("instructions") or request.get("system")
    said = [Said(role="system", text=text_of(system)[:_LONGEST])] if system else []
    given = request.get("messages", request.get("input", request.get("prompt")))
    if isinstance(given, str):
        return [*said, Said(role="user", text=given[:_LONGEST])]
    messages = given if isinstance(given, Sequence) else ()
    return [*said, *(_message(each) for each in messages if isinstance(each, Mapping))]


def not_kept(call: Mapping[str, Any]) -> list[str]:
    """What of the call isn't on record, and why, in sentences."""
    told = []
    if call["record_mode"] != "full":
        told.append(f"It was recorded as “{call['record_mode']}”: its variables, request and answer were not kept.")
    if redacted := int(call["redactions"]):
        verb = "was" if redacted == 1 else "were"
        told.append(f"{count(redacted, 'value')} {verb} redacted before anything was written.")
    if float(call["sample_rate"]) < 1:
        told.append(f"It is one of a sample: calls like it are kept at {float(call['sample_rate']):.2%}.")
    if call.get("origin"):
        told.append(f"It didn't come through this proxy: it was imported ({call['origin']}).")
    if any(isinstance(call.get(name), str) and "… (cut: " in call[name][-100:] for name in ("request", "response")):
        told.append("It was too long to be kept whole: what was cut is marked.")
    return told


def price_of(call: Mapping[str, Any]) -> str:
    """What the cost was made of, in words; why there is none, where there is none."""
    if call["cost"] is None:
        return "unknown: there is no price for this model, or the answer didn't say what it used"
    try:
        price = json.loads(call["price"] or "{}")
    except ValueError:
        price = {}
    if not price:
        return ""
    known = [name for name in _PRICED if isinstance(price.get(name), int | float)]
    rates = ", ".join(f"{name.replace('_', ' ')} ${price[name]:g}" for name in known)
    each = f", ${price['request']:g} a request" if price.get("request") else ""
    return f"{price.get('model', '')}: {rates} per million tokens{each} ({price.get('source', '')})"


def attempts_of(call: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Whom was asked in turn, and how it went."""
    attempts = call.get("attempts")
    return [each for each in attempts if isinstance(each, Mapping)] if isinstance(attempts, list) else []


def _answers(call: Mapping[str, Any]) -> list[Said]:
    if call["endpoint"] not in ENDPOINTS:
        return []
    subject: Subject = subject_of(
        {
            **call,
            **{
                name: json.dumps(call[name]) if isinstance(call.get(name), dict) else ""
                for name in ("request", "response", "variables")
            },
        }
    )
    if not subject.recorded:
        return []
    calls = "\n".join(pretty({"tool": each.name, "arguments": each.arguments}) for each in subject.tool_calls)
    said = subject.text or subject.refusal
    role = "refusal" if subject.refusal and not subject.text else "assistant"
    return [Said(role=role, text=said[:_LONGEST], extra=calls[:_LONGEST])] if said or calls else []


def _message(message: Mapping[str, Any]) -> Said:
    content = message.get("content")
    rest = {name: value for name, value in message.items() if name not in ("role", "content") and value is not None}
    if isinstance(content, list):
        others = [each for each in content if not (isinstance(each, Mapping) and isinstance(each.get("text"), str))]
        rest = {**rest, **({"content": others} if others else {})}
    elif not isinstance(content, str | type(None)):
        rest["content"] = content
    role = str(message.get("role") or message.get("type") or "user")
    return Said(role=role, text=text_of(content)[:_LONGEST], extra=pretty(rest)[:_LONGEST] if rest else "")


def _shown(value: Any) -> str:
    if value is None or value == "":
        return ""
    return (value if isinstance(value, str) else pretty(value))[:_LONGEST]
