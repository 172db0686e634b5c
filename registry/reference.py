"""How a call names a version: `support-agent`, `support-agent@latest`, `support-agent@7`.

Knows which slugs, channel names, numbers and version ids are well-formed. Refuses to know which of them exist.
"""

from __future__ import annotations

import re

import msgspec

from registry.errors import PromptReferenceInvalidError

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?")
_CHANNEL = re.compile(r"[a-z][a-z0-9_-]{0,35}")
_DIGITS = re.compile(r"[0-9]+")
# A UUIDv7 begins with a digit for as long as its 48 bits of milliseconds do: until the year 2527. A channel never does.
_VERSION_ID = re.compile(r"[0-9][0-9a-f]{7}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_HIGHEST_NUMBER = 2**31 - 1

PINNED = "pinned"
"""What stands in place of a channel when a call named a number; so no channel may be called this."""


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """A slug and what it asks for: a number, a channel name, a version id, or None where the caller's default decides."""

    slug: str
    selector: int | str | None = None

    def __str__(self) -> str:
        return self.slug if self.selector is None else f"{self.slug}@{self.selector}"


def parse_reference(text: str) -> Reference:
    """Read `slug`, `slug@channel`, `slug@number` or `slug@version-id`.

    Raises PromptReferenceInvalidError that says what is wrong with which part.
    """
    slug, at, selector = text.partition("@")
    if at and not selector:
        raise PromptReferenceInvalidError(
            f"reference '{_shown(text)}' ends with '@'; name a channel or a version after it, such as '{slug}@latest' "
            f"or '{slug}@7', or leave the '@' out",
            param="prompt",
        )
    return Reference(slug=check_slug(slug), selector=parse_selector(selector) if at else None)


def parse_selector(value: int | str | None) -> int | str | None:
    """Read the version part on its own: 7, "7", "latest", a version id, or None for the caller's default.

    Raises PromptReferenceInvalidError for numbers below 1 and names that no channel can have.
    """
    if value is None:
        return None
    if isinstance(value, str):
        if not _DIGITS.fullmatch(value):
            return value if is_version_id(value) else check_channel(value)
        value = int(value) if len(value) <= 10 else _HIGHEST_NUMBER + 1
    if isinstance(value, bool) or not isinstance(value, int):
        raise PromptReferenceInvalidError(
            f"a version is a number from 1 or the name of a channel, not {type(value).__name__}", param="version"
        )
    if not 1 <= value <= _HIGHEST_NUMBER:
        raise PromptReferenceInvalidError(
            f"version numbers go from 1 to {_HIGHEST_NUMBER}; a call asked for one outside", param="version"
        )
    return value


def is_version_id(selector: int | str | None) -> bool:
    """Whether the version part of a reference is a version's id, and so no channel."""
    return isinstance(selector, str) and _VERSION_ID.fullmatch(selector) is not None


def check_slug(slug: str) -> str:
    """The slug itself if it is well-formed, else PromptReferenceInvalidError with a corrected one to use."""
    if isinstance(slug, str) and _SLUG.fullmatch(slug):
        return slug
    guess = suggest_slug(slug) if isinstance(slug, str) else ""
    raise PromptReferenceInvalidError(
        f"'{_shown(slug)}' is not a slug: use 1 to 100 lower-case letters, digits, '.', '_' and '-', starting and "
        "ending with a letter or digit" + (f", such as '{guess}'" if guess else ""),
        param="prompt",
    )


def check_channel(name: str) -> str:
    """The channel's name itself if it is well-formed, else PromptReferenceInvalidError."""
    if name == PINNED:
        raise PromptReferenceInvalidError(
            f"'{PINNED}' can't be a channel: it says that a call named a number", param="version"
        )
    if isinstance(name, str) and _CHANNEL.fullmatch(name):
        return name
    raise PromptReferenceInvalidError(
        f"'{_shown(name)}' is not a channel: use 1 to 36 lower-case letters, digits, '_' and '-', starting with a "
        "letter (a number on its own pins that version)",
        param="version",
    )


def suggest_slug(text: str) -> str:
    """The nearest well-formed slug to what was typed, or "" if nothing of it can stay.

    >>> suggest_slug("Support Agent!")
    'support-agent'
    """
    return re.sub(r"[^a-z0-9._]+", "-", text.lower()[:400]).strip("._-")[:100].rstrip("._-")


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= 120 else text[:119] + "…"
