"""A call, and a score, as attributes under the names of the GenAI conventions. Pure.

What was said goes out only where that was opted in; what is unknown is left out. Langfuse's and OpenInference's names are `aliases`.
"""

import json
from collections.abc import Mapping
from typing import Any

from tracing.event import CallEvent, ScoreEvent
from tracing.telemetry import names
from tracing.telemetry.config import Export
from tracing.telemetry.content import Content, read_content

Value = str | int | float | bool | list[str]

MAX_CONTENT_CHARS = 512 * 1024
"""What one attribute of content may have: longer messages are left out, with a mark, as half of their JSON would be of no use."""

_NUMBERS = {
    "frequency_penalty": names.REQUEST_FREQUENCY_PENALTY,
    "presence_penalty": names.REQUEST_PRESENCE_PENALTY,
    "temperature": names.REQUEST_TEMPERATURE,
    "top_p": names.REQUEST_TOP_P,
    "top_k": names.REQUEST_TOP_K,
}
_WHOLE = {
    "seed": names.REQUEST_SEED,
    "max_tokens": names.REQUEST_MAX_TOKENS,
    "max_completion_tokens": names.REQUEST_MAX_TOKENS,
    "max_output_tokens": names.REQUEST_MAX_TOKENS,
    "n": names.REQUEST_CHOICES,
    "dimensions": names.EMBEDDING_DIMENSIONS,
}


def content_of(call: CallEvent, export: Export) -> Content:
    """What was said in a call, as far as it may go out."""
    return read_content(call.request, call.response) if export.bodies else Content()


def call_attributes(call: CallEvent, content: Content, *, variables: bool) -> dict[str, Value]:
    """The attributes of a call's span."""
    told: dict[str, Value | None] = {
        names.OPERATION: names.operation(call.endpoint),
        names.PROVIDER: names.provider(call.provider),
        names.REQUEST_MODEL: call.model_requested,
        names.RESPONSE_MODEL: call.model_served,
        names.RESPONSE_ID: call.response_id,
        names.RESPONSE_FINISH_REASONS: [call.finish_reason] if call.finish_reason else None,
        names.RESPONSE_FIRST_CHUNK: None if call.first_chunk_ms is None else call.first_chunk_ms / 1000,
        names.REQUEST_STREAM: True if call.stream else None,
        names.INPUT_TOKENS: call.input_tokens,
        names.OUTPUT_TOKENS: call.output_tokens,
        names.CACHED_INPUT_TOKENS: call.cached_input_tokens,
        names.REASONING_TOKENS: call.reasoning_tokens,
        names.CONVERSATION: call.session,
        names.PROMPT_NAME: call.prompt,
        names.PROMPT_VERSION: str(call.version) if call.prompt else None,
        names.USER_ID: call.user,
        names.ERROR_TYPE: names.error_type(call.outcome, call.error_code),
        names.HTTP_STATUS: call.status or None,
        names.CALL_ID: call.call_id,
        names.CHANNEL: call.channel,
        names.VARIANT: call.variant,
        names.VERSION_ID: call.version_id,
        names.REVISION: call.revision or None,
        names.CALLER: call.caller,
        names.OUTCOME: call.outcome,
        names.PURPOSE: call.purpose,
        names.EXTERNAL_ID: call.external_id,
        names.STRATUM: call.stratum,
        names.COST: None if call.cost is None else float(call.cost),
        names.INPUT_MESSAGES: _json(content.messages),
        names.OUTPUT_MESSAGES: _json(content.answers),
        names.SYSTEM_INSTRUCTIONS: _json(content.instructions),
        names.TOOL_DEFINITIONS: _json(content.tools),
    }
    told |= _parameters(call.params)
    told |= {f"{names.TAG}{name}": value for name, value in call.tags.items()}
    if variables:
        told |= {f"{names.PROMPT_VARIABLE}{name}": _text(value) for name, value in _object(call.variables).items()}
    return {name: value for name, value in told.items() if value is not None and value != ""}


def score_attributes(score: ScoreEvent, about: Mapping[str, Any]) -> dict[str, Value]:
    """The attributes of a score's event; `about` has prompt, version and response_id of the call, where that is known."""
    label = score.label
    if score.kind == "bool" and score.value is not None:
        label = "true" if score.value else "false"
    told: dict[str, Value | None] = {
        names.EVALUATION_NAME: score.name,
        names.EVALUATION_VALUE: score.value,
        names.EVALUATION_LABEL: label,
        names.EVALUATION_EXPLANATION: score.comment,
        names.ERROR_TYPE: None if score.parsed else "unparsed",
        names.RESPONSE_ID: about.get("response_id"),
        names.PROMPT_NAME: about.get("prompt"),
        names.PROMPT_VERSION: str(about["version"]) if about.get("prompt") else None,
        names.CALL_ID: about.get("call_id") or (score.target if score.target_kind == "call" else None),
        names.EXTERNAL_ID: score.target if score.target_kind == "external" else None,
        names.SCORE_ID: score.score_id,
        names.SCORE_SOURCE: score.source,
        names.SCORER: score.scorer,
        names.SCORER_VERSION: score.scorer_version,
    }
    return {name: value for name, value in told.items() if value is not None and value != ""}


def _parameters(text: str) -> dict[str, Value | None]:
    given = _object(text)
    told: dict[str, Value | None] = {}
    for key, name in _NUMBERS.items():
        if isinstance(value := given.get(key), int | float) and not isinstance(value, bool):
            told[name] = float(value)
    for key, name in _WHOLE.items():
        if isinstance(value := given.get(key), int) and not isinstance(value, bool):
            told[name] = value
    stop = given.get("stop") or given.get("stop_sequences")
    if isinstance(stop, str | list):
        told[names.REQUEST_STOP] = [stop] if isinstance(stop, str) else [str(each) for each in stop]
    if isinstance(encoding := given.get("encoding_format"), str):
        told[names.REQUEST_ENCODING_FORMATS] = [encoding]
    form = given.get("response_format")
    if isinstance(form, dict) and isinstance(form.get("type"), str):
        told[names.OUTPUT_TYPE] = "json" if "json" in form["type"] else "text"
    return told


def _json(value: tuple[Any, ...]) -> str | None:
    if not value:
        return None
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if len(text) <= MAX_CONTENT_CHARS else f"(left out: {len(text):,} characters)"


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text[:MAX_CONTENT_CHARS]


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text) if text else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
