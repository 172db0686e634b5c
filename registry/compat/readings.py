"""What a reference in another product's terms may mean here, in the order to be tried.

Knows the two ambiguities there are: `production` is those products' name for what `stable` is here, and LiteLLM writes
version 2 of `name` as `name.v2`, which could be a slug of its own. Refuses to know how a call spells its reference.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from registry.errors import PromptChannelNotFoundError, PromptNotFoundError, PromptVersionNotFoundError
from registry.reference import Reference
from registry.serving.live import LiveRegistry, Resolved
from registry.split import Caller
from registry.storage.reader import STABLE

PRODUCTION = "production"
_VERSIONED = re.compile(r"(?P<slug>.+)[._]v(?P<number>[1-9][0-9]{0,8})")
_NOT_THERE = (PromptNotFoundError, PromptChannelNotFoundError, PromptVersionNotFoundError)


def labelled(reference: Reference) -> tuple[Reference, ...]:
    """Readings where the selector is a label: `production` is `stable` for prompts without a channel of that name."""
    if reference.selector != PRODUCTION:
        return (reference,)
    return (reference, Reference(slug=reference.slug, selector=STABLE))


def versioned(reference: Reference) -> tuple[Reference, ...]:
    """Readings where the slug may carry a number: `name.v2` (or `name_v2`) is version 2 of `name` if there is no such slug.

    A selector beside it has to say the same, else the slug is taken as it stands.
    """
    found = _VERSIONED.fullmatch(reference.slug)
    if found is None or reference.selector not in (None, int(found["number"])):
        return (reference,)
    return (reference, Reference(slug=found["slug"], selector=int(found["number"])))


def resolve_first(
    live: LiveRegistry, readings: Sequence[Reference], *, looked: bool = False, caller: Caller | None = None
) -> Resolved:
    """The version that the first reading which leads somewhere means; `looked` and `caller` as in LiveRegistry.resolve.

    Raises what LiveRegistry.resolve raises: where no reading leads anywhere, for the one that came nearest, which is the last
    whose prompt exists.
    """
    nearest: PromptNotFoundError | PromptChannelNotFoundError | PromptVersionNotFoundError | None = None
    for reference in readings:
        try:
            return live.resolve(reference, looked=looked, caller=caller)
        except _NOT_THERE as error:
            if nearest is None or not isinstance(error, PromptNotFoundError):
                nearest = error
    if nearest is None:
        raise ValueError("there must be a reading")
    raise nearest
