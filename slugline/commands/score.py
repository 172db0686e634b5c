"""`slugline score`: give a score to a call, here or on a server."""

from datetime import datetime
from typing import Annotated

import typer

from slugline.commands.options import Config, Data, Server

TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]


def score(
    call_id: Annotated[
        str,
        typer.Argument(
            help="The call's id (response header x-slugline-call-id); a trace's or the app's own id with --by.",
            show_default=False,
        ),
    ],
    name: Annotated[str, typer.Argument(help="What is scored, such as helpful.", show_default=False)],
    value: Annotated[
        str, typer.Argument(help="true, false, a number, a category's name, or a text.", show_default=False)
    ],
    by: Annotated[str, typer.Option(help="What the id is: call, trace, or external (the app's own).")] = "call",
    kind: Annotated[str, typer.Option(help="bool, number, category or text (default: by the value).")] = "",
    comment: Annotated[str, typer.Option(help="A remark.")] = "",
    source: Annotated[str, typer.Option(help="Who scored: human, code, judge or user.")] = "human",
    time: Annotated[datetime | None, typer.Option(formats=TIMES, help="When it was given (default: now).")] = None,
    id_: Annotated[str, typer.Option("--id", help="The same id again replaces the score.")] = "",
    data: Data = None,
    config: Config = None,
    server: Server = None,
) -> None:
    """Score a call."""
    from slugline.acting import local_user
    from slugline.clock import new_id
    from slugline.commands.score_access import score_access
    from slugline.settings import SettingsError

    if by not in {"call", "trace", "external"}:
        raise SettingsError(f"--by takes call, trace or external, not {by!r}")
    posted = {
        f"{by}_id": call_id,
        "name": name,
        "value": read_value(value, kind),
        "comment": comment,
        "source": source,
        "scorer": local_user(),
        "id": id_ or new_id(),
        **({"kind": kind} if kind else {}),
        **({"ts": time.astimezone().isoformat()} if time else {}),
    }
    with score_access(data, config, server) as access:
        score_id = access.post(posted)
    print(f"scored {call_id}: {name} = {value} (score {score_id})")


def read_value(text: str, kind: str = "") -> bool | float | str:
    """What a value on the command line means: true and false, a number, or else a string. For a category or a text it is a string."""
    if kind in {"category", "text"}:
        return text
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    try:
        return float(text)
    except ValueError:
        return text
