"""Every setting in force as a line: its name, its value fit to be shown, and where it came from.

Knows how names are spelled in variables and in TOML, and what must not be shown; reads the settings' file. A setting holds no secret,
only where one lies; but addresses may have a password or be secrets themselves, and headers and options may hold anything, so those
are masked.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from slugline.settings import Settings

SOURCES_VARIABLE = "SLUGLINE_PROCESS_SOURCES"
"""Where the supervisor tells its children: they get settings as values, and couldn't say where those came from."""

MASK = "•••"
_REFERENCE = ("env:", "file:")
_HIDDEN = ("header", "option", "password", "secret", "token", "hash_key")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSetting:
    """One setting. `source` is "option", a variable's name, the file's name, or "default"."""

    name: str
    value: str
    source: str


def shown_settings(settings: Settings, sources: Mapping[str, str]) -> list[ShownSetting]:
    """Every setting by its name, secrets masked."""
    return [
        ShownSetting(name=name, value=masked(name, value), source=_source(name, sources))
        for name, value in _leaves(settings.model_dump(mode="json"))
    ]


def read_sources(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """Where the settings of this process came from, by the file that they were read from, if there was one."""
    path = type(settings).model_config.get("toml_file")
    if path is None:
        return sources_of(settings, environment, {}, "")
    file = Path(str(path))
    return sources_of(settings, environment, tomllib.loads(file.read_text("utf-8")), file.name)


def sources_of(
    settings: Settings, environment: Mapping[str, str], file: Mapping[str, Any], file_name: str
) -> dict[str, str]:
    """Where each setting came from that isn't a default: `file` is what the settings' file holds."""
    variables = {name.upper(): name for name in environment}
    found: dict[str, str] = {}
    for name, value in _leaves(settings.model_dump(mode="json")):
        parts = name.split(".")
        variable = next(
            (variables[each] for depth in range(len(parts), 0, -1) if (each := _variable(parts[:depth])) in variables),
            "",
        )
        in_file = _within(file, parts)
        if parts[0] not in settings.model_fields_set:
            continue
        if len(parts) == 1 and variable and _differs(value, environment[variable]):
            found[name] = "option"  # it wins over the variable
        elif variable:
            found[name] = variable
        elif in_file is not None and (len(parts) > 1 or not _differs(value, in_file)):
            found[name] = file_name
        elif len(parts) == 1:
            found[name] = "option"
    return found


def masked(name: str, value: Any) -> str:
    """A value as it may be shown: references to secrets as they are, addresses without what could be one."""
    if value is None or value in ("", [], {}):
        return "none"
    if isinstance(value, str):
        if value.startswith(_REFERENCE):
            return value
        if any(part in name for part in _HIDDEN):
            return MASK
        if "://" in value:
            return _address(value, whole=not name.startswith("alerts."))
        return value
    return json.dumps(value, ensure_ascii=False)


def _address(url: str, *, whole: bool) -> str:
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")
        user = host[0].partition(":")
        shown = f"{user[0]}:{MASK}@{host[2]}" if user[1] else parts.netloc
        rest = (parts.path if whole else f"/{MASK}" if parts.path.strip("/") else "") + (
            f"?{MASK}" if parts.query else ""
        )
        return f"{parts.scheme}://{shown}{rest}"
    except ValueError:
        return MASK


def _leaves(value: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, each in value.items():
        if isinstance(each, Mapping) and each:
            yield from _leaves(each, f"{before}{name}.")
        else:
            yield f"{before}{name}", each


def _variable(parts: Sequence[str]) -> str:
    return "SLUGLINE_" + "__".join(part.upper() for part in parts)


def _within(file: Mapping[str, Any], parts: Sequence[str]) -> Any:
    found: Any = file
    for part in parts:
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _differs(value: Any, said: Any) -> bool:
    """Whether a simple value isn't what was said; what is read in more than one spelling is taken for the same."""
    return (
        isinstance(value, str | int) and not isinstance(value, bool) and str(value) != str(said) and str(said).isalnum()
    )


def _source(name: str, sources: Mapping[str, str]) -> str:
    return sources.get(name, "default")
