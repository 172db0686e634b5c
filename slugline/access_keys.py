"""What the command line needs of caller keys, wherever the registry is; `slugline.access` for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from registry.http.keys_api import KeyUse
    from registry.keys import CallerKey, IssuedKey, KeyTerms


class KeyAccess(Protocol):
    """Caller keys. All take the role admin."""

    def all_keys(self) -> Sequence[CallerKey]:
        """Every key that was ever made, oldest first. Over HTTP their `hash` is empty."""
        ...

    def key(self, key_id: str) -> CallerKey:
        """One key. Raises AuthKeyNotFoundError."""
        ...

    def use(self, key: CallerKey) -> KeyUse:
        """How much a key was used on the registry's machine."""
        ...

    def create(self, terms: KeyTerms) -> IssuedKey:
        """Make a key."""
        ...

    def update(self, key_id: str, changes: Mapping[str, Any]) -> CallerKey:
        """Change some of a key's terms, by their names in KeyTerms."""
        ...

    def revoke(self, key_id: str, *, reason: str = "") -> CallerKey:
        """End a key for good."""
        ...
