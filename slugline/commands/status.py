"""`slugline prompt status`: the four questions about one prompt at once. What runs, who put it there and what changed, how to try what
is newer before users see it, and how to go back.

Prints. How the answers are put together is `slugline.prompt_status`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from slugline.commands.options import Config, Data, Json, Server, Slug, access_for, print_json

if TYPE_CHECKING:
    from registry.values import Prompt
    from slugline.prompt_status import ChannelStatus, PromptStatus


def status(slug: Slug, json: Json = False, server: Server = None, data: Data = None, config: Config = None) -> None:
    """What runs, who put it there and why, what changed, how to try the newest before users do, and how to roll back."""
    from slugline.prompt_status import status_of

    with access_for(data, config, server) as access:
        found = status_of(access, slug)
    if json:
        print_json(found.to_json())
    else:
        print("\n".join(_lines(found)))


def _lines(found: PromptStatus) -> list[str]:
    return [
        _heading(found.prompt),
        *_part("What runs", [*_nothing_yet(found), *(line for each in found.channels for line in _channel(each))]),
        *_part("What changed", _changes(found) or ["nothing: every channel is on its first version"]),
        *_part(f"Try version {found.newest.number}, the newest, before users do", [found.trial]),
        *(_part("Then promote it", [*found.missing, f"next: {found.next}"]) if found.next else []),
        *_part(
            "Roll back",
            [f"{each.rollback}   (back to version {each.before})" for each in found.channels if each.rollback]
            or ["nothing was live before"],
        ),
    ]


def _part(title: str, lines: list[str]) -> list[str]:
    return ["", title, *(f"  {line}" for line in lines)]


def _heading(prompt: Prompt) -> str:
    about = [prompt.slug, prompt.purpose, f"owner {prompt.owner}" if prompt.owner else "", ", ".join(prompt.tags)]
    if prompt.archived_at is not None:
        again = f"`slugline prompt restore {prompt.slug}`"
        about.append(f"archived by {prompt.archived_by}: nothing about it changes until {again}")
    return "  ·  ".join(part for part in about if part)


def _nothing_yet(found: PromptStatus) -> list[str]:
    if "stable" in found.prompt.channels:
        return []
    return ["stable    nothing yet: calls that name no version are refused"]


def _channel(channel: ChannelStatus) -> list[str]:
    from slugline.commands.words import arms_in_words, moment

    arms = arms_in_words(channel.split, channel.asked_at)
    moves = [channel.placed] if channel.placed == channel.moved else [channel.placed, channel.moved]
    lines = [f"{channel.name:<9} version {channel.version}{f', {arms}' if arms else ''}"]
    for each in moves:
        why = f": {each.reason}" if each.reason else ""
        lines.append(f"{'':<9} {each.action} by {each.by} at {moment(each.at)} UTC{why}")
    return lines


def _changes(found: PromptStatus) -> list[str]:
    lines = []
    for channel in found.channels:
        if channel.changes is not None:
            lines += [f"{channel.changes.old} → {channel.changes.new} ({channel.name})"]
            lines += [f"  • {sentence}" for sentence in channel.changes.sentences]
    return lines
