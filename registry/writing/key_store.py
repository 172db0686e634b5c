"""The one write path for caller keys, with the reads that people ask for.

Knows what each write requires and changes; every one takes the registry's next revision and leaves an event, as in
`registry.writing.store`. Refuses to know HTTP, and who may make keys. A key's text passes through `create` and is kept nowhere.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert, update

from registry.errors import AuthKeyConflictError, AuthKeyEndedError, AuthKeyNotFoundError, nearest
from registry.keys import (
    KEY_TEXT,
    PREFIX,
    CallerKey,
    IssuedKey,
    KeyTerms,
    as_json,
    changes_between,
    check_terms,
    key_hash,
    new_key_id,
    new_secret,
)
from registry.roles import Principal, permit
from registry.storage import rows
from registry.storage.database import reading, writing
from registry.storage.tables import caller_keys
from registry.writing.ledger import Act, enter, next_stamp, repeated


class KeyStore:
    """Reads and writes caller keys; safe to use from many threads at once.

    `below(n)` gives a random number under n, fit for secrets. All methods raise RegistryUnavailableError when the database can't be
    used, writes AuthRoleNotAllowedError where `by` may not.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        below: Callable[[int], int] = secrets.randbelow,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._below = below
        self._turn = threading.Lock()

    def all_keys(self) -> list[CallerKey]:
        """Every key that was ever made, oldest first."""
        with reading(self._engine) as connection:
            return rows.read_keys(connection)

    def key(self, key_id: str) -> CallerKey:
        """One key. Raises AuthKeyNotFoundError."""
        with reading(self._engine) as connection:
            return _known(connection, key_id)

    def create(self, terms: KeyTerms, *, by: Principal, request_id: str = "", idempotency_key: str = "") -> IssuedKey:
        """Make a key. Its text is in what this gives, and nowhere else afterwards.

        Raises AuthKeyInvalidError, and AuthKeyConflictError where a key was made already under this `idempotency_key`.
        """
        _manage(by)
        now = self._clock()
        terms = check_terms(terms, now)
        secret = new_secret(self._below)
        with self._turn, writing(self._engine) as connection:
            once = replace(
                _act("key.create", by, {}, request_id), idempotency_key=idempotency_key, asked=as_json(terms)
            )
            if (done := repeated(connection, once)) is not None:
                raise AuthKeyConflictError(
                    f"this made the key {done.evidence['key_id']} already, and its text was shown then: roll that key if it is lost"
                )
            revision, at = stamp = next_stamp(connection, now)
            key = CallerKey(
                key_id=new_key_id(self._below),
                hash=key_hash(secret.text),
                hint=secret.text[-4:],
                terms=terms,
                created_at=at,
                created_by=by.name,
                revision=revision,
            )
            own = {each.name: getattr(key, each.name) for each in fields(CallerKey) if each.name != "terms"}
            connection.execute(insert(caller_keys).values({**own, **_columns(terms)}))
            evidence = {"key_id": key.key_id, **as_json(terms)}
            enter(connection, once.about(evidence=evidence), stamp)
        return IssuedKey(key=key, secret=secret)

    def update(
        self,
        key_id: str,
        changes: Mapping[str, Any],
        *,
        by: Principal,
        if_match: int | None = None,
        request_id: str = "",
    ) -> CallerKey:
        """Change some of a key's terms, by their names in KeyTerms; what is the same already writes nothing.

        Raises AuthKeyNotFoundError, AuthKeyEndedError for a revoked key, AuthKeyInvalidError, and AuthKeyConflictError by `if_match`.
        """
        _manage(by)
        with self._turn, writing(self._engine) as connection:
            key = _known(connection, key_id)
            if key.revoked_at is not None:
                raise AuthKeyEndedError(
                    f"key {key.key_id} was revoked at {key.revoked_at:%Y-%m-%d %H:%M} UTC: create another",
                    param="key_id",
                )
            if if_match is not None and if_match != key.revision:
                raise AuthKeyConflictError(
                    f"key {key.key_id} was changed by somebody else: If-Match names revision {if_match}, it is at revision "
                    f"{key.revision} now; read it again and decide anew",
                    param="If-Match",
                )
            now = self._clock()
            wanted = replace(key.terms, **changes)
            if "expires_at" not in changes:  # a key that has expired may still be given a new name, say
                wanted = replace(check_terms(replace(wanted, expires_at=None), now), expires_at=key.terms.expires_at)
            else:
                wanted = check_terms(wanted, now)
            differences = changes_between(key.terms, wanted)
            if not differences:
                return key
            revision, _ = stamp = next_stamp(connection, now)
            here = caller_keys.c.key_id == key.key_id
            connection.execute(update(caller_keys).where(here).values({**_columns(wanted), "revision": revision}))
            evidence = {"key_id": key.key_id, "name": key.terms.name, "changes": differences}
            enter(connection, _act("key.update", by, evidence, request_id), stamp)
            return _known(connection, key.key_id)

    def revoke(self, key_id: str, *, reason: str = "", by: Principal, request_id: str = "") -> CallerKey:
        """End a key for good. Once this has returned, no worker takes it any more. Revoked already, it stays as it is.

        Raises AuthKeyNotFoundError.
        """
        _manage(by)
        with self._turn, writing(self._engine) as connection:
            key = _known(connection, key_id)
            if key.revoked_at is not None:
                return key
            revision, at = stamp = next_stamp(connection, self._clock())
            ended = {"revoked_at": at, "revoked_by": by.name, "revision": revision}
            connection.execute(update(caller_keys).where(caller_keys.c.key_id == key.key_id).values(ended))
            act = _act("key.revoke", by, {"key_id": key.key_id, "name": key.terms.name}, request_id)
            enter(connection, replace(act, reason=reason.strip()[:10_000]), stamp)
            return _known(connection, key.key_id)


def _known(connection: Connection, key_id: str) -> CallerKey:
    """The key with this id; a key's own text leads to it, too: that is what people have who found one where it doesn't belong."""
    where = caller_keys.c.key_id == key_id
    if KEY_TEXT.fullmatch(key_id):
        where = caller_keys.c.hash == key_hash(key_id)
    found = rows.read_keys(connection, where)
    if found:
        return found[0]
    shown = f"{PREFIX}…" if PREFIX in key_id else key_id[:100]
    keys = rows.read_keys(connection)
    named = [key.key_id for key in keys if key.terms.name == key_id]
    guess = named[0] if named else nearest(key_id, [key.key_id for key in keys])
    hint = f"; did you mean '{guess}'?" if guess else "; `slugline key list` shows those that exist"
    raise AuthKeyNotFoundError(f"no key has the id '{shown}'{hint}", param="key_id")


def _columns(terms: KeyTerms) -> dict[str, Any]:
    columns = {each.name: getattr(terms, each.name) for each in fields(KeyTerms) if each.name != "roles"}
    columns["role"] = ",".join(terms.roles)
    columns["budget_usd"] = None if terms.budget_usd is None else format(terms.budget_usd, "f")
    return columns


def _manage(by: Principal) -> None:
    """Keys open every prompt, so whoever is limited to some can't make any."""
    permit(by, "manage keys", slug="" if by.prompts else None)


def _act(action: str, by: Principal, evidence: Mapping[str, Any], request_id: str) -> Act:
    """A key belongs to no prompt, hence the empty slug; no prompt can be called that."""
    return Act(action=action, slug="", by=by, evidence=evidence, request_id=request_id)
