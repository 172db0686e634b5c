"""YAML to values and back, as prompt files have it (https://yaml.org/spec/1.1/).

Knows how to read it safely and fast, and to write it so that people can edit it. Refuses to know what the values mean.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from typing import Any

import yaml

from registry.errors import PromptInvalidError

_ODD_BREAKS = re.compile("[\r\x85\u2028\u2029\ufeff]")  # YAML would read them as plain line ends
_FAST = 20_000
_FAST_TEXT = re.compile("[\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\uffef\U00010000-\U0010ffff]*")


def load_yaml(text: str, *, first: int = 1) -> Any:
    """The value of a text whose first line is number `first` of its file. Raises PromptInvalidError that names the line."""
    try:
        return _loaded(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + first}" if mark else ""
        raise PromptInvalidError(f"not YAML: {getattr(error, 'problem', None) or error}{line}", param="file") from error
    except (ValueError, RecursionError) as error:  # an impossible date, a thousand brackets
        raise PromptInvalidError(f"not YAML that a prompt can hold: {error}", param="file") from error


def dump_yaml(fields: Mapping[str, Any]) -> str:
    """The text of a mapping, its keys in their order."""
    text: str = yaml.dump(dict(fields), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


def _loaded(text: str) -> Any:
    """By libyaml where it is there and reads the text as PyYAML itself does: many files are read eight times as fast. It nests on C's
    own stack, so never long texts. What it refuses PyYAML refuses in its own words."""
    if len(text) <= _FAST and _FAST_TEXT.fullmatch(text) and (loader := getattr(yaml, "CSafeLoader", None)):
        with contextlib.suppress(yaml.YAMLError):
            return yaml.load(text, loader)  # noqa: S506 - it is a safe loader
    return yaml.safe_load(text)


class _Dumper(yaml.SafeDumper):
    """Long text as a block that people can read and edit, and no references between values."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write equal values out twice."""
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        """Text of several lines as a block; PyYAML quotes it where a block can't hold it."""
        style = '"' if _ODD_BREAKS.search(data) else "|" if "\n" in data else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _Dumper.represent_str)
