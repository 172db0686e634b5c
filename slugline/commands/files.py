"""Options that pull, plan and push have in common."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[Path, typer.Option("--folder", help="Where the files are.")]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only", metavar="SLUG", help="Only this prompt; several with commas, or given again.", show_default=False
    ),
]
Onto = Annotated[
    list[str] | None,
    typer.Option(
        "--onto",
        metavar="VERSION",
        help="This version has been seen, and the file goes on top: a number with one --only, or slug@number.",
        show_default=False,
    ),
]
DEFAULT_FOLDER = Path("prompts")


def slugs_of(only: Collection[str] | None) -> tuple[str, ...]:
    """What --only names."""
    return tuple(dict.fromkeys(slug.strip() for each in only or () for slug in each.split(",") if slug.strip()))


def onto_of(onto: Collection[str] | None, only: tuple[str, ...]) -> dict[str, int]:
    """What --onto names, by slug. Raises SettingsError."""
    from slugline.settings import SettingsError

    found: dict[str, int] = {}
    for each in onto or ():
        slug, at, number = each.rpartition("@")
        if not at and len(only) == 1:
            slug = only[0]
        if not slug or not number.isascii() or not number.isdigit() or len(number) > 9:
            raise SettingsError(f"--onto {each}: say which version of which prompt, as in --onto support-agent@9")
        if only and slug not in only:
            raise SettingsError(f"--onto {each}: '{slug}' is none of --only {', '.join(only)}")
        found[slug] = int(number)
    return found
