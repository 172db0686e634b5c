"""`slugline demo`."""

import os
import sys
from typing import Annotated

import typer

REAL_MODELS = {
    "OPENAI_API_KEY": "gpt-4o-mini",
    "MISTRAL_API_KEY": "mistral-small-latest",
    "DEEPSEEK_API_KEY": "deepseek-chat",
}


def demo(
    model: Annotated[
        str,
        typer.Option(
            help="simulator, smollm2 (a small real model on this CPU), or a model of a provider whose key is set."
        ),
    ] = "",
    keep: Annotated[bool, typer.Option("--keep", help="Leave the server up at the end.")] = False,
    rounds: Annotated[int, typer.Option(min=1, max=1000, help="Calls to each version.")] = 16,
) -> None:
    """Show the whole product in a temporary folder: two versions, traffic, scores, quality by version."""
    from slugline.demo import run

    chosen = model or "simulator"
    if not model:
        for variable, name in REAL_MODELS.items():
            if os.environ.get(variable):
                print(f"{variable} is set: `--model {name}` would ask the real provider. This run asks the simulator.")
                break
    try:
        run(model=chosen, keep=keep, rounds=rounds)
    except RuntimeError as error:
        print(f"slugline demo: {error}", file=sys.stderr)
        sys.exit(1)
