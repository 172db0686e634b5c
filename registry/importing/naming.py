"""Other products' names in this registry's spelling: variables, slugs, channels.

Knows what each kind of name may look like here. Refuses to know templates and where names come from.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from jinja2 import Environment, nodes
from jinja2.exceptions import TemplateSyntaxError

from registry.errors import PromptInvalidError, PromptReferenceInvalidError
from registry.reference import check_channel, suggest_slug
from registry.storage.reader import STABLE
from registry.storage.rows import LATEST

_PRODUCTION = "production"
# What a template has beside its variables.
_TAKEN = frozenset({"self", "range", "dict", "namespace", "cycler", "joiner"})


def identifiers(names: Iterable[str]) -> dict[str, str]:
    """Each name with the variable's name to use for it: itself wherever a template can say it.

    No two names get the same one.

    >>> identifiers(["user-name", "user_name", "1st"])
    {'user_name': 'user_name', 'user-name': 'user_name_2', '1st': '_1st'}
    """
    jinja = Environment(autoescape=False)  # noqa: S701 - it only reads names, and prompts are no HTML
    wanted = dict.fromkeys(names)
    found = {name: name for name in wanted if _sayable(name, jinja)}
    used = set(found)
    for name in wanted:
        if name in found:
            continue
        letters = (letter if _is_name(f"_{letter}", jinja) else " " for letter in unicodedata.normalize("NFKC", name))
        stem = "_".join("".join(letters).split()).strip("_") or "value"
        stem = stem if _is_name(stem, jinja) else f"_{stem}"
        stem = f"{stem}_" if not _sayable(stem, jinja) else stem
        candidate, count = stem, 1
        while candidate in used:
            count += 1
            candidate = f"{stem}_{count}"
        found[name] = candidate
        used.add(candidate)
    return found


def renamed(names: Mapping[str, str]) -> list[str]:
    """A sentence for each name that is another one here."""
    return [f"variable '{name}' is called '{new}' here" for name, new in names.items() if new != name]


def slug_for(name: str, prefix: str = "") -> str:
    """The slug for a prompt of this name. Raises PromptInvalidError if nothing of the name can stay."""
    slug = suggest_slug(prefix + name)
    if not slug or not suggest_slug(name):
        raise PromptInvalidError(
            f"no slug can be made of the name {name[:120]!r}: it has no letter or digit", param="name"
        )
    return slug


def channels_for(labels: Iterable[str]) -> tuple[tuple[str, ...], list[str]]:
    """The channels that labels stand for, and sentences about those that had to change.

    `production` is `stable`; `latest` follows every save here by itself, so it is left out.
    """
    channels, notes = [], []
    for label in dict.fromkeys(labels):
        if label == LATEST:
            continue
        channel = STABLE if label == _PRODUCTION else _channel(label)
        if channel is None:
            notes.append(f"label '{label}' is not carried over: no channel can be called so")
            continue
        if channel not in (label, STABLE):
            notes.append(f"label '{label}' is the channel '{channel}' here")
        channels.append(channel)
    return tuple(dict.fromkeys(channels)), notes


def channel_for(label: str) -> str:
    """The channel that one label stands for, `latest` included. Raises PromptInvalidError for one that none can be."""
    if label == LATEST:
        return LATEST
    channels, notes = channels_for([label])
    if not channels:
        raise PromptInvalidError("; ".join(notes), param="label")
    return channels[0]


def _channel(label: str) -> str | None:
    candidate = re.sub(r"[^a-z0-9_-]+", "-", label.lower()).strip("-_")[:36]
    try:
        return check_channel(candidate)
    except PromptReferenceInvalidError:
        return None


def _sayable(name: str, jinja: Environment) -> bool:
    return _is_name(name, jinja) and unicodedata.normalize("NFKC", name) == name and name not in _TAKEN


def _is_name(text: str, jinja: Environment) -> bool:
    """Whether Jinja2 reads a text as one name; it has words of its own, and knows fewer letters than some Pythons."""
    try:
        body = jinja.parse("{{ " + text + " }}").body
    except TemplateSyntaxError:
        return False
    return len(body) == 1 and isinstance(body[0], nodes.Output) and body[0].nodes == [nodes.Name(text, "load")]
