"""What a request can't say to a provider: refused with the key's name, or dropped and named; and the rules of single providers."""

from typing import Any

import pytest

from proxy.dialects.translation import translation
from proxy.errors import RequestRefused
from tests.unit.proxy.dialects.cases import CITY, CLOCK, HI, PARALLEL, WEATHER, call
from tests.unit.proxy.dialects.test_cases import CALLERS_BODY, between

Json = dict[str, Any]


ADAPTIVE = {"type": "adaptive", "display": "summarized"}


def to(provider: str, model: str = "claude-sonnet-4-6", **body: Any) -> Json:
    return between("chat", provider).request({"model": model, "messages": HI, **body})


def dropped(provider: str, **body: Any) -> tuple[str, ...]:
    return between("chat", provider).dropped({"model": "claude-sonnet-4-6", "messages": HI, **body})


REFUSED: list[tuple[str, str, str, Json]] = [
    ("chat", "messages", "n", {"n": 2}),
    ("chat", "messages", "logprobs", {"logprobs": True}),
    ("chat", "messages", "modalities", {"modalities": ["text", "audio"]}),
    ("chat", "messages", "audio", {"audio": {"voice": "alloy"}}),
    ("chat", "messages", "functions", {"functions": [{"name": "f"}]}),
    ("chat", "messages", "web_search_options", {"web_search_options": {"search_context_size": "low"}}),
    ("chat", "messages", "tools", {"tools": [{"type": "custom", "custom": {"name": "f"}}]}),
    ("chat", "messages", "tool_choice", {"tools": [WEATHER], "tool_choice": "sometimes"}),
    ("chat", "messages", "response_format", {"response_format": {"type": "grammar"}}),
    ("chat", "messages", "response_format", {"response_format": {"type": "json_object"}, "tools": [WEATHER]}),
    ("chat", "messages", "messages", {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}),
    ("chat", "messages", "messages", {"messages": [{"role": "function", "name": "f", "content": "1"}]}),
    ("chat", "gemini", "modalities", {"modalities": ["audio"]}),
    ("chat", "gemini", "tools", {"tools": [{"type": "custom", "custom": {"name": "f"}}]}),
    ("chat", "gemini", "messages", {"messages": [{"role": "tool", "tool_call_id": "x", "content": "1"}]}),
    (
        "chat",
        "gemini",
        "messages",
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]},
    ),
    ("responses", "chat", "previous_response_id", {"previous_response_id": "resp_1"}),
    ("responses", "chat", "conversation", {"conversation": {"id": "conv_1"}}),
    ("responses", "chat", "background", {"background": True}),
    ("responses", "chat", "tools", {"tools": [{"type": "web_search"}]}),
    ("responses", "chat", "tools", {"tools": [{"type": "file_search", "vector_store_ids": ["v"]}]}),
    ("responses", "chat", "input", {"input": [{"type": "item_reference", "id": "msg_1"}]}),
    (
        "responses",
        "messages",
        "input",
        {"input": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
    ),
    (
        "responses",
        "messages",
        "text",
        {"text": {"format": {"type": "json_object"}}, "tools": [{"type": "function", "name": "f"}]},
    ),
    ("messages", "chat", "tools", {"tools": [{"type": "bash_20250124", "name": "bash"}]}),
    ("messages", "chat", "mcp_servers", {"mcp_servers": [{"type": "url", "url": "https://example.org"}]}),
    ("messages", "gemini", "container", {"container": "c_1"}),
    ("messages", "chat", "inference_geo", {"inference_geo": "us"}),
]


@pytest.mark.parametrize(("caller", "provider", "param", "body"), REFUSED)
def test_what_would_change_the_meaning_is_refused(caller: str, provider: str, param: str, body: Json) -> None:
    made = between(caller, provider)
    for function in (made.request, made.dropped):
        with pytest.raises(RequestRefused) as refused:
            function({**CALLERS_BODY[caller], **body})
        assert (refused.value.code, refused.value.param, refused.value.status) == (
            "request_not_translatable",
            param,
            400,
        )
        assert len(refused.value.message) > 20


DROPPED: list[tuple[str, str, tuple[str, ...], Json]] = [
    ("chat", "messages", ("seed", "logit_bias"), {"seed": 4, "logit_bias": {"1": 2}, "presence_penalty": 0, "n": 1}),
    ("chat", "messages", ("store", "metadata"), {"store": True, "metadata": {"a": "b"}}),
    ("chat", "messages", ("temperature",), {"temperature": 1.5}),
    ("chat", "messages", ("service_tier",), {"service_tier": "flex"}),
    ("chat", "messages", ("new_key",), {"new_key": 1, "other": None, "stream_options": {"include_usage": True}}),
    (
        "chat",
        "gemini",
        ("logit_bias", "user", "parallel_tool_calls"),
        {"logit_bias": {"1": 2}, "user": "u", "parallel_tool_calls": False},
    ),
    ("chat", "gemini", (), {"seed": 4, "presence_penalty": 0.5, "top_k": 3, "logprobs": True, "stream": True}),
    ("responses", "chat", ("store", "metadata"), {"store": True, "metadata": {"a": "b"}, "truncation": "disabled"}),
    ("responses", "messages", ("text",), {"text": {"verbosity": "low"}}),
    ("responses", "chat", (), {"store": False, "top_k": None, "prompt": {"id": "p"}}),
    ("messages", "chat", ("top_k",), {"top_k": 5}),
    ("messages", "gemini", (), {"top_k": 5}),
    (
        "messages",
        "gemini",
        ("cache_control", "metadata"),
        {"cache_control": {"type": "ephemeral"}, "metadata": {"user_id": "u"}},
    ),
]


@pytest.mark.parametrize(("caller", "provider", "names", "body"), DROPPED)
def test_what_only_tunes_is_dropped_and_named(caller: str, provider: str, names: tuple[str, ...], body: Json) -> None:
    made, whole = between(caller, provider), {**CALLERS_BODY[caller], **body}
    assert made.dropped(whole) == names
    out = made.request(whole)
    assert not {"seed", "logit_bias", "store", "new_key", "cache_control", "prompt"} & out.keys()


def test_keys_of_the_provider_pass_as_they_are() -> None:
    own: Json = {
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "mcp_servers": [{"name": "x"}],
        "container": "c",
    }
    assert to("messages", **own).items() >= own.items()
    google: Json = {"safetySettings": [{"category": "c"}], "cachedContent": "cachedContents/1"}
    out = to("gemini", **google, generationConfig={"topK": 3}, temperature=0.5, tools=[{"googleSearch": {}}, WEATHER])
    assert out.items() >= google.items()
    assert out["generationConfig"] == {"temperature": 0.5, "topK": 3}
    assert [set(tool) for tool in out["tools"]] == [{"functionDeclarations"}, {"googleSearch"}]


def test_keys_that_nobody_knows_travel_to_servers_that_speak_chat() -> None:
    out = between("responses", "chat").request({"model": "m", "input": "Hi", "min_p": 0.1, "seed": 7})
    assert (out["min_p"], out["seed"]) == (0.1, 7)


def test_the_model_stays_where_the_format_has_one() -> None:
    assert to("messages", model="claude-x")["model"] == "claude-x"
    assert "model" not in to("gemini", model="gemini-2.5-pro")


# ---- Anthropic's rules -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "limit"),
    [
        ("claude-3-opus-20240229", 4096),
        ("claude-3-5-haiku-latest", 8192),
        ("claude-opus-4-8", 16384),
        ("kimi-k2", 16384),
    ],
)
def test_limit_where_the_caller_sets_none(model: str, limit: int) -> None:
    assert to("messages", model=model)["max_tokens"] == limit


@pytest.mark.parametrize(
    ("model", "body", "wanted"),
    [
        ("claude-sonnet-4-5", {"reasoning_effort": "low"}, {"type": "enabled", "budget_tokens": 2048}),
        ("anthropic/claude-opus-4-1", {"reasoning_effort": "high"}, {"type": "enabled", "budget_tokens": 24576}),
        (
            "claude-sonnet-4-20250514",
            {"reasoning_effort": "high", "max_tokens": 4096},
            {"type": "enabled", "budget_tokens": 3072},
        ),
        ("claude-sonnet-4-5", {"reasoning_effort": "high", "max_tokens": 2000}, None),
        ("claude-opus-4-6", {"reasoning_effort": "high"}, ADAPTIVE),
        ("claude-opus-5", {"reasoning_effort": "minimal"}, ADAPTIVE),
        ("claude-opus-5", {"reasoning_effort": "none"}, {"type": "disabled"}),
        ("claude-opus-5", {"reasoning_effort": "high", "tools": [WEATHER], "tool_choice": "required"}, None),
        ("claude-sonnet-4-5", {"reasoning_effort": "low", "messages": PARALLEL}, None),
        ("claude-opus-5", {"reasoning_effort": "low", "messages": PARALLEL}, ADAPTIVE),
    ],
)
def test_reasoning_effort(model: str, body: Json, wanted: Json | None) -> None:
    whole = {"model": model, "messages": HI, **body}
    made = between("chat", "messages")
    out = made.request(whole)
    assert out.get("thinking") == wanted
    assert ("reasoning_effort" in made.dropped(whole)) == (wanted is None)
    if wanted and "budget_tokens" in wanted:
        assert out["max_tokens"] >= wanted["budget_tokens"] + 1024
    if wanted == ADAPTIVE:
        assert out["output_config"]["effort"] in {"low", "high"}


def test_thinking_takes_no_sampling() -> None:
    body: Json = {"reasoning_effort": "low", "temperature": 0.2, "top_p": 0.5, "top_k": 4}
    out = to("messages", **body)
    assert not {"temperature", "top_p", "top_k"} & out.keys()
    assert set(dropped("messages", **body)) == {"temperature", "top_p", "top_k"}


@pytest.mark.parametrize(
    ("model", "sent", "not_carried"),
    [
        ("claude-sonnet-4-20250514", {"temperature": 0.2, "top_p": 0.5, "top_k": 4}, ()),
        ("claude-sonnet-4-5-20250929", {"temperature": 0.2, "top_k": 4}, ("top_p",)),
        ("anthropic/claude-opus-4-6", {"temperature": 0.2, "top_k": 4}, ("top_p",)),
        ("claude-opus-4-7", {}, ("temperature", "top_p", "top_k")),
        ("claude-haiku-5-5", {}, ("temperature", "top_p", "top_k")),
        ("claude-mythos-preview", {}, ("temperature", "top_p", "top_k")),
        ("claude-3-5-sonnet-20241022", {"temperature": 0.2, "top_p": 0.5, "top_k": 4}, ()),
        ("kimi-k2", {"temperature": 0.2, "top_p": 0.5, "top_k": 4}, ()),
    ],
)
def test_sampling_that_a_model_would_refuse_is_dropped(model: str, sent: Json, not_carried: tuple[str, ...]) -> None:
    body = {"model": model, "messages": HI, "temperature": 0.2, "top_p": 0.5, "top_k": 4}
    made = between("chat", "messages")
    out = made.request(body)
    assert {key: out[key] for key in ("temperature", "top_p", "top_k") if key in out} == sent
    assert made.dropped(body) == not_carried
    assert made.dropped({"model": model, "messages": HI, "temperature": 1, "top_p": 1}) == (), "defaults say nothing"


def test_json_mode_is_a_tool_that_must_be_used() -> None:
    body = {"model": "claude-opus-5", "messages": HI, "response_format": {"type": "json_object"}}
    made = between("chat", "messages")
    out = made.request(body)
    assert out["tool_choice"] == {"type": "tool", "name": out["tools"][0]["name"]}
    said = {
        "id": "msg",
        "content": [{"type": "tool_use", "id": "t", "name": out["tools"][0]["name"], "input": {"a": 1}}],
        "stop_reason": "tool_use",
        "usage": {},
    }
    choice = made.answer(said, body)["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ('{"a":1}', "stop")
    assert "tool_calls" not in choice["message"]


def test_schema_rules_that_anthropic_does_not_take_are_told_in_words() -> None:
    schema = {
        "type": "object",
        "properties": {
            "age": {"type": "integer", "minimum": 0, "description": "In years"},
            "tags": {"type": "array", "items": {"type": "string", "pattern": "^a"}, "minItems": 3},
            "when": {"oneOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
            "in": {"$ref": "#/$defs/city"},
        },
        "$defs": {"city": {"type": "object", "properties": {}}},
    }
    format_ = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    out = to("messages", response_format=format_)["output_config"]["format"]["schema"]
    assert out["additionalProperties"] is False and out["$defs"]["city"]["additionalProperties"] is False
    assert out["properties"]["age"] == {"type": "integer", "description": "In years\n\n{minimum: 0}"}
    assert out["properties"]["tags"]["description"] == "{minItems: 3}"
    assert out["properties"]["tags"]["items"] == {"type": "string", "description": "{pattern: ^a}"}
    assert out["properties"]["when"] == {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}


def test_names_of_properties_are_not_rules() -> None:
    schema = {"type": "object", "properties": {"format": {"type": "string"}, "minimum": {"type": "integer"}}}
    format_ = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    out = to("messages", response_format=format_)["output_config"]["format"]["schema"]
    assert out == {**schema, "additionalProperties": False}


def test_ids_that_anthropic_does_not_take_are_mapped_on_both_sides() -> None:
    asked = {"role": "assistant", "content": "", "tool_calls": [call("a:b/1", "weather", "{oops")]}
    said = {"role": "tool", "tool_call_id": "a:b/1", "content": "1"}
    use, result = (message["content"][0] for message in to("messages", messages=[*HI, asked, said])["messages"][1:])
    assert use["id"] == result["tool_use_id"] == "a_b_1"
    assert use["input"] == {"arguments": "{oops"}, "broken arguments in the history don't end the conversation"


def test_instructions_alone_are_the_users_message() -> None:
    messages = [{"role": "system", "content": "Tell a joke."}]
    assert to("messages", messages=messages)["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Tell a joke."}]}
    ]
    assert to("gemini", messages=messages)["contents"] == [{"role": "user", "parts": [{"text": "Tell a joke."}]}]


def test_later_instructions_go_to_the_front() -> None:
    messages = [{"role": "system", "content": "A"}, *HI, {"role": "developer", "content": "B"}]
    out = to("messages", messages=messages)
    assert [block["text"] for block in out["system"]] == ["A", "B"]
    assert len(out["messages"]) == 1


def test_cache_marks_on_system_tools_and_results() -> None:
    mark = {"type": "ephemeral", "ttl": "1h"}
    messages = [
        {"role": "system", "content": [{"type": "text", "text": "Long.", "cache_control": mark}]},
        *PARALLEL[:3],
        {**PARALLEL[3], "cache_control": mark},
    ]
    out = to("messages", messages=messages, tools=[{**WEATHER, "cache_control": mark}, CLOCK])
    assert out["system"] == [{"type": "text", "text": "Long.", "cache_control": mark}]
    assert out["tools"][0]["cache_control"] == mark and "cache_control" not in out["tools"][1]
    assert [block.get("cache_control") for block in out["messages"][-1]["content"]] == [None, mark]


def test_allowed_tools() -> None:
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "clock"}}]}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    out = to("messages", tools=[WEATHER, CLOCK], tool_choice=choice)
    assert [tool["name"] for tool in out["tools"]] == ["clock"] and out["tool_choice"] == {"type": "any"}
    calling = to("gemini", tools=[WEATHER, CLOCK], tool_choice=choice)["toolConfig"]["functionCallingConfig"]
    assert calling == {"mode": "ANY", "allowedFunctionNames": ["clock"]}


def test_white_space_at_the_end_of_a_prefill_is_cut() -> None:
    out = to("messages", messages=[*HI, {"role": "assistant", "content": "The answer is "}])
    assert out["messages"][-1]["content"][0]["text"] == "The answer is"


def test_a_text_file_is_a_text_document() -> None:
    file = {"filename": "a.txt", "file_data": "data:text/plain;base64,R3LDvMOfZQ=="}
    out = to("messages", messages=[{"role": "user", "content": [{"type": "file", "file": file}]}])
    block = out["messages"][0]["content"][0]
    assert (block["source"], block["title"]) == ({"type": "text", "media_type": "text/plain", "data": "Grüße"}, "a.txt")


def test_a_data_url_without_base64() -> None:
    part = {"type": "image_url", "image_url": {"url": "data:image/svg+xml,%3Csvg%2F%3E"}}
    source = to("messages", messages=[{"role": "user", "content": [part]}])["messages"][0]["content"][0]["source"]
    assert source == {"type": "base64", "media_type": "image/svg+xml", "data": "PHN2Zy8+"}


# ---- Gemini's rules ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "effort", "wanted"),
    [
        ("gemini-2.5-flash", "medium", {"thinkingBudget": 8192, "includeThoughts": True}),
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("gemini-3-pro", "low", {"thinkingLevel": "low", "includeThoughts": True}),
        ("models/gemini-3.8-flash", "xhigh", {"thinkingLevel": "high", "includeThoughts": True}),
        ("gemini-3-pro", "none", None),
    ],
)
def test_reasoning_effort_for_gemini(model: str, effort: str, wanted: Json | None) -> None:
    body = {"model": model, "messages": HI, "reasoning_effort": effort}
    made = between("chat", "gemini")
    assert made.request(body).get("generationConfig", {}).get("thinkingConfig") == wanted
    assert made.dropped(body) == (() if wanted else ("reasoning_effort",))


def test_calls_whose_signature_was_lost_can_go_to_gemini_3() -> None:
    """Only there, and only on the first of calls made together; real signatures stay as they are."""

    def signatures(model: str, messages: list[Json]) -> list[Any]:
        parts = to("gemini", model=model, messages=messages)["contents"][1]["parts"]
        return [part.get("thoughtSignature") for part in parts if "functionCall" in part]

    assert signatures("gemini-2.5-pro", PARALLEL) == [None, None]
    assert signatures("gemini-3-pro", PARALLEL) == ["skip_thought_signature_validator", None]
    signed = {"extra_content": {"google": {"thought_signature": "Zw=="}}}
    calls = [call("a", "f", "{}", **signed), call("b", "f", "{}")]
    assert signatures("gemini-3-pro", [*HI, {"role": "assistant", "content": None, "tool_calls": calls}]) == [
        "Zw==",
        None,
    ]


def test_gemini_gets_back_the_ids_that_it_made() -> None:
    asked = {
        "role": "assistant",
        "content": None,
        "tool_calls": [call("x7k2", "f", "{}"), call("call_r1_1", "g", "{}")],
    }
    results = [{"role": "tool", "tool_call_id": name, "content": "1"} for name in ("x7k2", "call_r1_1")]
    model, user = to("gemini", messages=[*HI, asked, *results])["contents"][1:]
    assert [part["functionCall"].get("id") for part in model["parts"]] == ["x7k2", None]
    assert [part["functionResponse"].get("id") for part in user["parts"]] == ["x7k2", None]


def test_audio_goes_to_gemini() -> None:
    audio = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    out = to("gemini", messages=[{"role": "user", "content": [audio]}])
    assert out["contents"][0]["parts"] == [{"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}]


def test_several_answers_from_gemini() -> None:
    assert to("gemini", n=3, seed=4)["generationConfig"] == {"candidateCount": 3, "seed": 4}


# ---- callers of other dialects -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "key"),
    [
        ("gpt-5-mini", "max_completion_tokens"),
        ("openai/o3", "max_completion_tokens"),
        ("llama-3", "max_tokens"),
        ("gpt-4o", "max_tokens"),
    ],
)
def test_limit_by_the_name_that_the_model_takes(model: str, key: str) -> None:
    assert between("responses", "chat").request({"model": model, "input": "Hi", "max_output_tokens": 7})[key] == 7
    assert between("messages", "chat").request({"model": model, "messages": HI, "max_tokens": 7})[key] == 7


@pytest.mark.parametrize("caller", ["responses", "messages"])
def test_streams_are_asked_for_usage(caller: str) -> None:
    """Callers of these dialects are always told usage."""
    assert between(caller, "chat").request({**CALLERS_BODY[caller], "stream": True})["stream_options"] == {
        "include_usage": True
    }
    assert "stream_options" not in between(caller, "chat").request(CALLERS_BODY[caller])


def test_strict_servers_get_no_keys_of_others() -> None:
    content = [
        {"type": "thinking", "thinking": "x", "signature": "c2ln"},
        {"type": "text", "text": "y", "cache_control": {}},
    ]
    body = {"model": "m", "max_tokens": 9, "messages": [*HI, {"role": "assistant", "content": content}]}
    assert between("messages", "chat").request(body)["messages"][1] == {"role": "assistant", "content": "y"}


def test_thoughts_go_back_within_a_tool_loop_to_a_server_that_does_not_sign() -> None:
    chat = {
        "id": "c",
        "choices": [
            {
                "message": {"content": None, "reasoning_content": "Ask.", "tool_calls": [call("a", "f", "{}")]},
                "finish_reason": "tool_calls",
            }
        ],
    }
    made = between("messages", "chat")
    said = made.answer(chat, CALLERS_BODY["messages"])
    back = made.request(
        {**CALLERS_BODY["messages"], "messages": [*HI, {"role": "assistant", "content": said["content"]}]}
    )
    assert back["messages"][1]["reasoning_content"] == "Ask."


def test_signed_thoughts_survive_a_loop_through_responses() -> None:
    """Stateless: the caller sends back what it got, and Anthropic gets its own blocks again."""
    blocks = [
        {"type": "thinking", "thinking": "Ask.", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "eA=="},
    ]
    use = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
    said = {"id": "msg_1", "model": "m", "content": [*blocks, use], "stop_reason": "tool_use", "usage": {}}
    made = between("responses", "messages")
    body = {"model": "claude-opus-5", "input": [{"role": "user", "content": "Hi"}]}
    output = made.answer(said, body)["output"]
    result = {"type": "function_call_output", "call_id": "toolu_1", "output": "1"}
    back = made.request({**body, "input": [*body["input"], *output, result]})
    assert back["messages"][1]["content"] == [*blocks, use]


def test_gemini_signatures_survive_a_loop_through_every_dialect() -> None:
    part = {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "Zw=="}
    said = {"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP"}], "responseId": "r"}
    for caller in ("chat", "messages", "responses"):
        made, body = between(caller, "gemini"), {**CALLERS_BODY[caller], "model": "gemini-3-pro"}
        answer = made.answer(said, body)
        if caller == "responses":
            body["input"] = [{"role": "user", "content": "Hi"}, *answer["output"]]
        else:
            message = (
                answer["choices"][0]["message"]
                if caller == "chat"
                else {"role": "assistant", "content": answer["content"]}
            )
            body["messages"] = [*HI, message]
        assert made.request(body)["contents"][1]["parts"] == [part], caller


def test_json_schema_of_gemini_and_messages() -> None:
    format_ = {"type": "json_schema", "json_schema": {"name": "x", "schema": CITY}}
    assert to("gemini", response_format=format_)["generationConfig"]["responseMimeType"] == "application/json"


def test_no_translation_where_there_is_nothing_to_translate_or_no_way() -> None:
    assert translation("chat", "chat") is None and translation("embeddings", "embeddings") is None
    for pair in (("embeddings", "messages"), ("chat", "responses"), ("gemini", "chat"), ("chat", "gemini_embeddings")):
        with pytest.raises(RequestRefused) as refused:
            translation(*pair)  # type: ignore[arg-type]
        assert refused.value.code == "request_not_translatable"
