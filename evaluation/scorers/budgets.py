"""Checks against a budget: did a call take too long, or cost too much. Pure."""

from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from evaluation.scorers.subject import Scored, Subject, unparsed


class LatencyOptions(BaseModel):
    """Options of `latency`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_ms: float = Field(gt=0)
    of: Literal["answer", "first_chunk"] = Field(
        "answer", description="time to the answer's end, or to a stream's first chunk"
    )


class CostOptions(BaseModel):
    """Options of `cost`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_usd: float = Field(gt=0, description="US dollars a call")


def latency(options: LatencyOptions) -> Callable[[Subject], Scored | None]:
    """Was the answer there in time? For `first_chunk`, calls that were not streamed are not scored."""

    def check(subject: Subject) -> Scored | None:
        took = subject.duration_ms if options.of == "answer" else subject.first_chunk_ms
        return None if took is None else Scored(value=took <= options.max_ms, comment=f"{took:.0f} ms")

    return check


def cost(options: CostOptions) -> Callable[[Subject], Scored | None]:
    """Did the call stay within its price? A call without a price is unparsed: unknown is not free."""

    def check(subject: Subject) -> Scored | None:
        if subject.cost is None:
            return unparsed("the call has no price")
        return Scored(value=subject.cost <= options.max_usd, comment=f"{subject.cost:.6f} $")

    return check
