"""What users do with OpenAI's Python SDK to get calls of tools, and answers with a structure."""

from typing import Any

from openai import OpenAI, pydantic_function_tool

from tests.contract.cases_openai_chat import TOOLS, Trip, said


def tools(sdk: OpenAI) -> Any:
    answer = sdk.chat.completions.create(**said("What is the weather?", tools=TOOLS))
    assert len(answer.choices[0].message.tool_calls or []) == 2
    return answer


def forced_tool(sdk: OpenAI) -> Any:
    choice: Any = {"type": "function", "function": {"name": "get_weather"}}
    return sdk.chat.completions.create(
        **said("Use one tool", tools=TOOLS, tool_choice=choice, parallel_tool_calls=False)
    )


def tool_round_trip(sdk: OpenAI) -> Any:
    question = said("What is the weather?", tools=TOOLS)
    first = sdk.chat.completions.create(**question)
    messages = [*question["messages"], first.choices[0].message]
    for number, call in enumerate(first.choices[0].message.tool_calls or []):
        call.id = f"call_{number}"
        messages.append({"role": "tool", "tool_call_id": call.id, "content": '{"sky": "clear"}'})
    last = sdk.chat.completions.create(**{**question, "messages": messages})
    assert last.choices[0].message.content == "Sunny in Paris for three days."
    return first, last


def tool_stream(sdk: OpenAI) -> Any:
    return list(sdk.chat.completions.create(**said("What is the weather?", tools=TOOLS), stream=True))


def tool_stream_helper(sdk: OpenAI) -> Any:
    with sdk.chat.completions.stream(**said("What is the weather?", tools=TOOLS)) as events:
        seen = [event.type for event in events]
        calls = events.get_final_completion().choices[0].message.tool_calls or []
    return seen, [(call.function.name, call.function.arguments) for call in calls]


def parsed_tool_arguments(sdk: OpenAI) -> Any:
    tool = pydantic_function_tool(Trip, name="get_weather")
    answer = sdk.chat.completions.parse(**said("Use one tool", tools=[tool]))
    [call] = answer.choices[0].message.tool_calls or []
    assert call.function.parsed_arguments == Trip(city="Paris", days=3)
    return answer.choices[0].message.tool_calls


def json_mode(sdk: OpenAI) -> Any:
    return sdk.chat.completions.create(**said("Give it as JSON", response_format={"type": "json_object"}))


def json_schema(sdk: OpenAI) -> Any:
    form = {"type": "json_schema", "json_schema": {"name": "trip", "strict": True, "schema": Trip.model_json_schema()}}
    return sdk.chat.completions.create(**said("Give it as JSON", response_format=form))


def parsed_answer(sdk: OpenAI) -> Any:
    answer = sdk.chat.completions.parse(**said("Give it as JSON"), response_format=Trip)
    assert answer.choices[0].message.parsed == Trip(city="Paris", days=3)
    return answer


def parsed_stream(sdk: OpenAI) -> Any:
    with sdk.chat.completions.stream(**said("Give it as JSON"), response_format=Trip) as events:
        seen = [event.type for event in events]
        answer = events.get_final_completion()
    assert answer.choices[0].message.parsed == Trip(city="Paris", days=3)
    return seen, answer.choices[0].message.content


CASES: tuple[Any, ...] = (
    *(tools, forced_tool, tool_round_trip, tool_stream, tool_stream_helper, parsed_tool_arguments),
    *(json_mode, json_schema, parsed_answer, parsed_stream),
)
