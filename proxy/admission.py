"""What stands before and behind every call: who calls, may they still, and what did it cost them.

Knows the order: key, headers without it, endpoint, budget, rate. Refuses to read a body: whoever has no key costs next to nothing. Notes
on the draft what it learns, so that a call which is turned away is on record with its caller.
"""

import logging
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from proxy.auth import authenticate, check_endpoint, check_role, masked, presented_key, without_keys
from proxy.draft import Draft
from proxy.errors import BudgetSpent, NotAuthenticated, RateLimited, RequestRefused
from proxy.line import CallRequest, Line
from proxy.meter import NANO, Allowance, Meter
from registry.keys import KEY_TEXT, PREFIX, CallerKey
from tracing.event import Outcome

log = logging.getLogger("slugline.proxy")

_ANSWERED: frozenset[Outcome] = frozenset({"ok", "client_left", "timeout"})


def admit(call: CallRequest, line: Line, draft: Draft) -> CallRequest:
    """The call without its key, if it may go on.

    Raises NotAuthenticated, NotAllowed, BudgetSpent, RateLimited, and RequestRefused for a key that stands where it would be kept.
    """
    before = line.clock()
    try:
        if not call.own:
            return _admit(call, line, draft)
        if call.payer is not None:
            _bill(call.payer, call, line, draft)
        return call
    finally:
        draft.timings["auth"] = line.clock() - before


def _admit(call: CallRequest, line: Line, draft: Draft) -> CallRequest:
    draft.endpoint = masked(call.endpoint.name)
    try:
        key = authenticate(call.headers, line.registry, draft.at, required=line.key_required)
    except NotAuthenticated as error:
        draft.caller = error.caller
        raise
    if key is not None:
        draft.caller, draft.key = key.terms.name, key
    _nowhere_else(call, presented_key(call.headers))
    cleaned = without_keys(call.headers)
    if cleaned is not call.headers:
        call = msgspec.structs.replace(call, headers=cleaned)
    if key is not None:
        _bill(key, call, line, draft)
    return call


def _bill(key: CallerKey, call: CallRequest, line: Line, draft: Draft) -> None:
    """Holds a call to the terms of the key that pays for it."""
    draft.caller, draft.key = key.terms.name, key
    check_role(key)
    check_endpoint(key, call.endpoint.name)
    _within_limits(key, line, draft)


def may_call(headers: Mapping[str, str], line: Line) -> bool:
    """Whether a request with these headers would be let in: asked before a large body is read."""
    try:
        authenticate(headers, line.registry, line.now(), required=line.key_required)
    except NotAuthenticated:
        return False
    return True


def settle(draft: Draft, line: Line, outcome: Outcome, cost: str | None) -> None:
    """Adds what a call cost to what its key has spent. A call that is not counted is logged, never failed."""
    if draft.key is None or (cost is None and (draft.asked is None or outcome not in _ANSWERED)):
        return
    try:
        line.meter.add(draft.key.key_id, None if cost is None else int(Decimal(cost) * NANO), line.now())
    except OSError:
        log.exception("the cost of call %s could not be added to what key %s spent", draft.call_id, draft.key.key_id)


def budget_spent(key: CallerKey, meter: Meter, at: datetime) -> BudgetSpent | None:
    """The error for a key whose budget is spent at a moment; None while there is something left, or for a key without a budget."""
    terms = key.terms
    if terms.budget_usd is None or terms.budget_period is None:
        return None
    if meter.spent(key.key_id, terms.budget_period, at) < terms.budget_usd * NANO:
        return None
    return BudgetSpent(
        f"the key '{terms.name}' has spent its budget of {terms.budget_usd:f} US dollars"
        f"{'' if terms.budget_period == 'total' else ' a ' + terms.budget_period}: "
        f"{_next_period(terms.budget_period, at)}",
        code="auth_budget_spent",
    )


def _nowhere_else(call: CallRequest, text: str | None) -> None:
    """A key in the URL or the body would go on to the provider and onto the record.

    The body is searched for the very key that was sent: anything else that looks like one may be part of a long random text.
    """
    where = ""
    if any(PREFIX in part and masked(part) != part for part in (call.query, call.endpoint.path, call.prompt or "")):
        where = "URL"
    elif text is not None and KEY_TEXT.fullmatch(text) and text.encode() in call.body:
        where = "body"
    if where:
        raise RequestRefused(
            f"a Slugline key stands in the request's {where}, where others would read it: send it in a header only, and since "
            "it may have been seen, make a new one",
            code="auth_key_exposed",
        )


def _within_limits(key: CallerKey, line: Line, draft: Draft) -> None:
    terms = key.terms
    if (spent := budget_spent(key, line.meter, draft.at)) is not None:
        draft.limit_headers = (("x-should-retry", "false"),)  # what OpenAI's SDKs go by
        raise spent
    try:
        allowance = line.meter.take(key.key_id, terms.requests_per_minute, draft.at)
    except OSError:
        log.exception("a request of key %s could not be counted; it goes on", key.key_id)
        return
    if allowance is None:
        return
    draft.limit_headers = _limit_headers(allowance)
    if not allowance.allowed:
        raise RateLimited(
            f"the key '{terms.name}' may make {allowance.limit:,} requests a minute: the next one in "
            f"{math.ceil(allowance.retry_seconds)} s",
            code="auth_rate_limited",
        )


def _limit_headers(allowance: Allowance) -> tuple[tuple[str, str], ...]:
    """OpenAI's names (https://platform.openai.com/docs/guides/rate-limits); an SDK waits as long as `retry-after` says."""
    headers = [
        ("x-ratelimit-limit-requests", str(allowance.limit)),
        ("x-ratelimit-remaining-requests", str(allowance.remaining)),
        ("x-ratelimit-reset-requests", f"{allowance.reset_seconds:.3f}s"),
    ]
    if not allowance.allowed:
        headers.append(("retry-after", str(max(1, math.ceil(allowance.retry_seconds)))))
    return tuple(headers)


def _next_period(period: str, at: datetime) -> str:
    """When there is money again, in words."""
    if period == "total":
        return "it has to be raised before the key can be used again"
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    begin = day + timedelta(days=1) if period == "day" else (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return f"the next {period} begins at {begin:%Y-%m-%d %H:%M} UTC"
