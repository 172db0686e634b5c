"""`slugline prompt`: prompts and their versions, here or behind a server. Channels are in `channel.py` and `review.py`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from slugline.commands import channel, fragments, prompt_files, review, schedule, status
from slugline.commands.options import (
    Because,
    Config,
    Data,
    IfMatch,
    Json,
    Once,
    Server,
    Slug,
    Why,
    access_for,
    print_json,
    print_model,
    print_rows,
)

if TYPE_CHECKING:
    from registry.values import Prompt


def build() -> typer.Typer:
    """The group `slugline prompt`."""
    group = typer.Typer(help="Prompts, their versions and channels.", no_args_is_help=True)
    own = (save, list_, status.status, show, prompt_files.diff, history, describe, archive, restore)
    moves = (channel.promote, channel.rollback, channel.rollout, schedule.schedule, schedule.schedules, schedule.cancel)
    reviews = (review.request, review.requests, review.review, review.withdraw, review.protect, review.rules)
    for command in (*own, *moves, *reviews, fragments.users, fragments.impact):
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
    if_match: Annotated[
        int | None,
        typer.Option("--if-match", min=0, help="Save only if the prompt is still at this revision; 0: if it is new."),
    ] = None,
    idempotency_key: Once = "",
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Save a new version; the channel latest follows, stable stays where it is."""
    from registry.files.prompt_file import text_content
    from slugline.settings import SettingsError

    if (file is None) == (text is None):
        raise SettingsError("say what to save: --file FILE (- for standard input) or --text TEXT")
    content = text_content(text) if text is not None else prompt_files.read_content(file or "-")
    if model and not content.model:
        content = replace(content, model=model)
    with access_for(data, config, server) as access:
        saved = access.save(
            slug, content, message=message, author=author, if_match=if_match, idempotency_key=idempotency_key
        )
    if json:
        from registry.http.schemas import SavedOut

        print_model(SavedOut.of_saved(saved))
    elif saved.created:
        print(f"saved {slug} as version {saved.version.number}; latest points to it")
    else:
        print(f"unchanged: {slug} has this as version {saved.version.number} already")


def list_(
    archived: Annotated[bool, typer.Option("--archived", help="Archived prompts as well.")] = False,
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """List prompts with what is live."""
    with access_for(data, config, server) as access:
        prompts = [prompt for prompt in access.prompts() if archived or prompt.archived_at is None]
    if json:
        from registry.http.schemas import PromptOut

        print_json([PromptOut.of(prompt).model_dump(mode="json") for prompt in prompts])
        return
    print_rows(
        ("prompt", "stable", "latest", "other channels", "owner", "purpose"),
        [
            (
                p.slug,
                _number(p, "stable"),
                _number(p, "latest"),
                ", ".join(f"{name} {_number(p, name)}" for name in sorted(p.channels) if name not in _USUAL),
                p.owner,
                f"(archived) {p.purpose}".rstrip() if p.archived_at else p.purpose,
            )
            for p in prompts
        ],
    )


def show(
    reference: Annotated[str, typer.Argument(help="slug, slug@channel or slug@number.", show_default=False)],
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Show a version, as a .prompty file that can be saved again."""
    from registry.files.prompt_file import to_prompty

    with access_for(data, config, server) as access:
        version = access.resolve(reference)
    if json:
        from registry.http.schemas import VersionOut

        print_model(VersionOut.of(version))
    else:
        print(to_prompty(version), end="")


def history(
    slug: Slug,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Who changed what, when and why, newest first."""
    from slugline.commands.audit import print_events

    with access_for(data, config, server) as access:
        entries = access.history(slug, limit=limit)
    print_events(entries, as_json=json, of_one=True)


def describe(
    slug: Slug,
    owner: Annotated[str | None, typer.Option(help="Whom to ask about it.")] = None,
    purpose: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag, more than once; '' for none.")] = None,
    if_match: IfMatch = None,
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Say who owns a prompt, what it is for, and its tags; what isn't named stays."""
    from slugline.settings import SettingsError

    if owner is None and purpose is None and not tag:
        raise SettingsError("say what to change: --owner, --purpose or --tag")
    tags = None if not tag else [each for each in tag if each]
    with access_for(data, config, server) as access:
        found = access.describe(slug, owner=owner, purpose=purpose, tags=tags, if_match=if_match)
    about = [("owner", found.owner), ("purpose", found.purpose), ("tags", ", ".join(found.tags))]
    _print_prompt(found, "; ".join(f"{name}: {value or '–'}" for name, value in about), json)


def archive(
    slug: Slug,
    message: Why = "",
    if_match: IfMatch = None,
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Take a prompt out of use. Whoever still calls it is served; nothing about it can change."""
    with access_for(data, config, server) as access:
        found = access.archive(slug, reason=message, if_match=if_match)
    again = f"`slugline prompt restore {slug}` takes it into use again"
    _print_prompt(found, f"archived by {found.archived_by}; {again}", json)


def restore(
    slug: Slug,
    message: Why = "",
    if_match: IfMatch = None,
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Take an archived prompt into use again."""
    with access_for(data, config, server) as access:
        found = access.restore(slug, reason=message, if_match=if_match)
    _print_prompt(found, "in use", json)


_USUAL = {"stable", "latest"}


def _number(prompt: Prompt, channel: str) -> str:
    """The channel's version, with those beside it: `7 (5 % 8)`."""
    if channel not in prompt.channels:
        return "–"
    from datetime import UTC, datetime

    split = prompt.splits.get(channel)
    arms = ", ".join(f"{arm.share:g} % {arm.version}" for arm in split.at(datetime.now(UTC))) if split else ""
    return f"{prompt.channels[channel]} ({arms})" if arms else str(prompt.channels[channel])


def _print_prompt(prompt: Prompt, said: str, as_json: bool) -> None:
    if as_json:
        from registry.http.schemas import PromptOut

        print_model(PromptOut.of(prompt))
    else:
        print(f"{prompt.slug}: {said}")
