"""Caller keys as values: what a key looks like, what it may do, and which terms make sense.

Pure: randomness and the clock are arguments. Refuses to know storage, HTTP and how often a key was used. The rules:

1. A key's text is shown once, when it is made. Only its SHA-256 is kept: the text carries 238 bits of randomness, so nobody finds it
   by trying, and a slow hash, which passwords need because people choose them, would cost every call and protect nothing.
2. A scope is a list of patterns in which `*` stands for anything; an empty scope is no limit.
3. A key that is no longer wanted is revoked and stays: the record and the history name it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, get_args

from registry.errors import AuthKeyInvalidError, RegistryError
from registry.reference import check_channel
from registry.roles import ROLES, Principal, allows

Period = Literal["day", "month", "total"]

PREFIX = "slk_"
SECRET_LENGTH = 40
KEY_TEXT = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{SECRET_LENGTH}}}")
"""A whole key. What begins like one and isn't is a key that was cut or mistyped."""

PERIODS: tuple[str, ...] = get_args(Period)
SCOPES = ("prompts", "channels", "endpoints", "models")

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH = 12
_LONGEST_NAME = 100
_MOST_PATTERNS = 1000
_PATTERN = re.compile(r"[A-Za-z0-9._:/@+*%~-]{1,200}")
_MOST_REQUESTS = 1_000_000_000
_MOST_DOLLARS = 1_000_000_000
_NANO = Decimal("0.000000001")


@dataclass(frozen=True, slots=True)
class Secret:
    """A key's text; it shows nowhere but where `text` is asked for."""

    text: str = field(repr=False)

    def __str__(self) -> str:
        return f"{PREFIX}…"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTerms:
    """What a key may do: all that an update may change.

    `roles` are what its holder may do (`registry.roles`). `prompts`, `channels`, `endpoints` and `models` are patterns; empty means
    all. `default_channel` is meant where a call names no version. The budget is in US dollars a UTC day, a UTC month, or altogether.
    """

    name: str
    roles: tuple[str, ...] = ("application",)
    prompts: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    default_channel: str | None = None
    owner: str = ""
    expires_at: datetime | None = None
    requests_per_minute: int | None = None
    budget_usd: Decimal | None = None
    budget_period: Period | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerKey:
    """A key as the registry keeps it. `hint` is the last four characters of its text; `revision` is the write that changed it last."""

    key_id: str
    hash: str = field(repr=False)
    hint: str
    terms: KeyTerms
    created_at: datetime
    created_by: str
    revoked_at: datetime | None = None
    revoked_by: str | None = None
    revision: int

    def expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.terms.expires_at is not None and self.terms.expires_at <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedKey:
    """A key that was just made, with its text: the only moment at which there is one."""

    key: CallerKey
    secret: Secret


def new_secret(below: Callable[[int], int]) -> Secret:
    """A key's text: `slk_` and 40 base62 characters. `below(n)` gives a random number under n and must be fit for secrets."""
    return Secret(PREFIX + _random_text(SECRET_LENGTH, below))


def new_key_id(below: Callable[[int], int]) -> str:
    """A key's public id, such as `k_4fQm0ZkT9xBa`."""
    return "k_" + _random_text(_ID_LENGTH, below)


def key_hash(text: str) -> str:
    """What is kept of a key's text: SHA-256, as lower-case hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def principal_of(key: CallerKey) -> Principal:
    """Whoever holds a key."""
    terms = key.terms
    return Principal(
        name=f"key {terms.name}",
        identity=f"key:{key.key_id}",
        roles=frozenset(terms.roles),
        prompts=terms.prompts,
        channels=terms.channels,
        aliases=(terms.name, terms.owner),
    )


def check_terms(terms: KeyTerms, now: datetime) -> KeyTerms:
    """The terms themselves, with names trimmed, if they make sense; AuthKeyInvalidError says what doesn't."""
    name, owner = _name(terms.name, "name"), _name(terms.owner, "owner", needed=False)
    scopes = {scope: _patterns(getattr(terms, scope), scope) for scope in SCOPES}
    if terms.default_channel is not None:
        _default_channel(terms.default_channel, scopes["channels"])
    if terms.expires_at is not None and terms.expires_at.tzinfo is None:
        raise AuthKeyInvalidError("'expires_at' needs its time zone, as in 2027-01-31T00:00:00Z", param="expires_at")
    if terms.expires_at is not None and terms.expires_at <= now:
        raise AuthKeyInvalidError(
            "'expires_at' lies in the past: name a time to come, or revoke the key", param="expires_at"
        )
    if terms.requests_per_minute is not None and not 1 <= terms.requests_per_minute <= _MOST_REQUESTS:
        raise AuthKeyInvalidError(
            f"'requests_per_minute' goes from 1 to {_MOST_REQUESTS:,}; leave it out for no limit",
            param="requests_per_minute",
        )
    return KeyTerms(
        **{
            **{each.name: getattr(terms, each.name) for each in fields(KeyTerms)},
            **scopes,
            "roles": _roles(terms.roles),
            "name": name,
            "owner": owner,
            "budget_usd": _budget(terms.budget_usd, terms.budget_period),
        }
    )


def as_json(terms: KeyTerms) -> dict[str, Any]:
    """Terms as JSON has them, those that say something: for the history, and for people."""
    return {each.name: plain(getattr(terms, each.name)) for each in fields(KeyTerms) if getattr(terms, each.name)}


def plain(value: Any) -> Any:
    """One of the terms as JSON has it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return list(value) if isinstance(value, tuple) else value


def changes_between(before: KeyTerms, after: KeyTerms) -> Mapping[str, Mapping[str, Any]]:
    """What an update changes: the term's name to its old and new value, as JSON has them."""
    return {
        each.name: {"from": plain(getattr(before, each.name)), "to": plain(getattr(after, each.name))}
        for each in fields(KeyTerms)
        if getattr(before, each.name) != getattr(after, each.name)
    }


def _random_text(length: int, below: Callable[[int], int]) -> str:
    return "".join(_BASE62[below(62)] for _ in range(length))


def _name(text: str, param: str, *, needed: bool = True) -> str:
    name = text.strip()
    if (needed and not name) or len(name) > _LONGEST_NAME or not name.isprintable():
        raise AuthKeyInvalidError(
            f"'{param}' takes 1 to {_LONGEST_NAME} printable characters, such as 'checkout-service'", param=param
        )
    if PREFIX in name:
        raise AuthKeyInvalidError(f"'{param}' looks like a key itself: names stand in logs and records", param=param)
    return name


def _roles(given: Iterable[str]) -> tuple[str, ...]:
    roles = set(given)
    if unknown := sorted(roles - set(ROLES)):
        raise AuthKeyInvalidError(f"a key's roles are of {', '.join(ROLES)}; {unknown[0]!r} is none", param="roles")
    if not roles:
        raise AuthKeyInvalidError("a key needs a role, such as application", param="roles")
    return tuple(role for role in ROLES if role in roles)


def _patterns(given: Iterable[str], param: str) -> tuple[str, ...]:
    patterns = tuple(dict.fromkeys(given))
    if len(patterns) > _MOST_PATTERNS:
        raise AuthKeyInvalidError(f"'{param}' has more than {_MOST_PATTERNS:,} patterns", param=param)
    for pattern in patterns:
        if not _PATTERN.fullmatch(pattern):
            raise AuthKeyInvalidError(
                f"{pattern!r} can't be one of '{param}': a pattern is a name in which * stands for anything",
                param=param,
            )
    if param == "endpoints":  # as they stand on record; people know them by their paths
        return tuple(pattern.removeprefix("/").removeprefix("v1/").replace("/", ".") for pattern in patterns)
    return patterns


def _default_channel(name: str, channels: tuple[str, ...]) -> None:
    try:
        check_channel(name)
    except RegistryError as error:
        raise AuthKeyInvalidError(error.message, param="default_channel") from error
    if not allows(channels, name):
        raise AuthKeyInvalidError(
            f"the key's default channel '{name}' is not one that it may use ({', '.join(channels)})",
            param="default_channel",
        )


def _budget(dollars: Decimal | None, period: str | None) -> Decimal | None:
    if dollars is None and period is None:
        return None
    if dollars is None or period not in PERIODS:
        raise AuthKeyInvalidError(
            "a budget is US dollars and a period, day, month or total: 50 a month, say", param="budget_usd"
        )
    if not dollars.is_finite() or not _NANO <= dollars <= _MOST_DOLLARS or dollars != dollars.quantize(_NANO):
        raise AuthKeyInvalidError(
            f"'budget_usd' goes from 0.000000001 to {_MOST_DOLLARS:,}, with at most nine places", param="budget_usd"
        )
    return Decimal(format(dollars.normalize(), "f"))  # 50, not 50.00 and not 5E+1
