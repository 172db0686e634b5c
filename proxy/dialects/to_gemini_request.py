"""A chat request as Gemini's generateContent. Knows the body's keys; the conversation is a module of its own. Pure.

Format: https://ai.google.dev/api/generate-content; the model and streaming are in the URL there. Google's own keys pass as they are:
safetySettings, cachedContent, toolConfig, labels, generationConfig (which wins over what is made here), and tools of Google's. What would
change the meaning is refused; what only tunes and has no counterpart is dropped and named.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from proxy.dialects.shapes import Json, dicts, given, is_set, left_over, list_of_texts, table, text, untranslatable
from proxy.dialects.to_gemini_content import system_and_contents

_GENERATION = re.compile(r"gemini-(\d+)")
_OWN = frozenset({"safetySettings", "cachedContent", "toolConfig", "labels", "generationConfig"})
_READ = frozenset(
    {
        *(
            "model",
            "messages",
            "max_tokens",
            "max_completion_tokens",
            "temperature",
            "top_p",
            "top_k",
            "stop",
            "stream",
        ),
        *("stream_options", "tools", "tool_choice", "response_format", "reasoning_effort", "n", "seed"),
        *("presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "modalities", "extra_body"),
        *("prompt", "variables"),
    }
)
_SAME: Mapping[str, str] = MappingProxyType(
    {
        "temperature": "temperature",
        "top_p": "topP",
        "top_k": "topK",
        "n": "candidateCount",
        "seed": "seed",
        "presence_penalty": "presencePenalty",
        "frequency_penalty": "frequencyPenalty",
    }
)
_REFUSED: Mapping[str, str] = {
    "audio": "Slugline doesn't translate spoken answers",
    "web_search_options": "name Google's search under 'tools' instead, as in {\"googleSearch\": {}}",
    "functions": "'functions' is an old form that has no counterpart: use 'tools'",
    "function_call": "'function_call' is an old form that has no counterpart: use 'tool_choice'",
}
_MODES: Mapping[str, str] = MappingProxyType({"auto": "AUTO", "none": "NONE", "required": "ANY"})
_LEVELS: Mapping[str, str] = MappingProxyType(
    {"minimal": "minimal", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
)
_BUDGETS: Mapping[str, int] = MappingProxyType(
    {"none": 0, "minimal": 1_024, "low": 1_024, "medium": 8_192, "high": 24_576, "xhigh": 24_576, "max": 24_576}
)
"""Google's own figures for OpenAI's levels: https://ai.google.dev/gemini-api/docs/openai#thinking."""


def gemini_request(body: Mapping[str, Any]) -> tuple[Json, tuple[str, ...]]:
    """Gemini's body and the caller's keys that it can't carry. Raises RequestRefused for what Gemini's format can't say."""
    for key, reason in _REFUSED.items():
        if is_set(body.get(key)):
            raise untranslatable(f"'{key}' can't be sent to a Gemini model: {reason}", key)
    dropped = list(left_over(body, _READ | _OWN | {"parallel_tool_calls"}))
    generation = _generation(text(body.get("model")))
    system, contents = system_and_contents(body.get("messages") or [], wants_signatures=generation >= 3)
    out: Json = {"contents": contents}
    if system:
        out["systemInstruction"] = {"parts": system}
    _add_tools(out, body)
    config = _config(body, generation, dropped)
    if body.get("parallel_tool_calls") is False:
        dropped.append("parallel_tool_calls")
    google = table(table(body.get("extra_body")).get("google"))  # as Google's OpenAI compatibility takes it
    if google.get("thinking_config"):
        config["thinkingConfig"] = google["thinking_config"]
    if google.get("cached_content"):
        out["cachedContent"] = google["cached_content"]
    for key in _OWN & body.keys() - {"generationConfig"}:
        out[key] = {**table(out.get(key)), **body[key]} if key == "toolConfig" else body[key]
    config.update(table(body.get("generationConfig")))
    if config:
        out["generationConfig"] = config
    return out, tuple(dict.fromkeys(dropped))


def _generation(model: str) -> int:
    found = _GENERATION.search(model)
    return int(found.group(1)) if found else 0


def _config(body: Mapping[str, Any], generation: int, dropped: list[str]) -> Json:
    config: Json = {name: body[key] for key, name in _SAME.items() if body.get(key) is not None}
    if config.get("candidateCount") == 1:
        del config["candidateCount"]
    config.update(
        given(
            maxOutputTokens=body.get("max_completion_tokens") or body.get("max_tokens"),
            stopSequences=list_of_texts(body.get("stop")) or None,
            responseModalities=_modalities(body.get("modalities")),
        )
    )
    if body.get("logprobs"):
        config.update(given(responseLogprobs=True, logprobs=body.get("top_logprobs") or None))
    _add_format(config, body)
    if (effort := body.get("reasoning_effort")) is not None:
        thinking = _thinking(effort, generation)
        if thinking is None:
            dropped.append("reasoning_effort")
        else:
            config["thinkingConfig"] = thinking
    return config


def _modalities(modalities: Any) -> list[str] | None:
    wanted = list_of_texts(modalities)
    if "audio" in wanted:
        raise untranslatable(
            "'modalities' can't name audio for a Gemini model: spoken answers are not translated", "modalities"
        )
    return [kind.upper() for kind in wanted] if set(wanted) - {"text"} else None


def _thinking(effort: Any, generation: int) -> Json | None:
    """Gemini 3 and later take a level and always think; earlier ones take a budget."""
    if effort not in _BUDGETS or (generation >= 3 and effort == "none"):
        return None
    if effort == "none":
        return {"thinkingBudget": 0}
    amount: Json = {"thinkingLevel": _LEVELS[effort]} if generation >= 3 else {"thinkingBudget": _BUDGETS[effort]}
    return {**amount, "includeThoughts": True}


def _add_format(config: Json, body: Mapping[str, Any]) -> None:
    wanted = table(body.get("response_format"))
    kind = wanted.get("type")
    if kind in {"json_schema", "json_object"}:
        config["responseMimeType"] = "application/json"
        if schema := table(table(wanted.get("json_schema")).get("schema")):
            config["responseJsonSchema"] = schema
    elif kind not in {None, "text"}:
        raise untranslatable(
            f"'response_format' of type '{kind}' has no counterpart: use json_schema", "response_format"
        )


def _add_tools(out: Json, body: Mapping[str, Any]) -> None:
    functions, others = [], []
    for position, tool in enumerate(dicts(body.get("tools"))):
        function = tool.get("function")
        if isinstance(function, dict):
            functions.append(
                given(
                    name=function.get("name"),
                    description=function.get("description"),
                    parametersJsonSchema=function.get("parameters"),
                )
            )
        elif "type" in tool:
            raise untranslatable(
                f"tools[{position}]: a tool of type '{tool['type']}' has no counterpart at Gemini; function tools and "
                'Google\'s own, such as {"googleSearch": {}}, have',
                "tools",
            )
        else:
            others.append(tool)
    tools = ([{"functionDeclarations": functions}] if functions else []) + others
    if tools:
        out["tools"] = tools
    if functions and (calling := _calling(body.get("tool_choice"))):
        out["toolConfig"] = {"functionCallingConfig": calling}


def _calling(choice: Any) -> Json | None:
    if choice is None:
        return None
    if isinstance(choice, str) and choice in _MODES:
        return {"mode": _MODES[choice]}
    said = table(choice)
    if isinstance(said.get("function"), dict):
        return {"mode": "ANY", "allowedFunctionNames": [said["function"].get("name")]}
    if said.get("type") == "allowed_tools":
        allowed = table(said.get("allowed_tools"))
        names = [text(table(tool.get("function")).get("name")) for tool in dicts(allowed.get("tools"))]
        # Names can be given with a mode that must call (ANY) or may call (VALIDATED), not with AUTO.
        return {"mode": "ANY" if allowed.get("mode") == "required" else "VALIDATED", "allowedFunctionNames": names}
    raise untranslatable(
        "'tool_choice' must be auto, none, required, a function or allowed_tools for a Gemini model", "tool_choice"
    )
