"""Options that several commands share, and what they lead to."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from registry.key_store import KeyStore
    from registry.roles import Principal
    from registry.store import Store
    from slugline.settings import Settings

Data = Annotated[
    Path | None, typer.Option("--data", help="The data folder (default: the platform's user-data folder).")
]
Config = Annotated[
    Path | None, typer.Option("--config", help="Settings file (default: slugline.toml here, if there is one).")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Slug = Annotated[str, typer.Argument(help="The prompt's slug, such as support-agent.", show_default=False)]
Because = Annotated[str, typer.Option("-m", "--message", help="Why; it stands in the history.", show_default=False)]


def settings_for(data: Path | None, config: Path | None, **flags: Any) -> Settings:
    """The settings in force for a command."""
    from slugline.settings import load_settings

    return load_settings({"data": data, **flags}, config)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """The registry as a command works on it, and who does."""

    store: Store
    keys: KeyStore
    by: Principal


def open_registry(settings: Settings) -> Registry:
    """The registry, made or brought up to date first if need be."""
    from registry.database import migrate, open_engine
    from registry.key_store import KeyStore
    from registry.store import Store
    from slugline.compose import acting
    from slugline.folder import DataFolder

    DataFolder(settings.data).make()
    engine = open_engine(settings.registry_url)
    migrate(engine)
    keys = KeyStore(engine)
    return Registry(store=Store(engine), keys=keys, by=acting(keys, os.environ))


def print_json(value: Any) -> None:
    """Prints a value as indented JSON; times and other rich values in their usual text form."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints a plain table at its natural width: a value that is cut off would be worse than a long line."""
    from rich.table import Table

    table = Table(*columns, box=None, header_style="bold")
    for row in rows:
        table.add_row(*row)
    print_table(table)


def print_table(table: Table) -> None:
    """Prints a table at its natural width."""
    from rich.console import Console
    from rich.measure import Measurement

    console = Console()
    natural = Measurement.get(console, console.options.update(max_width=2000), table).maximum
    Console(width=max(natural, console.width)).print(table)
