"""Independent readers: what a request or an answer says, in neutral terms, whatever dialect it is written in.

They share no code with proxy/dialects, so that a translation is right when both sides read the same. `differences` says where they don't.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

Json = dict[str, Any]


# ---- requests ----------------------------------------------------------------------------------------------------------------


def request_of(dialect: str, body: Mapping[str, Any]) -> Json:
    """What a request says."""
    return READ_REQUEST[dialect](body)


def _chat_request(body: Mapping[str, Any]) -> Json:
    system: list[str] = []
    turns: list[Json] = []
    names: dict[str, str] = {}
    for message in body["messages"]:
        if message["role"] in ("system", "developer"):
            system.append(_texts(message["content"]))
        elif message["role"] == "tool":
            content = _texts(message["content"], "\n")
            turn(turns, "user", [result(message["tool_call_id"], names, content)])
        else:
            parts = [_thinking(block) for block in message.get("thinking_blocks") or []]
            parts += [_chat_part(part) for part in _as_parts(message.get("content"))]
            for call in message.get("tool_calls") or []:
                name = call["function"]["name"]
                names[call["id"]] = name
                signature = call.get("extra_content", {}).get("google", {}).get("thought_signature")
                parts.append(_call(call["id"], name, json.loads(call["function"]["arguments"] or "{}"), signature))
            turn(turns, message["role"], parts)
    format_ = body.get("response_format") or {}
    choice = body.get("tool_choice")
    return {
        "system": "\n\n".join(system),
        "turns": turns,
        "tools": [_tool(t["function"], "parameters") for t in body.get("tools") or []],
        "choice": choice["function"]["name"] if isinstance(choice, dict) else choice,
        "parallel": body.get("parallel_tool_calls", True),
        "limit": body.get("max_completion_tokens") or body.get("max_tokens"),
        "temperature": body.get("temperature"),
        "top_p": body.get("top_p"),
        "stop": [body["stop"]] if isinstance(body.get("stop"), str) else body.get("stop") or [],
        "schema": (format_.get("json_schema") or {}).get("schema"),
        "thinks": body.get("reasoning_effort") not in (None, "none"),
        "user": body.get("user"),
        "stream": bool(body.get("stream")),
    }


def _messages_request(body: Mapping[str, Any]) -> Json:
    turns: list[Json] = []
    names: dict[str, str] = {}
    for message in body["messages"]:
        parts = []
        for block in _as_parts(message["content"]):
            kind = block["type"]
            if kind == "tool_use":
                names[block["id"]] = block["name"]
                parts.append(_call(block["id"], block["name"], block["input"], None))
            elif kind == "tool_result":
                parts.append(result(block["tool_use_id"], names, _texts(block["content"], "\n")))
            elif kind in ("thinking", "redacted_thinking"):
                parts.append(_thinking(block))
            else:
                parts.append(_messages_part(block))
        turn(turns, message["role"], parts)
    choice = body.get("tool_choice") or {}
    thinking = body.get("thinking") or {}
    format_ = (body.get("output_config") or {}).get("format") or {}
    return {
        "system": _texts(body.get("system") or "", "\n\n"),
        "turns": turns,
        "tools": [_tool(t, "input_schema") for t in body.get("tools") or []],
        "choice": {"any": "required", "tool": choice.get("name")}.get(choice.get("type", ""), choice.get("type")),
        "parallel": not choice.get("disable_parallel_tool_use", False),
        "limit": body["max_tokens"],
        "temperature": body.get("temperature"),
        "top_p": body.get("top_p"),
        "stop": body.get("stop_sequences") or [],
        "schema": format_.get("schema"),
        "thinks": thinking.get("type") in ("enabled", "adaptive"),
        "user": (body.get("metadata") or {}).get("user_id"),
        "stream": bool(body.get("stream")),
    }


def _gemini_request(body: Mapping[str, Any]) -> Json:
    turns: list[Json] = []
    for content in body["contents"]:
        parts = []
        for part in content["parts"]:
            if "functionCall" in part:
                call = part["functionCall"]
                parts.append(_call(None, call["name"], call.get("args") or {}, part.get("thoughtSignature")))
            elif "functionResponse" in part:
                said = part["functionResponse"]
                inner = said["response"]
                plain = next((inner[key] for key in ("result", "output", "content") if set(inner) == {key}), inner)
                told = plain if isinstance(plain, str) else json.dumps(plain)
                parts.append({**result("", {}, told), "id": None, "name": said["name"]})
            elif "inlineData" in part:
                data = part["inlineData"]
                parts.append({"kind": "media", "mime": data["mimeType"], "data": data["data"]})
            elif "fileData" in part:
                parts.append({"kind": "url", "url": part["fileData"]["fileUri"]})
            elif part.get("thought"):
                continue
            else:
                parts.append({"kind": "text", "text": part["text"]})
        turn(turns, "assistant" if content["role"] == "model" else "user", parts)
    config = body.get("generationConfig") or {}
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    names = calling.get("allowedFunctionNames") or []
    mode = {"AUTO": "auto", "NONE": "none", "ANY": names[0] if names else "required"}.get(calling.get("mode", ""))
    thinking = config.get("thinkingConfig") or {}
    declared = [tool for entry in body.get("tools") or [] for tool in entry.get("functionDeclarations") or []]
    system = body.get("systemInstruction") or {"parts": []}
    return {
        "system": "\n\n".join(part["text"] for part in system["parts"]),
        "turns": turns,
        "tools": [_tool(t, "parametersJsonSchema" if "parametersJsonSchema" in t else "parameters") for t in declared],
        "choice": mode,
        "parallel": True,
        "limit": config.get("maxOutputTokens"),
        "temperature": config.get("temperature"),
        "top_p": config.get("topP"),
        "stop": config.get("stopSequences") or [],
        "schema": config.get("responseJsonSchema") or config.get("responseSchema"),
        "thinks": bool(thinking.get("thinkingBudget") or thinking.get("thinkingLevel")),
        "user": None,
        "stream": False,
    }


def _responses_request(body: Mapping[str, Any]) -> Json:
    system = [body["instructions"]] if body.get("instructions") else []
    turns: list[Json] = []
    names: dict[str, str] = {}
    items = body["input"]
    for item in [{"role": "user", "content": items}] if isinstance(items, str) else items:
        kind = item.get("type", "message")
        if kind == "function_call":
            names[item["call_id"]] = item["name"]
            signature = item.get("extra_content", {}).get("google", {}).get("thought_signature")
            arguments = json.loads(item["arguments"] or "{}")
            turn(turns, "assistant", [_call(item["call_id"], item["name"], arguments, signature)])
        elif kind == "function_call_output":
            turn(turns, "user", [result(item["call_id"], names, _texts(item["output"], "\n"))])
        elif kind == "reasoning":
            continue
        elif item["role"] in ("system", "developer"):
            system.append(_texts(item["content"], "\n\n"))
        else:
            turn(turns, item["role"], [_responses_part(part) for part in _as_parts(item["content"])])
    format_ = (body.get("text") or {}).get("format") or {}
    choice = body.get("tool_choice")
    return {
        "system": "\n\n".join(system),
        "turns": turns,
        "tools": [_tool(t, "parameters") for t in body.get("tools") or []],
        "choice": choice["name"] if isinstance(choice, dict) else choice,
        "parallel": body.get("parallel_tool_calls", True),
        "limit": body.get("max_output_tokens"),
        "temperature": body.get("temperature"),
        "top_p": body.get("top_p"),
        "stop": [],
        "schema": format_.get("schema"),
        "thinks": ((body.get("reasoning") or {}).get("effort")) not in (None, "none"),
        "user": body.get("user"),
        "stream": bool(body.get("stream")),
    }


def turn(turns: list[Json], role: str, parts: list[Json]) -> None:
    """Says more in the same turn, or begins one."""
    if not parts:
        return
    if turns and turns[-1]["role"] == role:
        turns[-1]["parts"] += parts
    else:
        turns.append({"role": role, "parts": list(parts)})


def _as_parts(content: Any) -> list[Json]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return list(content or [])


def _texts(content: Any, between: str = "") -> str:
    return between.join(part["text"] for part in _as_parts(content) if "text" in part)


def _marked(part: Json, said: Json) -> Json:
    return {**said, "cache": True} if part.get("cache_control") else said


def _chat_part(part: Json) -> Json:
    if part["type"] == "text":
        return _marked(part, {"kind": "text", "text": part["text"]})
    if part["type"] == "image_url":
        return _marked(part, _by_url(part["image_url"]["url"]))
    if part["type"] == "input_audio":
        audio = part["input_audio"]
        return {"kind": "media", "mime": f"audio/{audio['format']}", "data": audio["data"]}
    return _marked(part, _by_url(part["file"]["file_data"]))


def _messages_part(block: Json) -> Json:
    if block["type"] == "text":
        return _marked(block, {"kind": "text", "text": block["text"]})
    source = block["source"]
    if source["type"] == "url":
        return _marked(block, {"kind": "url", "url": source["url"]})
    return _marked(block, {"kind": "media", "mime": source["media_type"], "data": source["data"]})


def _responses_part(part: Json) -> Json:
    if "text" in part:
        return {"kind": "text", "text": part["text"]}
    return _by_url(part.get("image_url") or part["file_data"])


def _by_url(url: str) -> Json:
    if url.startswith("data:"):
        head, data = url[5:].split(",", 1)
        return {"kind": "media", "mime": head.split(";")[0], "data": data}
    return {"kind": "url", "url": url}


def _call(call_id: str | None, name: str, arguments: Json, signature: str | None) -> Json:
    return {"kind": "call", "id": call_id, "name": name, "arguments": arguments, "signature": signature}


def result(call_id: str, names: Mapping[str, str], content: str) -> Json:
    """A tool's result; one that is a JSON object reads as the object."""
    try:
        parsed = json.loads(content)
    except ValueError:
        parsed = None
    content_ = parsed if isinstance(parsed, dict) else content
    return {"kind": "result", "id": call_id, "name": names.get(call_id), "content": content_}


def _thinking(block: Json) -> Json:
    if block["type"] == "redacted_thinking":
        return {"kind": "redacted", "data": block["data"]}
    return {"kind": "thinking", "text": block["thinking"], "signature": block.get("signature")}


def _tool(tool: Json, schema: str) -> Json:
    return {"name": tool["name"], "description": tool.get("description"), "schema": tool.get(schema)}


READ_REQUEST: dict[str, Callable[[Mapping[str, Any]], Json]] = {
    "chat": _chat_request,
    "messages": _messages_request,
    "gemini": _gemini_request,
    "responses": _responses_request,
}

_UNSAID: dict[str, set[str]] = {"gemini": {"parallel", "user", "stream"}, "responses": {"stop"}}
"""What a dialect has no words for."""


def request_differences(
    caller: str, body: Mapping[str, Any], provider: str, translated: Mapping[str, Any]
) -> list[str]:
    """Where a translated request says something else than the caller's."""
    unsaid = _UNSAID.get(provider, set()) | _UNSAID.get(caller, set())
    wanted, got = request_of(caller, body), request_of(provider, translated)
    if wanted["limit"] is None or wanted["thinks"]:
        wanted["limit"] = got["limit"]  # a default is the translation's own affair
    for meaning in (wanted, got):
        meaning["choice"] = meaning["choice"] or "auto"
        for said in meaning["turns"]:
            said["parts"] = [_comparable(part, caller, provider) for part in said["parts"]]
            said["parts"] = _joined([part for part in said["parts"] if part], said["role"])
    return [
        f"{key}: {got[key]!r} instead of {wanted[key]!r}"
        for key in wanted
        if key not in unsaid and wanted[key] != got[key]
    ]


def _joined(parts: list[Json], role: str) -> list[Json]:
    """The model's own texts in a row read as one, however they are cut."""
    told: list[Json] = []
    for part in parts:
        if role == "assistant" and told and told[-1]["kind"] == part["kind"] == "text":
            told[-1] = {**told[-1], "text": told[-1]["text"] + part["text"]}
        else:
            told.append(part)
    return told


def _comparable(part: Json, caller: str, provider: str) -> Json:
    pair = {caller, provider}
    kept = dict(part)
    if kept["kind"] in ("thinking", "redacted") and (caller, provider) != ("chat", "messages"):
        return {}  # signed thoughts mean nothing to another provider
    if "messages" not in pair or caller != "chat":
        kept.pop("cache", None)
    if "gemini" in pair:
        kept.pop("id", None)
    elif kept["kind"] == "call":
        kept.pop("signature", None)
    return kept


# ---- answers -----------------------------------------------------------------------------------------------------------------


def answer_of(dialect: str, answer: Mapping[str, Any]) -> Json:
    """What an answer says."""
    return READ_ANSWER[dialect](answer)


def _chat_answer(answer: Mapping[str, Any]) -> Json:
    choice = answer["choices"][0]
    message, usage = choice["message"], answer.get("usage") or {}
    calls = message.get("tool_calls") or []
    return {
        "text": message.get("content") or message.get("refusal") or "",
        "thought": message.get("reasoning_content") or "",
        "signed": [_thinking(block) for block in message.get("thinking_blocks") or []],
        "calls": [
            _call(c["id"], c["function"]["name"], json.loads(c["function"]["arguments"] or "{}"), _google(c))
            for c in calls
        ],
        "finish": choice["finish_reason"],
        "prompt": usage.get("prompt_tokens", 0),
        "cached": (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0),
        "completion": usage.get("completion_tokens", 0),
        "reasoning": (usage.get("completion_tokens_details") or {}).get("reasoning_tokens", 0),
    }


def _google(holder: Mapping[str, Any]) -> str | None:
    signature = (holder.get("extra_content") or {}).get("google", {}).get("thought_signature")
    return signature if isinstance(signature, str) else None


_STOPS = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def _messages_answer(answer: Mapping[str, Any]) -> Json:
    usage = answer["usage"]
    blocks = answer["content"]
    thoughts = [block for block in blocks if block["type"] in ("thinking", "redacted_thinking")]
    cached = usage.get("cache_read_input_tokens") or 0
    why = (answer.get("stop_details") or {}).get("explanation") or ""
    return {
        "text": "".join(block["text"] for block in blocks if block["type"] == "text") or why,
        "thought": "".join(block.get("thinking", "") for block in thoughts),
        "signed": [_thinking(block) for block in thoughts if block.get("signature") or block.get("data")],
        "calls": [_call(b["id"], b["name"], b["input"], _google(b)) for b in blocks if b["type"] == "tool_use"],
        "finish": _STOPS.get(answer["stop_reason"], "stop"),
        "prompt": usage["input_tokens"] + cached + (usage.get("cache_creation_input_tokens") or 0),
        "cached": cached,
        "completion": usage["output_tokens"],
        "reasoning": (usage.get("output_tokens_details") or {}).get("thinking_tokens", 0),
    }


_GEMINI_STOPS = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
}


def _gemini_answer(answer: Mapping[str, Any]) -> Json:
    usage = answer.get("usageMetadata") or {}
    candidate = (answer.get("candidates") or [{"finishReason": "SAFETY"}])[0]
    parts = (candidate.get("content") or {}).get("parts") or []
    calls = [
        _call(
            p["functionCall"].get("id"),
            p["functionCall"]["name"],
            p["functionCall"].get("args") or {},
            p.get("thoughtSignature"),
        )
        for p in parts
        if "functionCall" in p
    ]
    finish = _GEMINI_STOPS.get(candidate["finishReason"], "stop")
    thoughts = usage.get("thoughtsTokenCount", 0)
    return {
        "text": "".join(p["text"] for p in parts if "text" in p and not p.get("thought"))
        or (answer.get("promptFeedback") or {}).get("blockReasonMessage", ""),
        "thought": "".join(p["text"] for p in parts if p.get("thought")),
        "signed": [],
        "calls": calls,
        "finish": "tool_calls" if calls and finish == "stop" else finish,
        "prompt": usage.get("promptTokenCount", 0) + usage.get("toolUsePromptTokenCount", 0),
        "cached": usage.get("cachedContentTokenCount", 0),
        "completion": usage.get("candidatesTokenCount", 0) + thoughts,
        "reasoning": thoughts,
    }


def _response(answer: Mapping[str, Any]) -> Json:
    usage = answer.get("usage") or {}
    texts, thoughts, calls = [], [], []
    for item in answer["output"]:
        if item["type"] == "message":
            texts += [part.get("text") or part.get("refusal") for part in item["content"]]
        elif item["type"] == "reasoning":
            thoughts += [part["text"] for part in item["summary"]]
        else:
            calls.append(_call(item["call_id"], item["name"], json.loads(item["arguments"] or "{}"), _google(item)))
    why = (answer.get("incomplete_details") or {}).get("reason")
    finish = {"max_output_tokens": "length", "content_filter": "content_filter"}.get(
        why or "", "tool_calls" if calls else "stop"
    )
    assert answer["status"] == ("incomplete" if why else "completed")
    return {
        "text": "".join(texts),
        "thought": "".join(thoughts),
        "signed": [],
        "calls": calls,
        "finish": finish,
        "prompt": usage.get("input_tokens", 0),
        "cached": (usage.get("input_tokens_details") or {}).get("cached_tokens", 0),
        "completion": usage.get("output_tokens", 0),
        "reasoning": (usage.get("output_tokens_details") or {}).get("reasoning_tokens", 0),
    }


READ_ANSWER: dict[str, Callable[[Mapping[str, Any]], Json]] = {
    "chat": _chat_answer,
    "messages": _messages_answer,
    "gemini": _gemini_answer,
    "responses": _response,
}


def answer_differences(caller: str, answer: Mapping[str, Any], provider: str, given: Mapping[str, Any]) -> list[str]:
    """Where an answer that was translated for a caller says something else than the provider's."""
    wanted, got = answer_of(provider, given), answer_of(caller, answer)
    ids = [call["id"] for call in got["calls"]]
    problems = [] if len(ids) == len(set(ids)) and all(ids) else [f"calls can't be told apart by their ids: {ids}"]
    for meaning, other in ((wanted, got), (got, wanted)):
        for call, twin in zip(meaning["calls"], other["calls"], strict=False):
            call["id"] = call["id"] if twin["id"] and call["id"] else None
    unsaid = {"signed"} if {caller, provider} != {"chat", "messages"} else set()
    if caller == "messages":
        unsaid.add("reasoning")  # Anthropic's own answers tell it in a field that few clients know
    return problems + [
        f"{key}: {got[key]!r} instead of {wanted[key]!r}"
        for key in wanted
        if key not in unsaid and wanted[key] != got[key]
    ]
