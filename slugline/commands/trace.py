"""`slugline trace`: one trace as a tree of the app's spans and its calls."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slugline.commands.options import Config, Data, Json, Server, print_json, settings_for

if TYPE_CHECKING:
    from slugline.settings import Settings


def trace(
    trace_id: Annotated[str, typer.Argument(help="The trace's id, 32 hex digits.", show_default=False)],
    json: Json = False,
    data: Data = None,
    config: Config = None,
    server: Server = None,
) -> None:
    """Show a trace: agents, tools and retrieval, and each call among them with its prompt version."""
    here = server is None and (data is not None or config is not None)
    url = "" if here else server or os.environ.get("SLUGLINE_URL", "")
    found = _asked(url, trace_id) if url else asyncio.run(_read(trace_id, settings_for(data, config)))
    if json:
        print_json(found)
        return
    for line in lines(found["nodes"]):
        print(line)
    if found["truncated"]:
        print("… (the trace is larger than what is shown)")


def lines(nodes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The tree in text, a line a node; `nodes` stand in the order of the tree, each with its depth."""
    open_at: list[bool] = []
    for node, ends in zip(nodes, _last_ones(nodes), strict=True):
        depth = node["depth"]
        del open_at[depth:]
        branch = "".join("   " if each else "│  " for each in open_at[1:])
        branch += ("└─ " if ends else "├─ ") if depth else ""
        open_at.append(ends)
        yield f"{branch}{_told(node)}"


def _last_ones(nodes: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Whether each node is the last child of its parent."""
    last: list[bool] = []
    later: list[bool] = []  # by depth, whether a sibling follows
    for node in reversed(nodes):
        depth = node["depth"]
        del later[depth + 1 :]
        later += [False] * (depth + 1 - len(later))
        last.append(not later[depth])
        later[depth] = True
    return last[::-1]


def _told(node: Mapping[str, Any]) -> str:
    call = node["call"]
    parts = [_printable(node["name"])]
    if call is not None and call["prompt"]:
        parts.append(f"[{call['prompt']}@{call['version']}{' ' + call['channel'] if call['channel'] else ''}]")
    parts.append(f"{node['duration_ms']:,.0f} ms")
    if call is not None:
        tokens = (call["input_tokens"], call["output_tokens"])
        if any(each is not None for each in tokens):
            parts.append("→".join("–" if each is None else str(each) for each in tokens) + " tokens")
        parts.append(f"call {call['call_id']}")
    elif node["service"]:
        parts.append(f"({_printable(node['service'])})")
    if node["status"] == "error":
        parts.append(f"ERROR {_printable(node['status_message'])}".rstrip())
    return "  ".join(parts)


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)[:200]


def _asked(url: str, trace_id: str) -> dict[str, Any]:
    from urllib.parse import quote

    from slugline.client import ServerClient

    client = ServerClient(url, key=os.environ.get("SLUGLINE_KEY", "").strip())
    try:
        found: dict[str, Any] = client.get(f"/api/traces/{quote(trace_id, safe='')}")
        return found
    finally:
        client.close()


async def _read(trace_id: str, settings: Settings) -> dict[str, Any]:
    from slugline.records import open_records
    from slugline.settings import SettingsError
    from tracing.telemetry.api import TRACE_ID, TraceModel
    from tracing.telemetry.tree import trace_tree

    if not TRACE_ID.fullmatch(trace_id):
        raise SettingsError(f"a trace id is 32 hex digits, as in traceparent, not {trace_id[:100]!r}")
    async with open_records(settings) as records:
        found = await trace_tree(records, trace_id)
    if found is None:
        raise SettingsError(f"nothing of trace {trace_id} is on record (it shows about a second after it came)")
    return TraceModel.model_validate(found, from_attributes=True).model_dump(mode="json")
