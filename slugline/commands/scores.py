"""`slugline scores`: list scores, show one with its history, take one away; here or on a server."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from slugline.commands import score_files
from slugline.commands.options import Config, Data, Json, Server, print_json, print_rows
from slugline.commands.score import TIMES

Id = Annotated[str, typer.Argument(help="The score's id.", show_default=False)]
Time = Annotated[datetime | None, typer.Option(formats=TIMES)]


def build() -> typer.Typer:
    """The group `slugline scores`."""
    group = typer.Typer(help="Scores: list, show with their history, delete, move as files.", no_args_is_help=True)
    group.command("list")(list_scores)
    group.command("show")(show)
    group.command("delete")(delete)
    group.command("export")(score_files.export)
    group.command("import")(score_files.import_)
    return group


def list_scores(
    prompt: Annotated[str, typer.Option(help="Only this prompt's.")] = "",
    version: Annotated[int, typer.Option(min=0, help="Only this version's.")] = 0,
    call: Annotated[str, typer.Option(help="Only this call's.")] = "",
    trace: Annotated[str, typer.Option(help="Only this trace's.")] = "",
    name: Annotated[str, typer.Option(help="Only scores of this name.")] = "",
    source: Annotated[str, typer.Option(help="Only from human, code, judge or user.")] = "",
    scorer: Annotated[str, typer.Option(help="Only this scorer's.")] = "",
    orphans: Annotated[bool, typer.Option("--orphans", help="Only scores whose call is not on record.")] = False,
    since: Time = None,
    until: Time = None,
    after: Annotated[str, typer.Option(help="Go on where a page ended.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    json: Json = False,
    data: Data = None,
    config: Config = None,
    server: Server = None,
) -> None:
    """List scores, newest first."""
    from slugline.commands.score_access import score_access

    with score_access(data, config, server) as access:
        page = access.page(
            prompt=prompt,
            version=version,
            call_id=call,
            trace_id=trace,
            name=name,
            source=source,
            scorer=scorer,
            orphan=True if orphans else None,
            since=since.astimezone() if since else None,
            until=until.astimezone() if until else None,
            after=after,
            limit=limit,
        )
    if json:
        print_json(page)
        return
    columns = ("time (UTC)", "score", "of", "prompt", "name", "value", "source", "scorer", "comment")
    print_rows(columns, [_cells(score) for score in page["scores"]])
    if page["next"]:
        print(f"more: --after '{page['next']}'")


def show(
    score_id: Id,
    data: Data = None,
    config: Config = None,
    server: Server = None,
) -> None:
    """Show a score with all that was posted of it, as JSON."""
    from slugline.commands.score_access import score_access

    with score_access(data, config, server) as access:
        print_json(access.show(score_id))


def delete(
    score_ids: Annotated[list[str], typer.Argument(help="Ids of scores.", show_default=False)],
    data: Data = None,
    config: Config = None,
    server: Server = None,
) -> None:
    """Take scores away. What was posted stays in their history."""
    from slugline.commands.score_access import score_access

    with score_access(data, config, server) as access:
        for score_id in score_ids:
            access.delete(score_id)
            print(f"deleted {score_id}")


def _cells(score: dict[str, Any]) -> list[str]:
    value = score["value"]
    shown = (
        "–"
        if value is None
        else str(value).lower()
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else value
    )
    return [
        score["ts"][:19].replace("T", " "),
        score["id"],
        f"{score['target_kind']} {score['target']}" + (" (not on record)" if score["orphan"] else ""),
        f"{score['prompt']}@{score['version']}" if score["prompt"] else "–",
        score["name"],
        " ".join(shown.split()),
        score["source"],
        " ".join(part for part in (score["scorer"], score["scorer_version"]) if part) or "–",
        " ".join(score["comment"].split())[:60],
    ]
