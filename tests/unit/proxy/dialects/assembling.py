"""Assembles a stream into the answer that it would have been in one piece, and holds it to its dialect's order of events."""

import json
from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]


def events_of(raw: Iterable[bytes], *, named: bool) -> list[Json]:
    """The events' data; `named` streams have an `event:` line that repeats the type."""
    events = []
    for piece in raw:
        assert piece.endswith(b"\n\n"), piece
        *names, data = piece.decode().strip().split("\n")
        assert data.startswith("data: ")
        event = json.loads(data[6:]) if data != "data: [DONE]" else {"done": True}
        assert names == ([f"event: {event['type']}"] if named else [])
        events.append(event)
    return events


def assembled(dialect: str, raw: Iterable[bytes]) -> Json:
    """The whole answer."""
    events = events_of(raw, named=dialect != "chat")
    return {"chat": _chat, "messages": _messages, "responses": _response}[dialect](events)


def _chat(events: list[Json]) -> Json:
    assert events[-1] == {"done": True}, "the stream ends with [DONE]"
    assert events[-2]["choices"] == [] and "usage" in events[-2], "a chunk with usage and no choices comes before"
    assert events[0]["choices"][0]["delta"]["role"] == "assistant"
    message: Json = {"content": "", "tool_calls": [], "thinking_blocks": [], "reasoning_content": "", "refusal": ""}
    finish = None
    for event in events[:-1]:
        assert event["object"] == "chat.completion.chunk" and event["id"] == events[0]["id"]
        for choice in event["choices"]:
            delta = choice["delta"]
            assert finish is None, "nothing follows the finish reason"
            finish = choice["finish_reason"]
            for key in ("content", "reasoning_content", "refusal"):
                message[key] += delta.get(key) or ""
            message["thinking_blocks"] += delta.get("thinking_blocks") or []
            for part in delta.get("tool_calls") or []:
                if part["index"] == len(message["tool_calls"]):
                    message["tool_calls"].append({**part, "function": dict(part["function"])})
                else:
                    message["tool_calls"][part["index"]]["function"]["arguments"] += part["function"]["arguments"]
    assert finish is not None
    return {"choices": [{"message": message, "finish_reason": finish}], "usage": events[-2]["usage"]}


def _messages(events: list[Json]) -> Json:
    assert events[0]["type"] == "message_start"
    assert [event["type"] for event in events[-2:]] == ["message_delta", "message_stop"]
    answer = dict(events[0]["message"])
    content: list[Json] = []
    open_ = False
    for event in events[1:-2]:
        if event["type"] == "content_block_start":
            assert not open_ and event["index"] == len(content)
            content.append({**event["content_block"], "json": ""})
            open_ = True
            continue
        assert open_ and event["index"] == len(content) - 1
        block = content[-1]
        if event["type"] == "content_block_stop":
            open_ = False
            if block["type"] == "tool_use":
                block["input"] = json.loads(block["json"] or "{}")
            continue
        delta = event["delta"]
        key, grows = {
            "text_delta": ("text", "text"),
            "thinking_delta": ("thinking", "thinking"),
            "signature_delta": ("signature", "signature"),
            "input_json_delta": ("json", "partial_json"),
        }[delta["type"]]
        block[key] = block.get(key, "") + delta[grows]
    assert not open_
    end = events[-2]
    return {**answer, "content": content, **end["delta"], "usage": {**answer["usage"], **end["usage"]}}


def _response(events: list[Json]) -> Json:
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    assert events[-1]["type"] in ("response.completed", "response.incomplete")
    items: dict[int, Json] = {}
    done: dict[int, Json] = {}
    for event in events[2:-1]:
        kind, index = event["type"].removeprefix("response."), event["output_index"]
        if kind == "output_item.added":
            assert index == len(items)
            items[index] = {"id": event["item"]["id"], "texts": {}}
            continue
        assert index in items and index not in done, f"{kind} outside of its item"
        item = items[index]
        if kind == "output_item.done":
            assert event["item"]["id"] == item["id"]
            done[index] = event["item"]
            continue
        assert event["item_id"] == item["id"]
        key = (event.get("content_index", event.get("summary_index", 0)), kind.split(".")[0])
        if kind.endswith(".delta"):
            item["texts"][key] = item["texts"].get(key, "") + event["delta"]
        elif kind.endswith(".done") and "part" not in event:
            told = next(event[name] for name in ("text", "arguments", "refusal") if name in event)
            assert told == item["texts"].get(key, "")
    answer: Json = events[-1]["response"]
    assert answer["output"] == [done[index] for index in sorted(items)], (
        "the response holds the items as they were told"
    )
    return answer
