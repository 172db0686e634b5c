"""`slugline prompt status`: the four questions about one prompt at once. What runs, who put it there and what changed, how to try what
is newer before users see it, and how to go back.

Asks the registry, and says it. How the answers are put together is `slugline.prompt_status`.
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
    lines = [_heading(found.prompt), "", "What runs"]
    for channel in found.channels:
        lines += _channel(channel)
    if not any(channel.name == "stable" for channel in found.channels):
        lines.append("  stable    nothing yet: calls that name no version are refused")
    lines += ["", "What changed"]
    for channel in found.channels:
        if channel.changes is not None:
            lines += [f"  {channel.changes.old} → {channel.changes.new} ({channel.name})"]
            lines += [f"    • {sentence}" for sentence in channel.changes.sentences]
    if all(channel.changes is None for channel in found.channels):
        lines.append("  nothing yet: every channel is on its first version")
    lines += ["", f"Try version {found.newest.number}, the newest, before users do", f"  {found.trial}"]
    if found.missing:
        lines += ["", "Then promote it", *(f"  first: {sentence}" for sentence in found.missing)]
    elif found.promote:
        lines += ["", "Then promote it", f"  {found.promote}"]
    lines += ["", "Roll back"]
    ways = [channel for channel in found.channels if channel.rollback]
    lines += [f"  {channel.rollback}   (back to version {channel.before})" for channel in ways]
    if not ways:
        lines.append("  nothing was live before")
    return lines


def _heading(prompt: Prompt) -> str:
    about = [prompt.slug, prompt.purpose, f"owner {prompt.owner}" if prompt.owner else "", ", ".join(prompt.tags)]
    if prompt.archived_at is not None:
        about.append(f"archived by {prompt.archived_by}: nothing about it changes until `slugline prompt restore`")
    return "  ·  ".join(part for part in about if part)


def _channel(channel: ChannelStatus) -> list[str]:
    from slugline.commands.words import arms_in_words, moment

    arms = arms_in_words(channel.split, channel.asked_at)
    lines = [f"  {channel.name:<9} version {channel.version}{f', {arms}' if arms else ''}"]
    why = f": {channel.reason}" if channel.reason else ""
    lines.append(f"{'':<12}{channel.action} by {channel.by} at {moment(channel.since)} UTC{why}")
    return lines
