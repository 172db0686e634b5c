"""Who pays for an evaluation that a server was asked for: the caller key that asked, out of its budget.

Its calls count for the key like calls that were made with it, and none is begun once the budget is spent. As for any call, what is under
way then may still go over it, and one without a known price counts as no dollars. Refuses to know how evaluations run.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from decimal import Decimal

from proxy.admission import budget_spent
from proxy.line import Line
from proxy.meter import NANO
from registry.keys import CallerKey
from registry.writing.key_store import KeyStore
from registry.writing.store import Store
from tracing.event import CallEvent

log = logging.getLogger("slugline.evaluation")

_KEY = "key:"


def payer_of(store: Store, identity: str) -> CallerKey | None:
    """The key that an identity is, None for people without one. Raises RegistryError."""
    return KeyStore(store.engine).key(identity.removeprefix(_KEY)) if identity.startswith(_KEY) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """A key's budget on a request path; without a key there is none."""

    line: Line
    key: CallerKey | None

    def refusal(self) -> str:
        """Why nothing more may be begun, in words; empty while it may."""
        if self.key is None:
            return ""
        found = budget_spent(self.key, self.line.meter, self.line.now())
        return "" if found is None else str(found)

    def charged(self) -> Line:
        """The request path, with the cost of every call counted for the key."""
        if self.key is None:
            return self.line
        key_id, line = self.key.key_id, self.line

        def record(event: CallEvent) -> bool:
            if event.cost is not None or event.outcome == "ok":
                try:
                    line.meter.add(key_id, None if event.cost is None else int(Decimal(event.cost) * NANO), line.now())
                except OSError:
                    log.exception("the cost of call %s could not be added to what key %s spent", event.call_id, key_id)
            return line.record(event)

        return replace(line, record=record)


def may_pay(line: Line, key: CallerKey | None) -> None:
    """Raises BudgetSpent where a key has nothing left for an evaluation."""
    if key is not None and (found := budget_spent(key, line.meter, line.now())) is not None:
        raise found
