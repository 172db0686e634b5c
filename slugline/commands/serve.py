"""`slugline serve`."""

import sys
from typing import Annotated

import typer

from slugline.commands.options import Config, Data, settings_for


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (default 127.0.0.1).")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port for /v1, /api and the pages (default 4545; 0 takes a free one).")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes (default: one a core, 4 at most).")] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Start the server: proxy, registry, records and pages on one port."""
    from slugline.process import set_up_logging
    from slugline.supervisor import Supervisor

    settings = settings_for(data, config, host=host, port=port, workers=workers)
    set_up_logging("server", settings.log_level)
    sys.exit(Supervisor(settings).run())
