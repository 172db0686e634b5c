"""The settings below `[alerts.NAME]`: where alerts go. Data with help text.

Nothing but these says where something is sent: no call, no prompt and no alert can name an address.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

OTLP = "otlp"
"""The name of the collector among destinations: alerts go there as events where telemetry's logs do."""

To = Callable[[Sequence[str]], list[str]]
"""The names of the destinations of an alert about some prompts."""

SecretRef = Annotated[str, Field(pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$")]

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_ADDRESS = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")


class DestinationSettings(BaseModel):
    """One destination."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["webhook", "slack", "email"] = Field(
        "webhook", description="a JSON webhook, a webhook as Slack has it, or e-mail"
    )
    prompts: tuple[str, ...] = Field(("*",), description="prompts whose alerts go there, with * as a wildcard")
    url: str = Field("", description="of a webhook: https://… itself, or env:NAME or file:PATH where it is a secret")
    secret: SecretRef | None = Field(None, description="env:NAME or file:PATH; a webhook is signed with it")
    headers: dict[str, str] = Field(
        default_factory=dict, description="headers of a webhook by name; a value env:NAME or file:PATH is read"
    )
    host: str = Field("", description="the mail server")
    port: int | None = Field(None, ge=1, le=65535, description="its port; by default 587, with security = tls 465")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="how the connection to the mail server is encrypted"
    )
    certificate: str = Field("", description="a PEM file with the authorities to trust, instead of the system's")
    user: str = Field("", description="whom to log in as at the mail server")
    password: SecretRef | None = Field(None, description="env:NAME or file:PATH")
    sender: str = Field("", description="the mail's From")
    to: tuple[str, ...] = Field((), description="who gets the mail")
    timeout_seconds: float = Field(10, gt=0, le=120, description="how long one delivery may take")

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.kind == "email":
            if not self.host or not self.sender or not self.to:
                raise ValueError("an e-mail destination takes host, sender and to")
            for address in (self.sender, *self.to):
                if not _ADDRESS.fullmatch(address):
                    raise ValueError(f"{address!r} is no mail address such as oncall@example.com")
            if self.password and self.security == "none":
                raise ValueError("a password is not sent unencrypted: use security = starttls or tls")
            if bool(self.user) != bool(self.password):
                raise ValueError("a login takes both user and password")
        elif not self.url.startswith(("https://", "http://", "env:", "file:")):
            raise ValueError("url is missing: where does the webhook answer? https://…, env:NAME or file:PATH")
        return self

    def takes(self, prompts: Iterable[str]) -> bool:
        """Whether an alert about these prompts goes there."""
        return any(fnmatchcase(prompt, pattern) for prompt in prompts for pattern in self.prompts)


def check_destinations(destinations: dict[str, DestinationSettings]) -> dict[str, DestinationSettings]:
    """The destinations, if their names can be told apart in the record. Raises ValueError."""
    for name in destinations:
        if not _NAME.fullmatch(name) or name == OTLP:
            raise ValueError(
                f"{name!r} can't be a destination's name: a to z, digits, - and _, and not '{OTLP}', which is the collector"
            )
    return destinations


def destinations_for(
    prompts: Iterable[str], destinations: Mapping[str, DestinationSettings], *, collector: bool
) -> list[str]:
    """Where an alert about these prompts goes, by name; with a `collector` there, too."""
    told = list(prompts)
    return [name for name, each in destinations.items() if each.takes(told)] + ([OTLP] if collector else [])
