"""Independent writers: one answer, written as each provider would, whole and as a stream cut anywhere; and a chat request as a response's.

They share no code with proxy/dialects.
"""

import itertools
import json
from typing import Any

from tests.unit.proxy.dialects.cases import claude, claude_events, gemini, gemini_events, openai, openai_events, piece

Json = dict[str, Any]


def cut(told: str, at: list[int]) -> list[str]:
    """A text in pieces, none of them empty."""
    places = sorted({place % (len(told) + 1) for place in at} | {0, len(told)})
    return [told[start:end] for start, end in itertools.pairwise(places)]


def wholly(provider: str, said: Json) -> Json:
    """The answer in one piece."""
    return {"messages": _claude, "gemini": _gemini, "chat": _openai}[provider](said)


def streamed(provider: str, said: Json, at: list[int]) -> list[Json]:
    """The answer's stream, its texts cut at some places."""
    return {"messages": _claude_stream, "gemini": _gemini_stream, "chat": _openai_stream}[provider](said, at)


def _stop(said: Json) -> str:
    return {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}[
        said["finish"]
    ]


def _claude(said: Json) -> Json:
    content: list[Json] = []
    if said["thought"]:
        content.append({"type": "thinking", "thinking": said["thought"], "signature": "c2ln"})
    if said["text"]:
        content.append({"type": "text", "text": said["text"]})
    for number, (name, arguments) in enumerate(said["calls"]):
        content.append({"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": arguments})
    return claude(content, _stop(said))


def _claude_stream(said: Json, at: list[int]) -> list[Json]:
    blocks: list[tuple[Json, list[Json]]] = []
    for block in _claude(said)["content"]:
        if block["type"] == "text":
            pieces = [{"type": "text_delta", "text": told} for told in cut(block["text"], at)]
            blocks.append(({"type": "text", "text": ""}, pieces))
        elif block["type"] == "thinking":
            pieces = [{"type": "thinking_delta", "thinking": told} for told in cut(block["thinking"], at)]
            pieces.append({"type": "signature_delta", "signature": block["signature"]})
            blocks.append(({"type": "thinking", "thinking": "", "signature": ""}, pieces))
        else:
            told_arguments = json.dumps(block["input"]) if block["input"] else ""
            pieces = [{"type": "input_json_delta", "partial_json": told} for told in ["", *cut(told_arguments, at)]]
            blocks.append(({**block, "input": {}}, pieces))
    return claude_events(blocks, _stop(said))


def _gemini_parts(said: Json) -> list[Json]:
    parts: list[Json] = [{"text": said["thought"], "thought": True}] if said["thought"] else []
    parts += [{"text": said["text"]}] if said["text"] else []
    return parts + [{"functionCall": {"name": name, "args": arguments}} for name, arguments in said["calls"]]


def _gemini_finish(said: Json) -> str:
    return {"length": "MAX_TOKENS", "content_filter": "SAFETY"}.get(said["finish"], "STOP")


def _gemini(said: Json) -> Json:
    return gemini(_gemini_parts(said), _gemini_finish(said))


def _gemini_stream(said: Json, at: list[int]) -> list[Json]:
    pieces = []
    for part in _gemini_parts(said):
        if "text" in part:
            pieces += [[{**part, "text": told}] for told in cut(part["text"], at)]
        else:
            pieces.append([part])
    return gemini_events(*pieces, [], finish=_gemini_finish(said))


def _openai(said: Json) -> Json:
    message: Json = {"content": said["text"] or None}
    if said["thought"]:
        message["reasoning_content"] = said["thought"]
    if said["calls"]:
        message["tool_calls"] = [
            {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
            for number, (name, arguments) in enumerate(said["calls"])
        ]
    return openai(message, said["finish"])


def _openai_stream(said: Json, at: list[int]) -> list[Json]:
    deltas = [{"reasoning_content": told} for told in cut(said["thought"], at)]
    deltas += [{"content": told} for told in cut(said["text"], at)]
    deltas += [piece(number, "", f"call_{number}", name) for number, (name, _) in enumerate(said["calls"])]
    left = [
        [piece(number, told) for told in cut(json.dumps(arguments), at)]
        for number, (_, arguments) in enumerate(said["calls"])
    ]
    turn = 0
    while any(left):  # pieces of several calls come mixed
        some = [pieces for pieces in left if pieces]
        deltas.append(some[turn % len(some)].pop(0))
        turn += 1
    return openai_events(*deltas, finish=said["finish"])


def as_responses(body: Json) -> Json:
    """A chat request, written for the Responses API."""
    items: list[Json] = []
    for message in body["messages"]:
        role = message["role"]
        if role == "tool":
            items.append(
                {"type": "function_call_output", "call_id": message["tool_call_id"], "output": message["content"]}
            )
            continue
        kind = "output_text" if role == "assistant" else "input_text"
        content = message["content"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        written: list[Json] = []
        for part in parts:
            if part["type"] == "text":
                written.append({"type": kind, "text": part["text"]})
            else:
                written.append({"type": "input_image", "image_url": part["image_url"]["url"], "detail": "auto"})
        if written:
            items.append({"type": "message", "role": role, "content": written})
        for call in message.get("tool_calls", []):
            function = call["function"]
            items.append({"type": "function_call", "call_id": call["id"], **function})
    out: Json = {"model": body["model"], "input": items}
    for key in ("temperature", "top_p", "user", "parallel_tool_calls", "stream"):
        if key in body:
            out[key] = body[key]
    if "max_tokens" in body:
        out["max_output_tokens"] = body["max_tokens"]
    if "tools" in body:
        out["tools"] = [{"type": "function", **tool["function"]} for tool in body["tools"]]
    if "tool_choice" in body:
        choice = body["tool_choice"]
        out["tool_choice"] = (
            choice if isinstance(choice, str) else {"type": "function", "name": choice["function"]["name"]}
        )
    if "response_format" in body:
        out["text"] = {"format": {"type": "json_schema", **body["response_format"]["json_schema"]}}
    if "reasoning_effort" in body:
        out["reasoning"] = {"effort": body["reasoning_effort"]}
    return out
