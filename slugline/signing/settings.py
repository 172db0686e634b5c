"""Settings of signing in: the identity provider, and how long a sign-in holds."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from registry.roles import Role
from registry.sessions import SessionLimits

SecretRef = Annotated[str, Field(pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$")]
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class OidcSettings(BaseModel):
    """An identity provider that speaks OpenID Connect (https://openid.net/specs/openid-connect-core-1_0.html)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str = Field("", description="its issuer, such as https://login.example.com/realms/main; empty: none")
    client_id: str = Field("", description="what it calls this server")
    client_secret: SecretRef | None = Field(None, description="env:NAME or file:PATH; none for a public client")
    name: str = Field("single sign-on", max_length=60, description="what stands behind “Sign in with”")
    scopes: tuple[str, ...] = Field(("openid", "profile", "email"), description="what is asked for")
    claim: str = Field("groups", description="the claim that roles are made from; dots lead into objects")
    roles: dict[str, Role | tuple[Role, ...]] = Field(
        default_factory=dict, description="a value of the claim to the role or roles that it gives"
    )
    default_roles: tuple[Role, ...] = Field((), description="roles of whoever signs in and has none by the claim")
    allowed_domains: tuple[str, ...] = Field((), description="domains of e-mail addresses that are let in; none: all")
    trust_emails: bool = Field(
        False, description="take addresses for checked where the provider doesn't say (email_verified)"
    )
    timeout_seconds: float = Field(10, gt=0, le=120, description="how long one answer of the provider may take")

    @field_validator("issuer")
    @classmethod
    def _safe(cls, issuer: str) -> str:
        if issuer and not is_safe(issuer):
            raise ValueError("must begin with https:// (http:// is for a provider on this machine)")
        return issuer

    @field_validator("scopes")
    @classmethod
    def _openid(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in scopes:
            raise ValueError("must hold openid: without it nobody says who signed in")
        return scopes

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.issuer and not self.client_id:
            raise ValueError("client_id is missing: what does the provider call this server?")
        if self.issuer and not self.roles and not self.default_roles:
            raise ValueError("nobody could do anything: give roles by a claim's values, or default_roles")
        if not self.issuer and self.client_id:
            raise ValueError("issuer is missing: who says who somebody is?")
        return self


class SessionSettings(BaseModel):
    """How long a sign-in holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hours: float = Field(24, gt=0, le=24 * 90, description="after which somebody signs in again in any case")
    idle_hours: float = Field(8, gt=0, le=24 * 90, description="after which an unused sign-in ends")

    @property
    def limits(self) -> SessionLimits:
        """The same as the registry takes it."""
        return SessionLimits(idle=timedelta(hours=self.idle_hours), absolute=timedelta(hours=self.hours))


def is_safe(url: str) -> bool:
    """Whether secrets may travel to a URL: over https, or to this machine."""
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    except ValueError:
        return False
