"""What users do with langchain-openai."""

from typing import Any

from cases import do_all, told
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel


class Trip(BaseModel):
    """A structured answer."""

    city: str
    days: int


@tool
def get_weather(city: str, days: int = 1) -> str:
    """The weather in a city."""
    return f"clear in {city}"


@tool
def get_time(city: str) -> str:
    """The time in a city."""
    return f"noon in {city}"


class Made:
    """Makes models and embeddings that ask one server."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self.options: dict[str, Any] = {
            "base_url": url,
            "api_key": "sk-of-the-caller",
            "max_retries": 0,
            "default_headers": headers,
        }

    def chat(self, model: str = "gpt-4o", **more: Any) -> ChatOpenAI:
        return ChatOpenAI(model=model, **{**self.options, **more})

    def embeddings(self) -> OpenAIEmbeddings:
        # Counting tokens first would download a vocabulary.
        return OpenAIEmbeddings(model="text-embedding-3-small", check_embedding_ctx_length=False, **self.options)


def told_of(message: Any) -> dict[str, Any]:
    kept = ("content", "tool_calls", "usage_metadata", "additional_kwargs", "response_metadata")
    return {name: _less_ids(getattr(message, name, None)) for name in kept}


def _less_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _less_ids(each) for key, each in value.items() if key not in {"id", "created_at", "headers"}}
    return [_less_ids(each) for each in value] if isinstance(value, list) else value


def invoke(made: Made) -> Any:
    return told_of(made.chat().invoke([SystemMessage("Be short."), HumanMessage("Where is my parcel?")]))


def stream(made: Made) -> Any:
    return [told_of(chunk) for chunk in made.chat().stream("Where is my parcel?")]


def stream_with_usage(made: Made) -> Any:
    chunks = list(made.chat(stream_usage=True).stream("Where is my parcel?"))
    assert any(chunk.usage_metadata for chunk in chunks)
    return [told_of(chunk) for chunk in chunks]


def batch(made: Made) -> Any:
    return [told_of(each) for each in made.chat().batch(["Where is my parcel?", "Tell it in many words"])]


async def asynchronous(made: Made) -> Any:
    model = made.chat()  # LangChain keeps one connection pool for all of them, which lives as long as its event loop
    whole = told_of(await model.ainvoke("Where is my parcel?"))
    return whole, [told_of(chunk) async for chunk in model.astream("Where is my parcel?")]


def tools(made: Made) -> Any:
    answer = made.chat().bind_tools([get_weather, get_time]).invoke("What is the weather?")
    assert [call["name"] for call in answer.tool_calls] == ["get_weather", "get_time"]
    return told_of(answer)


def tool_stream(made: Made) -> Any:
    whole: Any = None
    for chunk in made.chat().bind_tools([get_weather, get_time]).stream("What is the weather?"):
        whole = chunk if whole is None else whole + chunk
    assert whole.tool_calls[0]["args"] == {"city": "Paris", "days": 3}
    return told_of(whole)


def tool_round_trip(made: Made) -> Any:
    model = made.chat().bind_tools([get_weather, get_time])
    first = model.invoke("What is the weather?")
    calls = [{**call, "id": f"call_{number}"} for number, call in enumerate(first.tool_calls)]
    results = [ToolMessage("clear", tool_call_id=call["id"]) for call in calls]
    return told_of(
        model.invoke([HumanMessage("What is the weather?"), AIMessage(first.content, tool_calls=calls), *results])
    )


def structured(made: Made) -> Any:
    answer = made.chat().with_structured_output(Trip).invoke("Give it as JSON")
    assert answer == Trip(city="Paris", days=3)
    return answer


def structured_by_tool(made: Made) -> Any:
    answer = made.chat().with_structured_output(Trip, method="function_calling").invoke("Give it as a trip")
    assert answer == Trip(city="Paris", days=3)
    return answer


def json_mode(made: Made) -> Any:
    return made.chat().with_structured_output(Trip, method="json_mode").invoke("Give it as JSON")


def settings(made: Made) -> Any:
    return told_of(
        made.chat(
            temperature=0.3,
            max_tokens=100,
            seed=7,
            n=1,
            logprobs=True,
            model_kwargs={"user": "u-7"},
            extra_body={"top_k": 40},
            metadata={"team": "orders"},
        ).invoke("Where is my parcel?")
    )


def image_part(made: Made) -> Any:
    image = {"type": "image", "source_type": "base64", "mime_type": "image/png", "data": "iVBORw0KGgo="}
    return told_of(made.chat().invoke([HumanMessage([{"type": "text", "text": "My parcel?"}, image])]))


def responses(made: Made) -> Any:
    return told_of(made.chat(use_responses_api=True).invoke("Where is my parcel?"))


def responses_stream(made: Made) -> Any:
    whole: Any = None
    for chunk in made.chat(use_responses_api=True).stream("Where is my parcel?"):
        whole = chunk if whole is None else whole + chunk
    return whole.text


def embed(made: Made) -> Any:
    return [made.embeddings().embed_query("parcel"), made.embeddings().embed_documents(["a", "b"])]


def errors(made: Made) -> Any:
    seen = {}
    for status in (400, 401, 403, 404, 409, 422, 429, 500, 503):
        try:
            made.chat().invoke(f"fail {status}")
        except Exception as error:
            seen[status] = told(error)
    return seen


def left_stream(made: Made) -> Any:
    for chunk in made.chat().stream("Tell it slowly"):
        return chunk.content is not None
    return False


CASES = (
    *(invoke, stream, stream_with_usage, batch, asynchronous),
    *(tools, tool_stream, tool_round_trip, structured, structured_by_tool, json_mode, settings, image_part),
    *(responses, responses_stream, embed, errors, left_stream),
)


def prompt_by_model_name(made: Made) -> Any:
    model = made.chat("prompt/clients@latest", extra_body={"variables": {"company": "Acme"}})
    return [model.invoke("Where is my parcel?").content, [chunk.content for chunk in model.stream("My parcel?")]]


def prompt_by_body(made: Made) -> Any:
    prompt = {"id": "clients", "version": 1, "variables": {"company": "Acme"}}
    return made.chat("prompt", extra_body={"prompt": prompt}).invoke("Where is my parcel?").content


PROMPTS = (prompt_by_model_name, prompt_by_body)

if __name__ == "__main__":
    do_all((*CASES, *PROMPTS), Made)
