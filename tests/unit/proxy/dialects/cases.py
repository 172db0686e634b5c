"""The fidelity cases: requests, answers, streams and errors as the public documentation of each API shows them. Data and nothing else.

Shared by the tests and by bench/translation.py.
"""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = "JVBERi0xLjQKJcOkw7zDtsOf"
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "A town"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = {"type": "function", "function": {"name": "weather", "description": "The weather now", "parameters": CITY}}
CLOCK = {"type": "function", "function": {"name": "clock", "description": "The time now", "parameters": CITY}}
HI = [{"role": "user", "content": "Hi"}]


def call(call_id: str, name: str, arguments: str, **more: Any) -> Json:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


PARALLEL = [
    {"role": "user", "content": "Weather and time in Bern?"},
    {
        "role": "assistant",
        "content": "Let me see.",
        "tool_calls": [call("toolu_1", "weather", '{"city":"Bern"}'), call("toolu_2", "clock", '{"city":"Bern"}')],
    },
    {"role": "tool", "tool_call_id": "toolu_1", "content": '{"sky":"clear"}'},
    {"role": "tool", "tool_call_id": "toolu_2", "content": "12:00"},
]


@dataclass(frozen=True, kw_only=True)
class Request:
    """A caller's request; what it says must read the same in every provider's dialect."""

    name: str
    body: Json
    caller: str = "chat"
    providers: tuple[str, ...] = ("messages", "gemini")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A provider's answer, with its stream where it has one; both must read the same in the caller's dialect."""

    name: str
    provider: str
    whole: Json
    events: list[Json] = field(default_factory=list)
    callers: tuple[str, ...] = ("chat", "responses", "messages")


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A provider's error, and what a chat caller and one of Anthropic's must read."""

    provider: str
    status: int
    body: Any
    message: str
    openai_type: str
    anthropic_type: str


def chat(name: str, **body: Any) -> Request:
    return Request(name=name, body={"model": "claude-sonnet-4-5", "messages": HI, **body})


def schema_format(name: str = "place") -> Json:
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": CITY}}


REQUESTS = [
    chat(
        "system and developer messages",
        messages=[{"role": "system", "content": "Be kind."}, {"role": "developer", "content": "Be short."}, *HI],
    ),
    chat(
        "several turns, some in a row",
        messages=[
            *HI,
            {"role": "assistant", "content": "Hello!"},
            {"role": "user", "content": "A"},
            {"role": "user", "content": [{"type": "text", "text": "B"}, {"type": "text", "text": "C"}]},
        ],
    ),
    chat("parallel tool calls and their results", messages=PARALLEL, tools=[WEATHER, CLOCK]),
    chat(
        "a tool loop that goes on",
        messages=[*PARALLEL, {"role": "assistant", "content": "Clear."}, {"role": "user", "content": "Thanks"}],
        tools=[WEATHER, CLOCK],
    ),
    *[chat(f"tool choice {choice}", tools=[WEATHER], tool_choice=choice) for choice in ("auto", "none", "required")],
    chat(
        "tool choice by name", tools=[WEATHER, CLOCK], tool_choice={"type": "function", "function": {"name": "clock"}}
    ),
    chat("no parallel tool calls", tools=[WEATHER], parallel_tool_calls=False),
    chat(
        "an image as data",
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is it?"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"}},
                ],
            }
        ],
    ),
    chat(
        "an image by URL",
        messages=[
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": "https://example.org/a/cat.jpg?size=2"}}],
            }
        ],
    ),
    chat(
        "a PDF file",
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}},
                    {"type": "text", "text": "Sum it up."},
                ],
            }
        ],
    ),
    chat("an answer by JSON Schema", response_format=schema_format()),
    chat("stop as a text", stop="END"),
    chat("stop as a list", stop=["END", "FIN"]),
    chat("max_tokens", max_tokens=50),
    chat("max_completion_tokens", max_completion_tokens=60),
    chat("no limit"),
    chat("temperature and top_p", model="claude-sonnet-4-0", temperature=0.25, top_p=0.75),
    chat("reasoning effort", reasoning_effort="medium"),
    chat("a user", user="u-17", metadata={}),
    chat("a stream", stream=True, stream_options={"include_usage": True}),
    chat(
        "cache marks",
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "Long.", "cache_control": {"type": "ephemeral"}}]},
        ],
    ),
    chat(
        "signed thoughts in a tool loop",
        reasoning_effort="low",
        tools=[WEATHER],
        messages=[
            *HI,
            {
                "role": "assistant",
                "content": None,
                "reasoning_content": "Ask the tool.",
                "thinking_blocks": [
                    {"index": 0, "type": "thinking", "thinking": "Ask the tool.", "signature": "c2ln"},
                    {"index": 1, "type": "redacted_thinking", "data": "eA=="},
                ],
                "tool_calls": [
                    call(
                        "toolu_9",
                        "weather",
                        '{"city":"Ulm"}',
                        extra_content={"google": {"thought_signature": "Zw=="}},
                    )
                ],
            },
            {"role": "tool", "tool_call_id": "toolu_9", "content": "rain"},
        ],
    ),
    Request(
        name="responses: a text with instructions",
        caller="responses",
        providers=("chat", "messages", "gemini"),
        body={
            "model": "m",
            "input": "Hi",
            "instructions": "Be kind.",
            "max_output_tokens": 9,
            "store": False,
            "stream": True,
        },
    ),
    Request(
        name="responses: a tool loop as items",
        caller="responses",
        providers=("chat", "messages", "gemini"),
        body={
            "model": "m",
            "instructions": "Be kind.",
            "input": [
                {"role": "developer", "content": "Be short."},
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "See."},
                        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"},
                    ],
                },
                {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Ask."}]},
                {
                    "type": "message",
                    "id": "msg_1",
                    "role": "assistant",
                    "status": "completed",
                    "content": [{"type": "output_text", "text": "One moment.", "annotations": []}],
                },
                {
                    "type": "function_call",
                    "id": "fc_1",
                    "call_id": "toolu_1",
                    "name": "weather",
                    "arguments": '{"city":"A"}',
                },
                {"type": "function_call", "id": "fc_2", "call_id": "toolu_2", "name": "clock", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "toolu_1", "output": "rain"},
                {
                    "type": "function_call_output",
                    "call_id": "toolu_2",
                    "output": [{"type": "input_text", "text": "noon"}],
                },
            ],
            "tools": [{"type": "function", **WEATHER["function"], "strict": False}],
            "tool_choice": {"type": "function", "name": "weather"},
            "parallel_tool_calls": False,
        },
    ),
    Request(
        name="responses: schema, reasoning and sampling",
        caller="responses",
        providers=("chat", "gemini"),
        body={
            "model": "m",
            "input": [{"role": "user", "content": "Hi"}],
            "text": {"format": {"type": "json_schema", "name": "place", "strict": True, "schema": CITY}},
            "reasoning": {"effort": "high", "summary": "auto"},
            "temperature": 0.5,
            "top_p": 0.5,
            "user": "u-1",
        },
    ),
    Request(
        name="messages: a tool loop as blocks",
        caller="messages",
        providers=("chat", "gemini"),
        body={
            "model": "m",
            "max_tokens": 70,
            "system": [
                {"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}},
                {"type": "text", "text": "B."},
            ],
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                        {"type": "image", "source": {"type": "url", "url": "https://example.org/cat.png"}},
                        {
                            "type": "document",
                            "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                        },
                        {"type": "text", "text": "See."},
                    ],
                },
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "Ask.", "signature": "c2ln"},
                        {"type": "text", "text": "One moment."},
                        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "A"}},
                        {"type": "tool_use", "id": "toolu_2", "name": "clock", "input": {}},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "rain"},
                        {
                            "type": "tool_result",
                            "tool_use_id": "toolu_2",
                            "content": [{"type": "text", "text": "noon"}],
                        },
                        {"type": "text", "text": "Go on."},
                    ],
                },
            ],
            "tools": [{"name": "weather", "description": "The weather now", "input_schema": CITY}],
            "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
            "stop_sequences": ["END"],
            "temperature": 0.5,
            "metadata": {"user_id": "u-2"},
            "stream": True,
        },
    ),
    Request(
        name="messages: thinking and schema",
        caller="messages",
        providers=("chat", "gemini"),
        body={
            "model": "m",
            "max_tokens": 9000,
            "messages": HI,
            "thinking": {"type": "enabled", "budget_tokens": 2048},
            "output_config": {"format": {"type": "json_schema", "schema": CITY}},
        },
    ),
]


# ---- answers and their streams -----------------------------------------------------------------------------------------------


def claude(content: list[Json], stop_reason: str, **more: Any) -> Json:
    usage = {
        "input_tokens": 10,
        "cache_read_input_tokens": 5,
        "cache_creation_input_tokens": 3,
        "output_tokens": 20,
        "output_tokens_details": {"thinking_tokens": 7},
    }
    head = {"id": "msg_01", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "stop_sequence": None}
    return {**head, "content": content, "stop_reason": stop_reason, "usage": usage, **more}


def claude_events(blocks: list[tuple[Json, list[Json]]], stop_reason: str, **more: Any) -> list[Json]:
    start = claude([], "")
    start.update(stop_reason=None, usage={**start["usage"], "output_tokens": 1, "output_tokens_details": None})
    events: list[Json] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    for index, (block, deltas) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    end = {"stop_reason": stop_reason, "stop_sequence": None, **more}
    usage = {"output_tokens": 20, "output_tokens_details": {"thinking_tokens": 7}}
    return [*events, {"type": "message_delta", "delta": end, "usage": usage}, {"type": "message_stop"}]


TEXT = {"type": "text", "text": ""}


def words(*pieces: str) -> list[Json]:
    return [{"type": "text_delta", "text": piece} for piece in pieces]


def pieces_of_json(*pieces: str) -> list[Json]:
    return [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]


CLAUDE = [
    Answer(
        name="text",
        provider="messages",
        whole=claude([{"type": "text", "text": "Hello there"}], "end_turn"),
        events=claude_events([(TEXT, words("Hello", " there"))], "end_turn"),
    ),
    Answer(
        name="thinking, text, two tools",
        provider="messages",
        whole=claude(
            [
                {"type": "thinking", "thinking": "Ask the tools.", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "eA=="},
                {"type": "text", "text": "One moment."},
                {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Bern"}},
                {"type": "tool_use", "id": "toolu_2", "name": "clock", "input": {}},
            ],
            "tool_use",
        ),
        events=claude_events(
            [
                (
                    {"type": "thinking", "thinking": "", "signature": ""},
                    [
                        {"type": "thinking_delta", "thinking": "Ask the"},
                        {"type": "thinking_delta", "thinking": " tools."},
                        {"type": "signature_delta", "signature": "c2ln"},
                    ],
                ),
                ({"type": "redacted_thinking", "data": "eA=="}, []),
                (TEXT, words("One moment.")),
                (
                    {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}},
                    pieces_of_json("", '{"city"', ':"Bern"}'),
                ),
                ({"type": "tool_use", "id": "toolu_2", "name": "clock", "input": {}}, pieces_of_json("")),
            ],
            "tool_use",
        ),
    ),
    *[
        Answer(
            name=f"stop reason {reason}",
            provider="messages",
            whole=claude([{"type": "text", "text": "Cut"}], reason),
            events=claude_events([(TEXT, words("Cut"))], reason),
        )
        for reason in ("stop_sequence", "max_tokens", "model_context_window_exceeded", "pause_turn")
    ],
    Answer(
        name="a refusal",
        provider="messages",
        whole=claude(
            [], "refusal", stop_details={"type": "refusal", "category": "bio", "explanation": "I can't help."}
        ),
        events=claude_events(
            [], "refusal", stop_details={"type": "refusal", "category": "bio", "explanation": "I can't help."}
        ),
    ),
]


def gemini(parts: list[Json], finish: str) -> Json:
    return {
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": finish, "index": 0}],
        "usageMetadata": GEMINI_USAGE,
        "modelVersion": "gemini-2.5-flash",
        "responseId": "r1d",
    }


GEMINI_USAGE = {
    "promptTokenCount": 12,
    "cachedContentTokenCount": 4,
    "toolUsePromptTokenCount": 2,
    "candidatesTokenCount": 6,
    "thoughtsTokenCount": 5,
    "totalTokenCount": 25,
}


def gemini_events(*parts: list[Json], finish: str) -> list[Json]:
    events = []
    for position, some in enumerate(parts):
        candidate: Json = {"content": {"role": "model", "parts": some}, "index": 0}
        last = position == len(parts) - 1
        usage = {"promptTokenCount": 12, "totalTokenCount": 12}
        events.append(
            {
                "candidates": [{**candidate, "finishReason": finish} if last else candidate],
                "usageMetadata": GEMINI_USAGE if last else usage,
                "modelVersion": "gemini-2.5-flash",
                "responseId": "r1d",
            }
        )
    return events


WEATHER_CALL = {"functionCall": {"name": "weather", "args": {"city": "Bern"}}, "thoughtSignature": "Zw=="}
CLOCK_CALL = {"functionCall": {"name": "clock", "args": {}}}
GEMINI = [
    Answer(
        name="text",
        provider="gemini",
        whole=gemini([{"text": "Hello there"}], "STOP"),
        events=gemini_events([{"text": "Hello"}], [{"text": " there"}], [{"text": ""}], finish="STOP"),
    ),
    Answer(
        name="thoughts, text, two tools without ids",
        provider="gemini",
        whole=gemini([{"text": "Ask.", "thought": True}, {"text": "One moment."}, WEATHER_CALL, CLOCK_CALL], "STOP"),
        events=gemini_events(
            [{"text": "As", "thought": True}],
            [{"text": "k.", "thought": True}],
            [{"text": "One moment."}, WEATHER_CALL],
            [CLOCK_CALL],
            finish="STOP",
        ),
    ),
    *[
        Answer(
            name=f"finish reason {reason}",
            provider="gemini",
            whole=gemini([{"text": "Cut"}], reason),
            events=gemini_events([{"text": "Cut"}], [], finish=reason),
        )
        for reason in ("MAX_TOKENS", "SAFETY", "PROHIBITED_CONTENT")
    ],
    Answer(
        name="a blocked prompt",
        provider="gemini",
        whole={
            "promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "Blocked for safety."},
            "usageMetadata": {"promptTokenCount": 12, "totalTokenCount": 12},
            "responseId": "r2",
        },
        events=[
            {
                "promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "Blocked for safety."},
                "usageMetadata": {"promptTokenCount": 12, "totalTokenCount": 12},
                "responseId": "r2",
            }
        ],
    ),
]


def openai(message: Json, finish: str) -> Json:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "gpt-5",
        "choices": [
            {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish, "logprobs": None}
        ],
        "usage": OPENAI_USAGE,
    }


OPENAI_USAGE = {
    "prompt_tokens": 18,
    "completion_tokens": 20,
    "total_tokens": 38,
    "prompt_tokens_details": {"cached_tokens": 5},
    "completion_tokens_details": {"reasoning_tokens": 7},
}


def openai_events(*deltas: Json, finish: str) -> list[Json]:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "gpt-5"}
    said = [{"role": "assistant", "content": ""}, *deltas]
    chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in said]
    end = {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
    return [*chunks, end, {**head, "choices": [], "usage": OPENAI_USAGE}]


def piece(index: int, arguments: str, call_id: str = "", name: str = "") -> Json:
    more = {"id": call_id, "type": "function"} if call_id else {}
    function = {"name": name, "arguments": arguments} if name else {"arguments": arguments}
    return {"tool_calls": [{"index": index, **more, "function": function}]}


TWO_CALLS = [call("call_a", "weather", '{"city":"Bern"}'), call("call_b", "clock", '{"city":"Ulm"}')]
FROM_CHAT = ("responses", "messages")
CHAT = [
    Answer(
        name="text",
        provider="chat",
        callers=FROM_CHAT,
        whole=openai({"content": "Hello there"}, "stop"),
        events=openai_events({"content": "Hello"}, {"content": " there"}, finish="stop"),
    ),
    Answer(
        name="reasoning, text, two tools",
        provider="chat",
        callers=FROM_CHAT,
        whole=openai({"reasoning_content": "Ask.", "content": "One moment.", "tool_calls": TWO_CALLS}, "tool_calls"),
        events=openai_events(
            {"reasoning_content": "As"},
            {"reasoning_content": "k."},
            {"content": "One moment."},
            piece(0, "", "call_a", "weather"),
            piece(0, '{"city":'),
            piece(0, '"Bern"}'),
            piece(1, '{"city":', "call_b", "clock"),
            piece(1, '"Ulm"}'),
            finish="tool_calls",
        ),
    ),
    Answer(
        name="two tools whose arguments come mixed",
        provider="chat",
        callers=FROM_CHAT,
        whole=openai({"content": None, "tool_calls": TWO_CALLS}, "tool_calls"),
        events=openai_events(
            piece(0, "", "call_a", "weather"),
            piece(1, "", "call_b", "clock"),
            piece(1, '{"city":'),
            piece(0, '{"city":'),
            piece(1, '"Ulm"}'),
            piece(0, '"Bern"}'),
            finish="tool_calls",
        ),
    ),
    Answer(
        name="two whole calls with one index",
        provider="chat",
        callers=FROM_CHAT,
        whole=openai({"content": None, "tool_calls": TWO_CALLS}, "tool_calls"),
        events=openai_events(
            piece(0, '{"city":"Bern"}', "call_a", "weather"),
            piece(0, '{"city":"Ulm"}', "call_b", "clock"),
            finish="tool_calls",
        ),
    ),
    *[
        Answer(
            name=f"finish reason {reason}",
            provider="chat",
            callers=FROM_CHAT,
            whole=openai({"content": "Cut"}, reason),
            events=openai_events({"content": "Cut"}, finish=reason),
        )
        for reason in ("length", "content_filter")
    ],
    Answer(
        name="a refusal",
        provider="chat",
        callers=FROM_CHAT,
        whole=openai({"content": None, "refusal": "I can't help."}, "stop"),
        events=openai_events({"refusal": "I can't"}, {"refusal": " help."}, finish="stop"),
    ),
]
ANSWERS = [*CLAUDE, *GEMINI, *CHAT]


# ---- errors ------------------------------------------------------------------------------------------------------------------


def anthropic_failure(status: int, kind: str, openai_type: str) -> Failure:
    body = {"type": "error", "error": {"type": kind, "message": f"Because of {kind}."}, "request_id": "req_1"}
    return Failure(
        provider="messages",
        status=status,
        body=body,
        message=f"Because of {kind}.",
        openai_type=openai_type,
        anthropic_type=kind,
    )


FAILURES = [
    anthropic_failure(400, "invalid_request_error", "invalid_request_error"),
    anthropic_failure(401, "authentication_error", "authentication_error"),
    anthropic_failure(404, "not_found_error", "invalid_request_error"),
    anthropic_failure(413, "request_too_large", "invalid_request_error"),
    anthropic_failure(429, "rate_limit_error", "rate_limit_error"),
    anthropic_failure(529, "overloaded_error", "api_error"),
    Failure(
        provider="gemini",
        status=400,
        body={"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT", "details": []}},
        message="API key not valid.",
        openai_type="invalid_request_error",
        anthropic_type="invalid_request_error",
    ),
    Failure(
        provider="gemini",
        status=429,
        body=[{"error": {"code": 429, "message": "Quota exceeded.", "status": "RESOURCE_EXHAUSTED"}}],
        message="Quota exceeded.",
        openai_type="rate_limit_error",
        anthropic_type="rate_limit_error",
    ),
]
