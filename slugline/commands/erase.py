"""`slugline erase`: takes a person out of the record."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated

import typer

from slugline.commands.options import Config, Data, Json, print_json, settings_for


def erase(
    user: Annotated[str, typer.Option(help="The user, as the app named it.", show_default=False)] = "",
    session: Annotated[str, typer.Option(help="A session; with --user, only that user's.", show_default=False)] = "",
    message: Annotated[str, typer.Option("-m", "--message", help="Why; kept, so no name in it.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would go, and erase nothing.")] = False,
    json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Erase a user's calls, with their scores and spans. There is no way back."""
    from slugline.acting import local_user
    from slugline.compose import new_id
    from slugline.erasing import erase_person
    from slugline.settings import SettingsError

    if not user and not session:
        raise SettingsError("say whose records are to go: --user ID, --session ID, or both for one session of a user")
    done = asyncio.run(
        erase_person(
            settings_for(data, config),
            os.environ,
            user=user,
            session=session,
            actor=local_user(),
            reason=message,
            erasure_id=new_id(),
            dry_run=dry_run,
        )
    )
    if json:
        counts = {"rows": done.erased.rows, "refused_lines": done.refused_lines}
        print_json({"erasure_id": None if dry_run else done.erasure_id, "dry_run": dry_run, **counts})
        return
    words = ", ".join(f"{count:,} of {table}" for table, count in done.erased.rows.items() if count) or "no rows"
    print(f"{'would erase' if dry_run else 'erased'}: {words}")
    if done.refused_lines:
        print(f"{'would take' if dry_run else 'took'} {done.refused_lines:,} lines out of refused segments")
    if not dry_run:
        print(f"noted as {done.erasure_id} in the table erasures, without the person's name")
