"""Options that several commands share, and what they lead to."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.table import Table

    from registry.roles import Principal
    from registry.writing.key_store import KeyStore
    from registry.writing.store import Store
    from slugline.access import Access
    from slugline.settings import Settings

Data = Annotated[
    Path | None, typer.Option("--data", help="The data folder (default: the platform's user-data folder).")
]
Config = Annotated[
    Path | None, typer.Option("--config", help="Settings file (default: slugline.toml here, if there is one).")
]
Server = Annotated[
    str | None,
    typer.Option("--server", help="A server's URL (default: SLUGLINE_URL's; without one, the registry here)."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Slug = Annotated[str, typer.Argument(help="The prompt's slug, such as support-agent.", show_default=False)]
Number = Annotated[int | None, typer.Argument(min=1, help="The version's number (default: the newest).")]
Because = Annotated[str, typer.Option("-m", "--message", help="Why; it stands in the history.", show_default=False)]
Why = Annotated[str, typer.Option("-m", "--message", help="Why; it stands in the history.")]
Channel = Annotated[str, typer.Option(help="The channel.")]
IfMatch = Annotated[
    int | None, typer.Option("--if-match", min=0, help="Write only if the prompt is still at this revision.")
]
Once = Annotated[
    str,
    typer.Option("--idempotency-key", help="The write is made once, however often it is asked for with this key."),
]


def settings_for(data: Path | None, config: Path | None, **flags: Any) -> Settings:
    """The settings in force for a command."""
    from slugline.settings import load_settings

    return load_settings({"data": data, **flags}, config)


def access_for(data: Path | None, config: Path | None, server: str | None) -> Access:
    """The registry that a command works on: a server's, or the one here. Flags win over SLUGLINE_URL.

    Raises SettingsError, and what `slugline.access.open_access` raises.
    """
    from slugline.access import open_access
    from slugline.settings import SettingsError

    if server and data:
        raise SettingsError("--data and --server name two registries: leave one of them out")
    here = server is None and (data is not None or config is not None)
    return open_access(settings_for(data, config), "" if here else server)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """The registry as a command works on it, and who does."""

    store: Store
    keys: KeyStore
    by: Principal

    def close(self) -> None:
        """Let go of the database."""
        self.store.engine.dispose()


def open_registry(settings: Settings) -> Registry:
    """The registry, made or brought up to date first if need be."""
    from registry.writing.key_store import KeyStore
    from registry.writing.store import Store
    from slugline.acting import acting
    from slugline.local import open_migrated

    engine = open_migrated(settings)
    keys = KeyStore(engine)
    return Registry(store=Store(engine), keys=keys, by=acting(keys, os.environ))


def read_time(text: str, option: str) -> datetime:
    """A time as people write it: `2026-11-17 15:00`, `2026-12-01T09:00Z`; one without a zone is meant in this machine's.

    Raises SettingsError.
    """
    from slugline.settings import SettingsError

    try:
        time = datetime.fromisoformat(text.strip())
        return (time if time.tzinfo else time.astimezone()).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise SettingsError(f"{option} takes a time such as 2026-11-17T15:00Z, not {text[:100]!r}") from None


def print_json(value: Any) -> None:
    """Prints a value as indented JSON; times and other rich values in their usual text form."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_model(value: BaseModel) -> None:
    """Prints what the API would answer."""
    print_json(value.model_dump(mode="json"))


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints a plain table at its natural width: a value that is cut off would be worse than a long line."""
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=None, header_style="bold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # what people wrote is no markup
    print_table(table)


def print_table(table: Table) -> None:
    """Prints a table at its natural width."""
    from rich.console import Console
    from rich.measure import Measurement

    console = Console()
    natural = Measurement.get(console, console.options.update(max_width=2000), table).maximum
    Console(width=max(natural, console.width)).print(table)
