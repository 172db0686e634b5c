"""Frameworks."""

import textwrap

import anthropic
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate
from pydantic_ai import Agent, RunContext

# PROMPT system
agent = Agent("openai:gpt-5", instructions="Use the tools to book trains. Ask when a date is missing.")


@agent.system_prompt
def who(ctx: RunContext[str]) -> str:
    # PROMPT system deps
    return f"The traveller is called {ctx.deps}. Always greet them by name, and answer in short sentences."


chat = ChatPromptTemplate.from_messages(
    [
        # PROMPT system subject
        ("system", "You teach {subject} to children of ten years."),
        # PROMPT user question
        ("human", "Explain this in simple words: {question}"),
    ]
)

summary = PromptTemplate.from_template(
    # PROMPT user text, count
    "Summarize the following text in {count} bullet points:\n\n{text}\n\nKeep {{braces}} as they are."
)

messages = [
    # PROMPT system
    SystemMessage(content="Translate what the user writes into French."),
    HumanMessage(content="Good morning"),
]

reply = anthropic.Anthropic().messages.create(
    model="claude-sonnet-4-5",
    max_tokens=500,
    # PROMPT system
    system=textwrap.dedent("""
        You review contracts for a law firm.
        List every clause that a tenant should know about.
    """),
    messages=messages,
)

parts = anthropic.Anthropic().messages.create(
    model="claude-sonnet-4-5",
    max_tokens=500,
    # PROMPT system
    system=[{"type": "text", "text": "You grade essays. Give a mark from 1 to 6 and one sentence of reasons."}],
    messages=messages,
)
