"""What the playground needs of whoever can make calls, which stands above the pages and is handed in.

Knows what is tried and what comes of it, step by step. Refuses to know the request path, keys and budgets.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from registry.roles import Principal
from registry.values import Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """A call as somebody tries it: a version of a prompt by its number or channel, with the caller's own variables and messages.

    `draft` is content that was edited and not saved, asked in the version's place; without a `slug` it is the messages alone. `model` ""
    is the version's own.
    """

    slug: str = ""
    version: str = ""
    draft: Content | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    messages: Sequence[Mapping[str, Any]] = ()
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The provider answers. `reference` is the version that is asked, "" for a draft."""

    call_id: str
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """More of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How it ended. `error` is "" for an answer; `more` is what is no text of it (tool calls), as JSON. None is unknown."""

    call_id: str = ""
    error: str = ""
    more: str = ""
    model: str = ""
    finish_reason: str = ""
    duration_ms: float | None = None
    first_chunk_ms: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None


Step = Begun | Words | Ended


class Playing(Protocol):
    """Makes calls for people who try things out. They are on record with the purpose `playground`, so they count as nobody's use."""

    def models(self) -> Sequence[str]:
        """Names and patterns of the models that the providers here are said to have."""
        ...

    def run(self, by: Principal, asked: Try) -> AsyncGenerator[Step]:
        """Asks, on the account of whoever tries. The last step is `Ended`; errors are, too. Closed early, the provider's call ends."""
        ...
