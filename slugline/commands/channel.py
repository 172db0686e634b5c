"""`slugline prompt`, as far as it moves channels: promote, rollback, rollout."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from slugline.commands.options import (
    Because,
    Channel,
    Config,
    Data,
    IfMatch,
    Json,
    Number,
    Once,
    Server,
    Slug,
    access_for,
    print_model,
)

if TYPE_CHECKING:
    from registry.split import Arm
    from registry.values import Move
    from slugline.access import Access


def promote(
    slug: Slug,
    message: Because,
    version: Number = None,
    channel: Channel = "stable",
    holdback: Annotated[
        float | None,
        typer.Option(help="Per cent of callers that stay on the version before, to compare (default: the rule's)."),
    ] = None,
    holdback_hours: Annotated[float, typer.Option(min=0.01, max=24 * 365, help="For how long they do.")] = 24.0,
    if_match: IfMatch = None,
    idempotency_key: Once = "",
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Move a channel to a version. The next request is served by it."""
    with access_for(data, config, server) as access, _explained(access, slug, channel, [version]):
        moved = access.promote(
            slug,
            version,
            channel=channel,
            reason=message,
            holdback=holdback,
            holdback_hours=holdback_hours,
            if_match=if_match,
            idempotency_key=idempotency_key,
        )
    _print_moved(moved, json)


def rollback(
    slug: Slug,
    message: Because,
    to: Annotated[int | None, typer.Option(min=1, help="The version (default: the one that was live before).")] = None,
    channel: Channel = "stable",
    if_match: IfMatch = None,
    idempotency_key: Once = "",
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Move a channel back. The next request is served by the earlier version."""
    with access_for(data, config, server) as access:
        moved = access.rollback(
            slug, channel=channel, to=to, reason=message, if_match=if_match, idempotency_key=idempotency_key
        )
    _print_moved(moved, json)


def rollout(
    slug: Slug,
    message: Because,
    arms: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[VERSION=SHARE]...",
            help="Versions with their per cent of callers: 8=5 9=1; none ends the rollout.",
        ),
    ] = None,
    channel: Channel = "stable",
    sticky: Annotated[
        str, typer.Option(help="What callers are told apart by: session, user, trace or variable:NAME.")
    ] = "session",
    if_match: IfMatch = None,
    idempotency_key: Once = "",
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Give versions a share of a channel beside its own. Without any, everybody gets the channel's own version."""
    shares = [_arm(text) for text in arms or ()]
    wanted = [arm.version for arm in shares]
    with access_for(data, config, server) as access, _explained(access, slug, channel, wanted):
        moved = access.rollout(
            slug,
            shares,
            channel=channel,
            sticky=sticky,
            reason=message,
            if_match=if_match,
            idempotency_key=idempotency_key,
        )
    _print_moved(moved, json)


def _arm(text: str) -> Arm:
    from registry.split import Arm
    from slugline.settings import SettingsError

    version, equals, share = text.partition("=")
    try:
        if not equals:
            raise ValueError(text)
        return Arm(version=int(version), share=float(share.removesuffix("%")))
    except ValueError:
        raise SettingsError(
            f"a share is VERSION=PER-CENT, such as 8=5 for 5 % of callers on version 8; not {text[:80]!r}"
        ) from None


def _print_moved(move: Move, as_json: bool) -> None:
    from slugline.commands.words import moved_in_words

    if as_json:
        from registry.http.move_schemas import MoveOut

        print_model(MoveOut.of(move))
    else:
        print(*moved_in_words(move), sep="\n")


@contextlib.contextmanager
def _explained(access: Access, slug: str, channel: str, versions: Sequence[int | None]) -> Iterator[None]:
    """A protected channel's refusal, with the command that leads on."""
    from registry.errors import PromptProtectedError

    try:
        yield
    except PromptProtectedError as error:
        from slugline.next_step import next_step

        said = f"{error.message}\nNext: {next_step(access, slug, channel, versions)}"
        raise PromptProtectedError(said, param=error.param) from None
