"""Caller keys of a registry behind a server. Knows routes; refuses to decide anything."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from registry.keys import CallerKey, IssuedKey, KeyTerms, Secret, as_json, check_terms, plain
from slugline.answers import key_of, named, value_of
from slugline.client import ServerClient
from slugline.remote_reads import part

if TYPE_CHECKING:
    from registry.http.keys_api import KeyUse


class RemoteKeys:
    """Keys, as the key's holder works on them. Methods: see `slugline.access`."""

    def __init__(self, client: ServerClient) -> None:
        self._client = client

    def all_keys(self) -> list[CallerKey]:
        return [key_of(each) for each in named(self._client.get("/api/keys"), "keys")]

    def key(self, key_id: str) -> CallerKey:
        return key_of(self._client.get(f"/api/keys/{part(key_id)}"))

    def use(self, key: CallerKey) -> KeyUse:
        from registry.http.keys_api import KeyUse

        return value_of(KeyUse, named(self._client.get(f"/api/keys/{part(key.key_id)}"), "use"))

    def create(self, terms: KeyTerms) -> IssuedKey:
        terms = check_terms(terms, datetime.now(UTC))  # in the same words as here; the server checks them anew
        made = self._client.send("POST", "/api/keys", as_json(terms))
        return IssuedKey(key=key_of(made), secret=Secret(named(made, "key")))

    def update(self, key_id: str, changes: Mapping[str, Any]) -> CallerKey:
        body = {name: plain(value) for name, value in changes.items()}
        return key_of(self._client.send("PATCH", f"/api/keys/{part(key_id)}", body))

    def revoke(self, key_id: str, *, reason: str = "") -> CallerKey:
        return key_of(self._client.send("POST", f"/api/keys/{part(key_id)}/revoke", {"reason": reason}))
