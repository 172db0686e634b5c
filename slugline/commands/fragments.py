"""`slugline prompt users` and `slugline prompt impact`: who includes a prompt as a fragment, and what a move of it would change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slugline.commands.options import Config, Data, Json, Slug, open_registry, print_json, print_rows, settings_for

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from registry.writing.fragments import Effect, FragmentUser

To = Annotated[
    str | None,
    typer.Option(help="The fragment's version: a number or a channel (default: the newest).", show_default=False),
]


def users(slug: Slug, json: Json = False, data: Data = None, config: Config = None) -> None:
    """Who includes this prompt as a fragment, at which version, and where that is live."""
    from registry.writing.fragments import users_of

    with _reading(data, config) as connection:
        found = users_of(connection, slug, now=datetime.now(UTC))
    if json:
        print_json(asdict(found))
        return
    if not found.current and not found.past:
        print(f"no prompt includes {slug}")
        return
    print_rows(
        ("prompt", "version", "uses", "live on"),
        [_row(user, ", ".join(user.channels) or "–") for user in (*found.current, *found.past)],
    )


def impact(slug: Slug, to: To = None, json: Json = False, data: Data = None, config: Config = None) -> None:
    """What would change for every prompt that includes this one, were it saved again after a move. Writes nothing."""
    from registry.reference import parse_selector
    from registry.writing import fragments

    with _reading(data, config) as connection:
        found = fragments.impact(connection, slug, parse_selector(to), now=datetime.now(UTC))
    if json:
        print_json(asdict(found))
        return
    if not found.effects:
        print(f"no prompt that is live or newest includes {slug}")
    for effect in found.effects:
        print(_told(effect, f"{found.fragment}@{found.to}"), end="")


def _row(user: FragmentUser, live: str) -> tuple[str, str, str, str]:
    through = "" if user.direct else " (inside another fragment)"
    return user.slug, str(user.number), ", ".join(map(str, user.fragment_versions)) + through, live


def _told(effect: Effect, target: str) -> str:
    from registry.diffs.compare import as_text

    if effect.pinned:
        return f"{effect.diff.old}: stays, its reference names a version\n"
    if effect.diff.empty:
        return f"{effect.diff.old}: has {target} already\n"
    notes = [f"variable '{name}' would be required of every call" for name in effect.newly_required]
    notes += [f"WOULD NOT COMPILE: {effect.problem}"] if effect.problem else []
    return as_text(effect.diff) + "".join(f"  ! {note}\n" for note in notes) + "\n"


@contextmanager
def _reading(data: Path | None, config: Path | None) -> Iterator[Connection]:
    from registry.storage.database import open_engine, reading

    settings = settings_for(data, config)
    open_registry(settings)
    engine = open_engine(settings.registry_url)
    try:
        with reading(engine) as connection:
            yield connection
    finally:
        engine.dispose()
