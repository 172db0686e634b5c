"""Asks providers until one answers: each route in turn, each again while its failure may pass. The only loop of the request path.

Nothing is asked again once an answer has begun. Every attempt is noted on the draft, those that were passed over included.
"""

import asyncio
from collections.abc import Callable

import msgspec

from proxy.answer import ProviderAnswer
from proxy.dialects.translation import Translation
from proxy.draft import Draft
from proxy.errors import ProxyError, UpstreamBusy, UpstreamFailed, answer_for
from proxy.library import SCHEME
from proxy.line import Line
from proxy.providers import Route
from proxy.retry import LONGEST_WAIT_WITH_ALTERNATIVE, answers_elsewhere, is_providers_failure
from proxy.upstream import UpstreamRequest


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask, in turn, and what: `request` makes the request for one of the routes, or refuses to.

    `translation` gives what lies between the caller's dialect and a route's, None where they agree.
    """

    routes: tuple[Route, ...]
    request: Callable[[Route], UpstreamRequest]
    translation: Callable[[Route], Translation | None]
    retries: int


async def ask(plan: Plan, line: Line, draft: Draft) -> ProviderAnswer:
    """The head of the first answer that will do, else the last failure, as an answer or as an exception."""
    *others, last = plan.routes
    for route in others:
        draft.route = route
        if not line.breakers.allows(route.provider.name):
            draft.note_passed_over("provider_circuit_open")
            continue
        answer = await _tried(route, plan, line, draft)
        if answer is not None:
            return answer
    draft.route = last
    return await _asked(last, plan, line, draft, alternative=False)


async def _tried(route: Route, plan: Plan, line: Line, draft: Draft) -> ProviderAnswer | None:
    """An answer for the caller, or None where somebody else shall be asked."""
    try:
        answer = await _asked(route, plan, line, draft, alternative=True)
    except UpstreamFailed as error:
        draft.note_attempt(answer_for(error).status, error.code, line.clock())
        return None
    except ProxyError as error:  # this provider can't be asked that
        if route is plan.routes[0]:
            raise
        draft.note_passed_over(error.code)
        return None
    if not answers_elsewhere(answer.status):
        return answer
    answer.close()
    draft.note_attempt(answer.status, "provider_error", line.clock())
    return None


async def _asked(route: Route, plan: Plan, line: Line, draft: Draft, *, alternative: bool) -> ProviderAnswer:
    """One route's answer or failure, after `retries` at most."""
    request = plan.request(route)
    name = route.provider.name
    sender = line.library if request.url.startswith(SCHEME) else line.upstream
    tries = 0
    while True:
        tries += 1
        draft.attempt_started = line.clock()
        try:
            answer = await sender.send(request, queue=not alternative)
        except UpstreamFailed as error:
            if not isinstance(error, UpstreamBusy):
                line.breakers.note(name, failed=True)
            wait = line.wait_before_retry(error, (), tries)
            if not _again(wait, tries, plan, alternative):
                raise
            draft.note_attempt(answer_for(error).status, error.code, line.clock())
        else:
            line.breakers.note(name, failed=is_providers_failure(answer.status))
            wait = line.wait_before_retry(answer.status, answer.headers, tries)
            if not _again(wait, tries, plan, alternative):
                return answer
            answer.close()
            draft.note_attempt(answer.status, "provider_error", line.clock())
        await asyncio.sleep(wait or 0)


def _again(wait: float | None, tries: int, plan: Plan, alternative: bool) -> bool:
    """Whether the same provider is asked again; where there is another, nobody waits long for this one."""
    if wait is None or tries > plan.retries:
        return False
    return not (alternative and wait > LONGEST_WAIT_WITH_ALTERNATIVE)
