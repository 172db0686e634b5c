"""How much one statement may take, and the settings that say so to the engine.

Pure: settings in, settings out. It refuses to know requests, handles and files.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tracing.engine.errors import ClickHouseError

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")

# A server refuses `foo bar`; chDB reads it as `SELECT foo AS bar`.
_LIKE_A_SERVER: Final = {"implicit_select": "0"}

# One segment is one block, however it is retried: deduplication by token counts blocks, so their borders are pinned.
_ONE_BLOCK: Final = {
    "max_insert_threads": "1",
    "max_insert_block_size": "1048576",
    "min_insert_block_size_rows": "1048576",
    "min_insert_block_size_bytes": "268435456",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds for one statement: seconds for reading and for everything else when the client names none, the most
    seconds that a client may name, and bytes of memory."""

    read_seconds: float = 30
    write_seconds: float = 300
    longest_seconds: float = 300
    memory: int = 1 << 30

    def settings(self, asked: Mapping[str, str], *, reads: bool) -> dict[str, str]:
        """The settings to run under: what the client `asked` for, bounded, and the bounds where it asked for none."""
        seconds = self.read_seconds if reads else self.write_seconds
        bounds = {
            "max_execution_time": _bounded(asked.get("max_execution_time"), seconds, self.longest_seconds),
            "max_memory_usage": _bounded(asked.get("max_memory_usage"), self.memory, self.memory),
        }
        pinned = {} if reads else _ONE_BLOCK
        return {**_LIKE_A_SERVER, **pinned, **asked, **bounds}


def assignment(settings: Mapping[str, str | None]) -> bytes:
    """A SET statement for `settings`; None stands for a setting's default. Raises ClickHouseError (115) for a name that can't be one."""
    for name in settings:
        if not _NAME.fullmatch(name):
            raise ClickHouseError(115, f"Setting '{name}' is not a setting's name", "UNKNOWN_SETTING")
    pairs = (f"{name} = {'DEFAULT' if value is None else quoted(value)}" for name, value in settings.items())
    return f"SET {', '.join(pairs)}".encode("utf-8", "surrogateescape")


def quoted(value: str) -> str:
    """`value` as a SQL string literal."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def identifier(name: str) -> str:
    """`name` as a quoted SQL identifier."""
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def _bounded(asked: str | None, default: float, most: float) -> str:
    try:
        value = float(asked or 0)
    except ValueError:
        return asked or ""  # the engine says best what is wrong with it
    return f"{min(value, most) if value > 0 else default:.15g}"
