"""What leads a version onto a protected channel: the next command, after a refusal and below a request.

Knows what requests there are and what they lack. Refuses to decide: the registry does that when the command comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.values import PromotionRequest
    from slugline.access import Access


def next_step(access: Access, slug: str, channel: str, versions: Sequence[int | None]) -> str:
    """The next command after a refusal to put one of the versions (None: the newest) on a channel."""
    newest = access.prompt(slug).latest
    for version in [newest if number is None else number for number in versions]:
        still = access.lacking(slug, channel, version)
        if still:
            there = [
                request
                for request in access.requests(slug)
                if (request.channel, request.version) == (channel, version) and request.state in {"open", "rejected"}
            ]
            return for_version(slug, channel, version, still, there)
    return "nothing is missing any more; try again"


def for_version(slug: str, channel: str, version: int, still: Sequence[str], there: Sequence[PromotionRequest]) -> str:
    """The next command for a version that lacks something, by the requests that are open or rejected."""
    rejected = [request for request in there if request.state == "rejected"]
    if rejected:
        return (
            f"save another version, or withdraw what was rejected (`slugline prompt withdraw {rejected[0].request_id}`) and "
            f"ask anew with `{ask(slug, channel, version)}`"
        )
    if not any("approval" in sentence for sentence in still):
        return f"evaluate version {version}; once it has passed, {_promote(slug, channel, version)}"
    if there:
        return f"somebody else approves with `slugline prompt review approve {there[0].request_id}`"
    return f"`{ask(slug, channel, version)}`"


def after_review(request: PromotionRequest) -> str:
    """What a request leads to next; empty where it has come to its end."""
    if request.state == "rejected":
        return for_version(request.slug, request.channel, request.version, request.missing, [request])
    if request.state != "open":
        return ""
    if request.missing:
        return for_version(request.slug, request.channel, request.version, request.missing, [request])
    return _promote(request.slug, request.channel, request.version)


def ask(slug: str, channel: str, version: int) -> str:
    """The command that asks for a promotion."""
    return f'slugline prompt request {slug} {version} --channel {channel} -m "why"'


def _promote(slug: str, channel: str, version: int) -> str:
    return f'`slugline prompt promote {slug} {version} --channel {channel} -m "why"`'
