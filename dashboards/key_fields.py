"""A key's terms as a form has them, and back. Pure.

Knows fields. Refuses to decide which terms make sense: `registry.keys` does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from dashboards.forms import Form, read_time
from registry.errors import AuthKeyInvalidError
from registry.keys import PERIODS, SCOPES, KeyTerms, Period
from registry.roles import ROLES

_BETWEEN = re.compile(r"[\s,]+")


def terms_of(form: Form) -> KeyTerms:
    """The terms that a form asks for. Raises AuthKeyInvalidError and PromptInvalidError, which name the field."""
    period = form.text("budget_period")
    budget = _dollars(form.text("budget_usd"))
    return KeyTerms(
        name=form.text("name"),
        owner=form.text("owner"),
        roles=tuple(role for role in ROLES if form.checked(f"role_{role}")),
        default_channel=form.text("default_channel") or None,
        expires_at=read_time(form.text("expires_at"), "expires_at", form.zone) if form.text("expires_at") else None,
        requests_per_minute=form.whole("requests_per_minute"),
        budget_usd=budget,
        budget_period=cast("Period", period) if budget is not None and period in PERIODS else None,
        **{scope: tuple(each for each in _BETWEEN.split(form.text(scope)) if each) for scope in SCOPES},
    )


def fields_of(terms: KeyTerms, zone: tzinfo) -> Mapping[str, str]:
    """What stands in the form of a key with these terms, for somebody in `zone`."""
    return {
        "name": terms.name,
        "owner": terms.owner,
        **{f"role_{role}": "1" for role in terms.roles},
        "default_channel": terms.default_channel or "",
        "expires_at": "" if terms.expires_at is None else _local(terms.expires_at, zone),
        "requests_per_minute": str(terms.requests_per_minute or ""),
        "budget_usd": "" if terms.budget_usd is None else format(terms.budget_usd, "f"),
        "budget_period": terms.budget_period or "month",
        **{scope: ", ".join(getattr(terms, scope)) for scope in SCOPES},
    }


def scopes_of(terms: KeyTerms) -> list[tuple[str, str]]:
    """What a key is limited to, in words: a name and the patterns."""
    found = [(scope, ", ".join(getattr(terms, scope))) for scope in SCOPES if getattr(terms, scope)]
    return found + ([("default channel", terms.default_channel)] if terms.default_channel else [])


def changed(before: KeyTerms, after: KeyTerms) -> Mapping[str, Any]:
    """The terms that a form changes: what is the same to the minute stays as it was."""
    wanted = {name: getattr(after, name) for name in KeyTerms.__dataclass_fields__}
    if before.expires_at is not None and after.expires_at == before.expires_at.replace(second=0, microsecond=0):
        del wanted["expires_at"]
    return {name: value for name, value in wanted.items() if value != getattr(before, name)}


def _local(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%dT%H:%M}"


def _dollars(text: str) -> Decimal | None:
    try:
        return Decimal(text.lstrip("$").replace(",", ".")) if text else None
    except InvalidOperation:
        raise AuthKeyInvalidError(
            f"'budget_usd' is an amount in US dollars, such as 50 or 0.5, not '{text[:40]}'", param="budget_usd"
        ) from None
