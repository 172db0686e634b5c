"""`slugline prompt`: the registry from the command line. Works on the registry itself, with a server running or not."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slugline.commands.fragments import impact, users
from slugline.commands.options import (
    Because,
    Config,
    Data,
    Json,
    Slug,
    open_registry,
    print_json,
    print_rows,
    settings_for,
)

if TYPE_CHECKING:
    from registry.values import HistoryEntry, Move, Version

Channel = Annotated[str, typer.Option(help="The channel to move.")]


def build() -> typer.Typer:
    """The group `slugline prompt`."""
    group = typer.Typer(help="Prompts, their versions and channels.", no_args_is_help=True)
    for command in (save, list_, show, diff, promote, rollback, history, users, impact):
        group.command(command.__name__.rstrip("_"))(command)
    return group


def save(
    slug: Slug,
    file: Annotated[
        str | None, typer.Option(help="A .prompty, .yaml, .json or text file; - reads standard input.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="A plain system prompt.")] = None,
    message: Because = "",
    model: Annotated[str | None, typer.Option(help="The model, where the file names none.")] = None,
    author: Annotated[str | None, typer.Option(help="Who wrote it (default: you).")] = None,
    json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Save a new version; the channel latest follows, stable stays where it is."""
    from registry.files import read_prompt_file, text_content
    from slugline.settings import SettingsError

    if (file is None) == (text is None):
        raise SettingsError("say what to save: --file FILE (- for standard input) or --text TEXT")
    content = text_content(text) if text is not None else read_prompt_file(*_read(file or "-")).content
    if model and not content.model:
        content = replace(content, model=model)
    registry = open_registry(settings_for(data, config))
    saved = registry.store.save(slug, content, message=message, author=author, by=registry.by)
    version = saved.version
    if json:
        print_json(
            {"slug": slug, "version": version.number, "version_id": version.version_id, "created": saved.created}
        )
    elif saved.created:
        print(f"saved {slug} as version {version.number}; latest points to it")
    else:
        print(f"unchanged: {slug} has this as version {version.number} already")


def list_(json: Json = False, data: Data = None, config: Config = None) -> None:
    """List prompts with what is live."""
    prompts = open_registry(settings_for(data, config)).store.prompts()
    if json:
        print_json(
            [{"slug": p.slug, "channels": dict(p.channels), "owner": p.owner, "purpose": p.purpose} for p in prompts]
        )
        return
    print_rows(
        ("prompt", "stable", "latest", "other channels", "owner", "purpose"),
        [
            (
                p.slug,
                _number(p.channels.get("stable")),
                _number(p.channels.get("latest")),
                ", ".join(
                    f"{name} {number}"
                    for name, number in sorted(p.channels.items())
                    if name not in {"stable", "latest"}
                ),
                p.owner,
                p.purpose,
            )
            for p in prompts
        ],
    )


def show(
    reference: Annotated[str, typer.Argument(help="slug, slug@channel or slug@number.", show_default=False)],
    json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Show a version, as a .prompty file that can be saved again."""
    from registry.content import as_mapping
    from registry.files import to_prompty

    version = _version(reference, data, config)
    if json:
        fields = {
            name: getattr(version, name) for name in ("version_id", "content_hash", "author", "message", "created_at")
        }
        print_json({"slug": version.slug, "version": version.number, **fields, "content": as_mapping(version.content)})
    else:
        print(to_prompty(version), end="")


def diff(
    old: Annotated[str, typer.Argument(help="slug, slug@channel or slug@number.", show_default=False)],
    new: Annotated[
        str, typer.Argument(help="Another reference; without the slug, such as @latest, of the same prompt.")
    ] = "@latest",
    data: Data = None,
    config: Config = None,
) -> None:
    """Say what changed between two versions, in words."""
    from registry.diff import as_text
    from registry.diff import diff as compare

    before = _version(old, data, config)
    after = _version(before.slug + new if new.startswith("@") else new, data, config)
    print(as_text(compare(before, after)), end="")


def promote(
    slug: Slug,
    message: Because,
    version: Annotated[int | None, typer.Argument(help="The version's number (default: the newest).")] = None,
    channel: Channel = "stable",
    json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Move a channel to a version. The next request is served by it."""
    registry = open_registry(settings_for(data, config))
    _moved(registry.store.promote(slug, version, channel=channel, reason=message, by=registry.by), json)


def rollback(
    slug: Slug,
    message: Because,
    to: Annotated[int | None, typer.Option(help="The version (default: the one that was live before).")] = None,
    channel: Channel = "stable",
    json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Move a channel back. The next request is served by the earlier version."""
    registry = open_registry(settings_for(data, config))
    _moved(registry.store.rollback(slug, channel=channel, to=to, reason=message, by=registry.by), json)


def history(
    slug: Slug,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Who changed what, when and why, newest first."""
    store = open_registry(settings_for(data, config)).store
    store.prompt(slug)
    entries = store.history(slug, limit=limit)
    if json:
        print_json([{name: getattr(entry, name) for name in entry.__dataclass_fields__} for entry in entries])
        return
    print_rows(
        ("revision", "when (UTC)", "who", "what", "why"),
        [(str(e.revision), f"{e.at:%Y-%m-%d %H:%M:%S}", e.actor, _what(e), e.reason) for e in entries],
    )


def _version(reference: str, data: Path | None, config: Path | None) -> Version:
    from registry.live import LiveRegistry

    settings = settings_for(data, config)
    open_registry(settings)
    live = LiveRegistry(settings.registry_url)
    try:
        return live.resolve(reference).version
    finally:
        live.close()


def _read(file: str) -> tuple[str, str]:
    from slugline.settings import SettingsError

    try:
        if file == "-":
            text = sys.stdin.read()
            return text, "prompt.prompty" if text.startswith("---") else "prompt.txt"
        return Path(file).read_text("utf-8"), Path(file).name
    except OSError as error:
        raise SettingsError(f"{file} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file} is not UTF-8 text") from error


def _moved(move: Move, as_json: bool) -> None:
    if as_json:
        print_json(asdict(move))
        return
    if move.changed:
        before = f"version {move.from_version}" if move.from_version else "nothing"
        print(
            f"{move.slug}: {move.channel} moved from {before} to version {move.to_version} (revision {move.revision})"
        )
    else:
        print(f"{move.slug}: {move.channel} is on version {move.to_version} already")
    if move.served is not None and move.served.acknowledged:
        print(f"seen by {', '.join(move.served.acknowledged)}")
    for one in move.served.missing if move.served is not None else ():
        print(f"not yet seen by {one.worker}, silent for {one.silent_seconds:g} s: it serves nothing old as fresh")


def _what(entry: HistoryEntry) -> str:
    if entry.from_version is None and entry.to_version is None:
        return str(entry.action)
    before = f"{entry.from_version} → " if entry.from_version else ""
    return f"{entry.action} {entry.channel}: {before}{entry.to_version}"


def _number(number: int | None) -> str:
    return "–" if number is None else str(number)
