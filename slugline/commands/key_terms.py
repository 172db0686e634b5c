"""Terms of a caller key as people write and read them on the command line: `90d`, `50/month`, "60 requests a minute". Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from registry.keys import CallerKey, KeyTerms

_SPAN = re.compile(r"([0-9]{1,5})([dh])")


def read_expiry(text: str, now: datetime) -> datetime | None:
    """`90d`, `12h`, a date or time (UTC where it names no zone), or `never`. Raises SettingsError."""
    from slugline.settings import SettingsError

    if text in {"never", "none", ""}:
        return None
    span = _SPAN.fullmatch(text)
    if span:
        return now + (timedelta(days=int(span[1])) if span[2] == "d" else timedelta(hours=int(span[1])))
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"--expires takes 90d, 12h, a date such as 2027-01-31, or never; not {text!r}") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def read_budget(text: str) -> dict[str, Any]:
    """`50/month` as terms of a key, or `none`. Raises SettingsError."""
    from slugline.settings import SettingsError

    if text in {"none", ""}:
        return {"budget_usd": None, "budget_period": None}
    dollars, _, period = text.removeprefix("$").partition("/")
    try:
        return {"budget_usd": Decimal(dollars), "budget_period": {"": "total"}.get(period, period)}
    except InvalidOperation:
        raise SettingsError(
            f"--budget takes dollars and a period, such as 50/month, 5/day or 200/total, or none; not {text!r}"
        ) from None


def named_terms(
    scopes: dict[str, list[str] | None],
    default_channel: str | None,
    expires: str | None,
    requests_per_minute: int | None,
    budget: str | None,
    now: datetime,
) -> dict[str, Any]:
    """The terms that the command line names."""
    named: dict[str, Any] = {
        scope: tuple(pattern for pattern in patterns if pattern) for scope, patterns in scopes.items() if patterns
    }
    if default_channel is not None:
        named["default_channel"] = default_channel or None
    if expires is not None:
        named["expires_at"] = read_expiry(expires, now)
    if requests_per_minute is not None:
        named["requests_per_minute"] = requests_per_minute or None
    if budget is not None:
        named |= read_budget(budget)
    return named


def state(key: CallerKey, now: datetime) -> str:
    """Whether a key is good, and until when."""
    if key.revoked_at is not None:
        return "revoked"
    if key.terms.expires_at is None:
        return "good"
    return "expired" if key.terms.expires_at <= now else f"good until {key.terms.expires_at:%Y-%m-%d %H:%M}"


def scopes(terms: KeyTerms) -> str:
    """What a key may use; nothing for one that may use everything."""
    given = {"prompts": terms.prompts, "channels": terms.channels, "endpoints": terms.endpoints, "models": terms.models}
    return "; ".join(f"{scope} {', '.join(patterns)}" for scope, patterns in given.items() if patterns)


def in_words(terms: KeyTerms) -> str:
    """What a key may use and how much, in two lines."""
    limits = []
    if terms.requests_per_minute:
        limits.append(f"{terms.requests_per_minute:,} requests a minute")
    if terms.budget_usd is not None:
        limits.append(
            f"{terms.budget_usd:f} US dollars {'in all' if terms.budget_period == 'total' else 'a ' + str(terms.budget_period)}"
        )
    if terms.expires_at is not None:
        limits.append(f"until {terms.expires_at:%Y-%m-%d %H:%M} UTC")
    default = f"; a call that names no version means {terms.default_channel}" if terms.default_channel else ""
    return f"It may use: {scopes(terms) or 'everything'}{default}.\nLimits: {', '.join(limits) or 'none'}."
