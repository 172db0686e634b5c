"""`slugline simulator`."""

from typing import Annotated

import typer


def simulator(port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 4546) -> None:
    """Start a provider simulator: answers like a model provider, without a model. For trying things out."""
    import uvicorn

    from proxy.simulator import simulator_app

    print(
        f"A simulator, not a model, answers on http://127.0.0.1:{port}/v1 (models: simulator-small, simulator-large)",
        flush=True,
    )
    uvicorn.run(simulator_app(), host="127.0.0.1", port=port, log_level="warning", access_log=False, lifespan="off")
