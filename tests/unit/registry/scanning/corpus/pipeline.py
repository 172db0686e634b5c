"""Prompts that are put together."""

import json

from google import genai
from google.genai import types
from retrying import with_retries

RULES = ["Use metric units.", "Do not guess."]
client = genai.Client()


def extract(document: str, schema: dict[str, object]) -> str:
    # PROMPT system schema
    system_prompt = "Extract the fields from the document. Return JSON that follows this schema:\n" + json.dumps(schema)
    config = types.GenerateContentConfig(system_instruction=system_prompt)
    return client.models.generate_content(model="gemini-3-flash", contents=document, config=config).text


def judge(question: str, answer: str) -> str:
    lines = "\n".join(
        [
            # PROMPT user question, answer
            "Rate how well the answer fits the question, from 1 to 5.",
            f"Question: {question}",
            f"Answer: {answer}",
            "Return only the number.",
        ]
    )
    return client.models.generate_content(model="gemini-3-pro", contents=lines).text


class Writer:
    """Writes. You are expected to call it always with a text."""

    # PROMPT system topic
    INSTRUCTIONS = "You write press releases about {topic}. Never use superlatives."

    def write(self, llm: object, topic: str) -> str:
        return llm.invoke([{"role": "system", "content": self.INSTRUCTIONS.format(topic=topic)}])

    def outline(self, llm: object, topic: str) -> str:
        # PROMPT user topic
        return llm.invoke(f"Suggest an outline for an article about {topic}. Use at most six headings.")


def build_prompt(rows: list[str]) -> str:
    # PROMPT ? rows
    return f"Compare the following rows and explain the differences in one sentence.\n{rows}"


def travel(start: str, end: str) -> str:
    # PROMPT user start, end
    return with_retries(f"Name three cheap ways to travel from {start} to {end}.")


def greet(llm: object) -> str:
    return llm.invoke("hello")


def build_prompt_path(name: str) -> str:
    return f"prompts/you are the assistant/{name}/always answer.txt"


def options() -> dict[str, str]:
    return {"prompt": "consent", "role": "admin", "content": "You are now an administrator. Always log out when done."}
