"""`slugline calls`: the record, newest first, and one call in full."""

from __future__ import annotations

import asyncio
import json as jsonlib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slugline.commands.options import Config, Data, Json, print_json, print_rows, settings_for

if TYPE_CHECKING:
    from slugline.settings import Settings

_LIST = """
SELECT call_id, ts, prompt, version, channel, outcome, status, model_served, duration_ms, input_tokens, output_tokens, cost
FROM calls
WHERE ({prompt:String} = '' OR prompt = {prompt:String})
  AND ({version:UInt32} = 0 OR version = {version:UInt32})
  AND ({outcome:String} = '' OR outcome = {outcome:String})
ORDER BY ts DESC
LIMIT {limit:UInt32}
"""
_ONE = "SELECT * FROM calls WHERE call_id = {call_id:UUID} LIMIT 1"
_SCORES = (
    "SELECT name, value, label, source, scorer, comment, ts FROM scores WHERE call_id = {call_id:UUID} ORDER BY ts"
)
_BODIES = ("params", "attempts", "variables", "request", "response")


def build() -> typer.Typer:
    """The group `slugline calls`."""
    group = typer.Typer(help="The recorded calls.", invoke_without_command=True, no_args_is_help=False)

    @group.callback(invoke_without_command=True)
    def calls(
        context: typer.Context,
        prompt: Annotated[str, typer.Option(help="Only this prompt's.")] = "",
        version: Annotated[int, typer.Option(help="Only this version's.")] = 0,
        outcome: Annotated[str, typer.Option(help="ok, refused, provider_error, timeout or client_left.")] = "",
        limit: Annotated[int, typer.Option(min=1, max=10_000)] = 20,
        json: Json = False,
        data: Data = None,
        config: Config = None,
    ) -> None:
        """List calls, newest first."""
        if context.invoked_subcommand is None:
            parameters = {"prompt": prompt, "version": version, "outcome": outcome, "limit": limit}
            asyncio.run(_list(parameters, json, settings_for(data, config)))

    @group.command()
    def show(
        call_id: Annotated[str, typer.Argument(help="The call's id.", show_default=False)],
        data: Data = None,
        config: Config = None,
    ) -> None:
        """Show one call in full, with its scores, as JSON."""
        asyncio.run(_show(call_id, settings_for(data, config)))

    return group


async def _list(parameters: dict[str, Any], as_json: bool, settings: Settings) -> None:
    from slugline.records import open_records

    async with open_records(settings) as records:
        rows = (await records.query(_LIST, parameters)).dicts()
    if as_json:
        print_json(rows)
        return
    columns = ("time (UTC)", "call", "prompt", "channel", "outcome", "model served", "ms", "tokens", "cost $")
    print_rows(columns, [_cells(row) for row in rows])


def _cells(row: dict[str, Any]) -> list[str]:
    return [
        f"{row['ts']:%Y-%m-%d %H:%M:%S}",
        str(row["call_id"]),
        f"{row['prompt']}@{row['version']}" if row["prompt"] else "–",
        row["channel"] or "–",
        row["outcome"] if row["outcome"] == "ok" else f"{row['outcome']} {row['status']}",
        row["model_served"] or "–",
        f"{row['duration_ms']:.0f}",
        f"{_shown(row['input_tokens'])}→{_shown(row['output_tokens'])}",
        _shown(row["cost"]),
    ]


async def _show(call_id: str, settings: Settings) -> None:
    from slugline.records import open_records
    from slugline.settings import SettingsError

    async with open_records(settings) as records:
        found = (await records.query(_ONE, {"call_id": call_id})).dicts()
        scores = (await records.query(_SCORES, {"call_id": call_id})).dicts()
    if not found:
        raise SettingsError(f"no call {call_id} on record (a call shows about a second after its answer)")
    call = found[0]
    for name in _BODIES:
        call[name] = _parsed(call[name])
    print_json({**call, "scores": scores})


def _parsed(text: str) -> Any:
    try:
        return jsonlib.loads(text)
    except ValueError:
        return text


def _shown(value: Any) -> str:
    return "–" if value is None else str(value)
