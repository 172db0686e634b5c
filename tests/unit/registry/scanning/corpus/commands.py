"""A command line and a web page: their texts are for people."""

import argparse
import warnings

import click
import typer
from pydantic import BaseModel, Field


class Settings(BaseModel):
    """Settings."""

    prompt: str = Field(
        description="The system prompt. You should always write it in English, and never leave it empty."
    )
    tone: str = "friendly"


@click.command()
@click.option("--name", prompt="What is your name, and what should the assistant call you?")
@click.option("--text", help="The text that you want the assistant to summarise. Answer in full sentences.")
def hello(name: str, text: str) -> None:
    """Say hello. You are greeted by name, always; the answer comes in the following line."""
    click.echo(f"Hello {name}, your task is done. You should always check the output of the assistant.")
    if typer.confirm("You are about to delete the following conversation. Are you sure that you want to continue?"):
        typer.echo("Do not worry: the conversation is still there. Always make a copy first.")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description="Answer questions. You must give the text in the following file.")
    made.add_argument("--prompt", help="what to ask the assistant; you should always write in English", default="")
    return made


def ask() -> str:
    warnings.warn(
        "You should never call this: always use the assistant instead, with the following text.", stacklevel=2
    )
    return input("Please write your question for the assistant, and make sure that it is in English: ")


def check(value: str) -> None:
    assert value, "You must always give a value; do not leave the answer empty"
    if value == "You are a helpful assistant. Always answer in JSON.":
        raise SystemExit("the default is not allowed here")


EMAIL = """Dear customer,

thank you for your order. You will receive a message when it is on its way.
If you have any question, reply to this e-mail.

Your team
"""
STORY = "Once upon a time there was an assistant who always answered the questions of the king, and never lied."
SQL = """
    SELECT question, answer
    FROM calls
    WHERE role = 'assistant' -- always answer
"""
REGEX = r"^(?:you are|your task is)\s+(?P<role>[a-z ]+)\.?$"
URL = "https://example.com/prompts/you-are-a-helpful-assistant"
ERRORS = {
    "too_long": "The text is too long: it must have at most 500 words. Make sure that you do not paste it twice.",
    "no_answer": "The assistant could not answer your question.",
}
CODE = "def answer(question):\n    return 'You are an assistant, always respond in JSON'\n"
