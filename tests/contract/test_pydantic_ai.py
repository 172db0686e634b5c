"""pydantic-ai against a third-party mock: what works directly works through Slugline, and with a prompt of Slugline's."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from openai import AsyncOpenAI
from pydantic import BaseModel
from pydantic_ai import Agent, BinaryContent, ModelHTTPError, NativeOutput
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from tests.contract.comparison import Seen, arrivals, less_added_usage, plain
from tests.plugins.aimock import ERRORS, Aimock
from tests.plugins.server import Server

pytestmark = pytest.mark.needs("node")


class Trip(BaseModel):
    """A structured answer."""

    city: str
    days: int


class Models:
    """Models that ask one server."""

    def __init__(self, sdk: AsyncOpenAI) -> None:
        self._provider = OpenAIProvider(openai_client=sdk)

    def chat(self, name: str = "gpt-4o") -> OpenAIChatModel:
        return OpenAIChatModel(name, provider=self._provider)

    def responses(self) -> OpenAIResponsesModel:
        return OpenAIResponsesModel("gpt-4o", provider=self._provider)


async def run(models: Models) -> Any:
    answer = await Agent(models.chat(), instructions="Be short.").run("Where is my parcel?")
    return answer.output, answer.usage.input_tokens, answer.usage.output_tokens


async def run_stream(models: Models) -> Any:
    async with Agent(models.chat()).run_stream("Where is my parcel?") as answer:
        texts = [text async for text in answer.stream_text(delta=True, debounce_by=None)]
    return texts, answer.usage.output_tokens


async def tools(models: Models) -> Any:
    return await with_tools(models.chat())


async def with_tools(model: Any) -> Any:
    agent, ran = Agent(model), []

    @agent.tool_plain
    def get_weather(city: str, days: int) -> str:
        ran.append(("get_weather", city, days))
        return "clear"

    @agent.tool_plain
    def get_time(city: str) -> str:
        ran.append(("get_time", city))
        return "noon"

    return (await agent.run("What is the weather?")).output, sorted(ran)


async def output_by_tool(models: Models) -> Any:
    answer = await Agent(models.chat(), output_type=Trip).run("Give it as a trip")
    assert answer.output == Trip(city="Paris", days=3)
    return answer.output


async def output_by_schema(models: Models) -> Any:
    answer = await Agent(models.chat(), output_type=NativeOutput(Trip)).run("Give it as JSON")
    assert answer.output == Trip(city="Paris", days=3)
    return answer.output


async def streamed_output(models: Models) -> Any:
    async with Agent(models.chat(), output_type=NativeOutput(Trip)).run_stream("Give it as JSON") as answer:
        return await answer.get_output()


async def history(models: Models) -> Any:
    agent = Agent(models.chat())
    first = await agent.run("Where is my parcel?")
    return (await agent.run("Tell it in many words", message_history=first.new_messages())).output


async def settings(models: Models) -> Any:
    given: Any = {"temperature": 0.3, "max_tokens": 99, "seed": 7, "extra_body": {"top_k": 40}, "openai_user": "u-7"}
    return (await Agent(models.chat(), model_settings=given).run("Where is my parcel?")).output


async def image(models: Models) -> Any:
    picture = BinaryContent(data=b"\x89PNG" * 99, media_type="image/png")
    return (await Agent(models.chat()).run(["My parcel?", picture])).output


async def reasons(models: Models) -> Any:
    answer = await Agent(models.chat()).run("Give your reasons")
    return [(part.part_kind, getattr(part, "content", "")) for part in answer.new_messages()[-1].parts]


async def responses(models: Models) -> Any:
    return (await Agent(models.responses()).run("Where is my parcel?")).output


async def responses_stream(models: Models) -> Any:
    async with Agent(models.responses()).run_stream("Where is my parcel?") as answer:
        return [text async for text in answer.stream_text(delta=True, debounce_by=None)]


async def responses_output(models: Models) -> Any:
    return (await Agent(models.responses(), output_type=NativeOutput(Trip)).run("Give it as JSON")).output


async def errors(models: Models) -> Any:
    seen = []
    for status in ERRORS:
        with pytest.raises(ModelHTTPError) as raised:
            await Agent(models.chat()).run(f"fail {status}")
        seen.append((raised.value.status_code, raised.value.body))
    return seen


CASES = (
    *(run, run_stream, tools, output_by_tool, output_by_schema, streamed_output, history, settings, image, reasons),
    *(responses, responses_stream, responses_output, errors),
)


def seen(case: Callable[[Models], Any], url: str, test_id: str, mock: Aimock) -> Seen:
    async def done() -> Any:
        async with AsyncOpenAI(
            base_url=url + "/v1", api_key="x", max_retries=0, default_headers={"x-test-id": test_id}
        ) as sdk:
            return await case(Models(sdk))

    return Seen(value=plain(asyncio.run(done())), arrived=arrivals(mock, test_id))


@pytest.mark.parametrize("case", CASES, ids=[case.__name__ for case in CASES])
def test_what_works_directly_works_through_slugline(
    case: Callable[[Models], Any], aimock: Aimock, aimock_server: Server, record_property: Callable[[str, object], None]
) -> None:
    record_property("contract", "pydantic-ai")
    direct = seen(case, aimock.url, f"pydantic-ai-{case.__name__}-direct", aimock)
    assert direct.value
    through = seen(case, aimock_server.url, f"pydantic-ai-{case.__name__}-through", aimock)
    assert through.value == direct.value
    if case is not errors:  # Slugline asks again while a failure may pass
        assert less_added_usage(through.arrived, direct.arrived) == direct.arrived


async def test_an_agent_whose_model_is_a_prompt(aimock: Aimock, aimock_server: Server) -> None:
    aimock_server.save("agents", "You work for {{ company }}.", model="gpt-4o")
    test_id = "pydantic-ai-prompt"
    async with AsyncOpenAI(
        base_url=aimock_server.url + "/v1", api_key="x", default_headers={"x-test-id": test_id}
    ) as sdk:
        variables: Any = {"extra_body": {"variables": {"company": "Acme"}}}
        agent = Agent(Models(sdk).chat("prompt/agents@latest"), model_settings=variables)
        assert (await agent.run("Where is my parcel?")).output
    [arrived] = await asyncio.to_thread(arrivals, aimock, test_id)
    assert arrived["body"]["model"] == "gpt-4o"
    assert arrived["body"]["messages"][0] == {"role": "system", "content": "You work for Acme."}
