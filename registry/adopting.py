"""A prompt's content from what an inventory found: a finding in a file, or a family of calls.

Pure. Says in sentences what could not be taken over. Refuses to save: whoever calls decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from registry.families.proposal import Proposal
from registry.scanning.finding import Finding
from registry.values import Content

# Names of Chat Completions, as versions keep them; beside them what other endpoints call the same.
_PARAMETERS = frozenset(
    {
        *(
            "temperature",
            "top_p",
            "top_k",
            "max_tokens",
            "max_completion_tokens",
            "frequency_penalty",
            "presence_penalty",
        ),
        *("stop", "seed", "logit_bias", "reasoning_effort", "verbosity", "tool_choice", "parallel_tool_calls"),
    }
)
_RENAMED = {"max_output_tokens": "max_completion_tokens", "stop_sequences": "stop"}
_ELSEWHERE = frozenset({"instructions", "response_format"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """The content, and what a person should know about it before using it."""

    content: Content
    notes: tuple[str, ...]


def adopt_finding(finding: Finding) -> Adopted:
    """A prompt of one message from a file; a role that nothing tells becomes the system's."""
    role = "user" if finding.role == "user" else "system"
    notes = [] if finding.role != "?" else ["nothing says whose message it is: it was taken for the system's"]
    if finding.variables:
        notes.append(
            f"the code fills in {', '.join(finding.variables)}: pass these as variables, as text in the form that it gives them"
        )
    return Adopted(content=Content(messages=({"role": role, "content": finding.template},)), notes=tuple(notes))


def adopt_calls(
    proposal: Proposal, *, model: str | None, endpoint: str, params: Mapping[str, Any], tools: Any
) -> Adopted:
    """A prompt of one system message from calls, with the model, parameters and tools that most of them used."""
    notes: list[str] = []
    parameters: dict[str, Any] = {}
    left_out = []
    for name, value in params.items():
        known = _RENAMED.get(name, name)
        if (known in _PARAMETERS and not isinstance(value, Mapping | list)) or name in {
            "stop",
            "stop_sequences",
            "logit_bias",
        }:
            parameters[known] = value
        elif name not in _ELSEWHERE:
            left_out.append(name)
    chat = endpoint == "chat.completions"
    taken = _tools(tools) if chat else None
    form = params.get("response_format")
    if tools and taken is None:
        left_out.append("tools")
    if left_out:
        notes.append(f"not taken over: {', '.join(sorted(left_out))}")
    content = Content(
        messages=({"role": "system", "content": proposal.template},),
        variables=proposal.schema,
        model=model,
        parameters=parameters,
        tools=taken,
        response_format=form if isinstance(form, Mapping) and chat else None,
    )
    return Adopted(content=content, notes=tuple(notes))


def _tools(tools: Any) -> Sequence[Mapping[str, Any]] | None:
    return tools if isinstance(tools, list) and tools and all(isinstance(tool, dict) for tool in tools) else None
