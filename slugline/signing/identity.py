"""What an identity provider's claims come to: who somebody is here, and with which roles. Pure.

Knows claims (https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims) and the settings. Refuses to know how they came here
and whether they are true: they were checked before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboards.signing import SignInRefusedError
from registry.roles import ROLES
from registry.sessions import Vouched
from slugline.signing.settings import OidcSettings

_LONGEST = 200


def vouched_for(claims: Mapping[str, Any], settings: OidcSettings) -> Vouched:
    """Who the claims are about. Raises SignInRefusedError for somebody who isn't let in, in words for them."""
    subject, email = _text(claims.get("sub")), _text(claims.get("email"))
    if not subject:
        raise SignInRefusedError(f"{settings.name} doesn't say who you are: its answer has no 'sub'")
    checked = claims.get("email_verified") in (True, "true") or (
        settings.trust_emails and "email_verified" not in claims
    )
    if settings.allowed_domains:
        _check_domain(email, checked=checked, settings=settings)
    roles = roles_of(claims, settings)
    if not roles:
        raise SignInRefusedError(
            f"you have no role here: none of the values of your claim '{settings.claim}' gives one. "
            "Ask whoever runs this server, or your identity provider, to put you into a group that does"
        )
    return Vouched(
        issuer=settings.issuer,
        subject=subject,
        name=_text(claims.get("name")) or _text(claims.get("preferred_username")),
        email=email if checked else "",
        roles=roles,
    )


def roles_of(claims: Mapping[str, Any], settings: OidcSettings) -> tuple[str, ...]:
    """The roles that a claim's values give, in the order in which roles are named; the default ones where it gives none."""
    given: set[str] = set()
    for value in _values(claims, settings.claim):
        found = settings.roles.get(value, ())
        given |= {found} if isinstance(found, str) else set(found)
    return tuple(role for role in ROLES if role in (given or set(settings.default_roles)))


def has_claim(claims: Mapping[str, Any], name: str) -> bool:
    """Whether a claim is there, under its own name or along its dots."""
    return _find(claims, name) is not None


def _values(claims: Mapping[str, Any], name: str) -> list[str]:
    found = _find(claims, name)
    values = found if isinstance(found, list) else [found]
    return [value for value in values if isinstance(value, str)]


def _find(claims: Mapping[str, Any], name: str) -> Any:
    if name in claims:  # some providers' claims have dots in their names, which are URLs
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _check_domain(email: str, *, checked: bool, settings: OidcSettings) -> None:
    domain = email.rpartition("@")[2].lower()
    if domain not in {each.lower().removeprefix("@") for each in settings.allowed_domains}:
        raise SignInRefusedError(
            f"'{email or 'no address'}' may not sign in here: only addresses at {', '.join(settings.allowed_domains)} may"
        )
    if not checked:
        raise SignInRefusedError(
            f"{settings.name} doesn't say that the address '{email}' was checked, so it counts for nothing"
        )


def _text(value: Any) -> str:
    return " ".join(value.split())[:_LONGEST] if isinstance(value, str) else ""
