"""What the pages about people, access and the server itself are handed, from above and from the registry. Knows names only."""

from __future__ import annotations

from dataclasses import dataclass

from dashboards.health import Health
from dashboards.signing import SigningIn
from registry.http.keys_api import Use
from registry.writing.key_store import KeyStore
from registry.writing.session_store import SessionStore
from registry.writing.share_store import ShareStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """`signing` signs people in; `keys`, `people` and `shares` are the registry's; `use` counts what keys were used; `health` looks at the
    server; `public_url` is where people reach it, "" for where they do now."""

    signing: SigningIn
    keys: KeyStore
    people: SessionStore
    shares: ShareStore
    use: Use
    health: Health
    public_url: str
