"""The same facts under the names that Langfuse and OpenInference know, for who asks for them. Pure.

Langfuse: https://langfuse.com/integrations/native/opentelemetry. OpenInference:
https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md.
"""

import json
from collections.abc import Callable, Mapping

from tracing.event import CallEvent
from tracing.telemetry import names
from tracing.telemetry.attributes import Value


def aliases(call: CallEvent, told: Mapping[str, Value], also: frozenset[str]) -> dict[str, Value]:
    """More attributes for a call's span; `told` are those of the conventions, so that nothing goes out here that doesn't there."""
    found: dict[str, Value] = {}
    for dialect in sorted(also):
        found |= {
            name: value for name, value in _DIALECTS[dialect](call, told).items() if value is not None and value != ""
        }
    return found


def _langfuse(call: CallEvent, told: Mapping[str, Value]) -> dict[str, Value | None]:
    usage = {"input": call.input_tokens, "output": call.output_tokens, "input_cached_tokens": call.cached_input_tokens}
    counted = {name: value for name, value in usage.items() if value is not None}
    failed = names.ERROR_TYPE in told
    return {
        "langfuse.observation.type": "embedding" if call.endpoint == "embeddings" else "generation",
        "langfuse.observation.prompt.name": call.prompt,
        "langfuse.observation.prompt.version": call.version if call.prompt else None,
        "langfuse.observation.model.name": call.model_served or call.model_requested,
        "langfuse.observation.model.parameters": call.params if call.params not in {"", "{}"} else None,
        "langfuse.observation.usage_details": json.dumps(counted) if counted else None,
        "langfuse.observation.cost_details": None if call.cost is None else json.dumps({"total": float(call.cost)}),
        "langfuse.observation.input": told.get(names.INPUT_MESSAGES),
        "langfuse.observation.output": told.get(names.OUTPUT_MESSAGES),
        "langfuse.observation.level": "ERROR" if failed else None,
        "langfuse.observation.status_message": call.error_message if failed else None,
        "session.id": call.session,
        "user.id": call.user,
    }


def _openinference(call: CallEvent, told: Mapping[str, Value]) -> dict[str, Value | None]:
    total = None if call.input_tokens is None or call.output_tokens is None else call.input_tokens + call.output_tokens
    variables = {
        name.removeprefix(names.PROMPT_VARIABLE): value
        for name, value in told.items()
        if name.startswith(names.PROMPT_VARIABLE)
    }
    inputs, outputs = told.get(names.INPUT_MESSAGES), told.get(names.OUTPUT_MESSAGES)
    return {
        "openinference.span.kind": "EMBEDDING" if call.endpoint == "embeddings" else "LLM",
        "llm.prompt_template.version": f"{call.prompt}@{call.version}" if call.prompt else None,
        "llm.prompt_template.variables": json.dumps(variables, ensure_ascii=False) if variables else None,
        "llm.model_name": call.model_served or call.model_requested,
        "llm.provider": call.provider,
        "llm.invocation_parameters": call.params if call.params not in {"", "{}"} else None,
        "llm.token_count.prompt": call.input_tokens,
        "llm.token_count.completion": call.output_tokens,
        "llm.token_count.total": total,
        "llm.token_count.prompt_details.cache_read": call.cached_input_tokens,
        "llm.token_count.completion_details.reasoning": call.reasoning_tokens,
        "input.value": inputs,
        "input.mime_type": "application/json" if inputs else None,
        "output.value": outputs,
        "output.mime_type": "application/json" if outputs else None,
        "session.id": call.session,
        "user.id": call.user,
    }


_DIALECTS: Mapping[str, Callable[[CallEvent, Mapping[str, Value]], dict[str, Value | None]]] = {
    "langfuse": _langfuse,
    "openinference": _openinference,
}
