"""What leads a version onto a channel: the next command, after a refusal, below a request, and in a prompt's status.

Knows what requests there are and what they lack. Refuses to decide: the registry does that when the command comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.values import PromotionRequest
    from slugline.access import Access


def next_step(access: Access, slug: str, channel: str, versions: Sequence[int | None]) -> str:
    """The next command that brings one of the versions (None: the newest) onto a channel, by the first that lacks something."""
    newest = access.prompt(slug).latest
    wanted = [newest if number is None else number for number in versions]
    for version in wanted:
        still = access.lacking(slug, channel, version)
        if still:
            asked = [each for each in access.requests(slug) if (each.channel, each.version) == (channel, version)]
            return _onward(
                slug, channel, version, still, [each for each in asked if each.state in {"open", "rejected"}]
            )
    return promotion(slug, channel, wanted[0])


def after_review(request: PromotionRequest) -> str:
    """What a request leads to next; empty where it has come to its end."""
    if request.state not in {"open", "rejected"}:
        return ""
    if request.state == "open" and not request.missing:
        return promotion(request.slug, request.channel, request.version)
    return _onward(request.slug, request.channel, request.version, request.missing, [request])


def promotion(slug: str, channel: str, version: int) -> str:
    """The command that puts a version on a channel."""
    return f'`slugline prompt promote {slug} {version} --channel {channel} -m "why"`'


def _onward(slug: str, channel: str, version: int, still: Sequence[str], there: Sequence[PromotionRequest]) -> str:
    ask = f'`slugline prompt request {slug} {version} --channel {channel} -m "why"`'
    rejected = [request for request in there if request.state == "rejected"]
    if rejected:
        taken_back = f"`slugline prompt withdraw {rejected[0].request_id}`"
        return f"save another version; or withdraw what was rejected ({taken_back}) and ask anew with {ask}"
    if not any("approval" in sentence for sentence in still):
        return f"evaluate version {version}; once it has passed, {promotion(slug, channel, version)}"
    if there:
        return f"somebody else approves it with `slugline prompt review approve {there[0].request_id}`"
    return ask
