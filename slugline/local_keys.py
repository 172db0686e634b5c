"""Caller keys in the registry's own database, for the command line.

Knows that all of it takes the role for keys, as `/api/keys` does. Refuses to decide anything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from registry.keys import CallerKey, IssuedKey, KeyTerms
from registry.roles import Principal, permit
from registry.writing.key_store import KeyStore
from slugline.folder import DataFolder

if TYPE_CHECKING:
    from registry.http.keys_api import KeyUse


class LocalKeys:
    """Keys, as `by` works on them. Methods: see `slugline.access`."""

    def __init__(self, store: KeyStore, by: Principal, folder: DataFolder) -> None:
        self._store = store
        self._by = by
        self._folder = folder

    def all_keys(self) -> list[CallerKey]:
        permit(self._by, "manage keys")
        return self._store.all_keys()

    def key(self, key_id: str) -> CallerKey:
        permit(self._by, "manage keys")
        return self._store.key(key_id)

    def use(self, key: CallerKey) -> KeyUse:
        from slugline.compose import use_of

        return use_of(self._folder, key)

    def create(self, terms: KeyTerms) -> IssuedKey:
        return self._store.create(terms, by=self._by)

    def update(self, key_id: str, changes: Mapping[str, Any]) -> CallerKey:
        return self._store.update(key_id, changes, by=self._by)

    def revoke(self, key_id: str, *, reason: str = "") -> CallerKey:
        return self._store.revoke(key_id, reason=reason, by=self._by)
