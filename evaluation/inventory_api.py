"""`GET /api/inventory/calls`: calls that name no prompt, by system prompt, over HTTP.

Knows the address, its parameters and the shape of the answer; what ClickHouse raises goes through to the application.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from evaluation.inventory import unmanaged_calls
from registry.errors import AuthPromptNotAllowedError
from registry.roles import Principal, permit
from tracing.clickhouse import ClickHouse

_MOST, _USUALLY = 2_000, 500  # families of 2,000 texts take a worker some seconds beside its calls


class MemberModel(BaseModel):
    """The calls with exactly one system prompt."""

    fingerprint: str = Field(description="`system_prompt_hash` of the calls")
    calls: int


class FamilyModel(BaseModel):
    """Calls whose system prompts are one template filled with different values."""

    fingerprint: str = Field(
        description="that of the member with the most calls; empty for calls without a system prompt"
    )
    calls: int
    template: str | None = Field(
        description="what the texts share, as a Jinja template; null where no text is on record"
    )
    variables: list[str]
    models: dict[str, int] = Field(description="calls by the model that answered, most first")
    callers: dict[str, int] = Field(description="calls by the name of the caller's key")
    first_seen: datetime
    last_seen: datetime
    members: list[MemberModel]


class InventoryModel(BaseModel):
    """Families by their calls, most first."""

    since: datetime
    until: datetime
    calls: int
    fingerprints: int
    families: list[FamilyModel]
    notes: list[str] = Field(description="what was left out, in sentences")


def build_router(clickhouse: ClickHouse, now: Callable[[], datetime], who: Callable[[Request], Principal]) -> APIRouter:
    """The router; `now` is the clock that the window ends at, `who` says who asks.

    These calls belong to no prompt, so whoever is bound to some prompts may not see them.
    """
    router = APIRouter(tags=["inventory"])

    @router.get("/api/inventory/calls")
    async def calls(
        request: Request,
        days: Annotated[float, Query(gt=0, le=3650, description="how far back")] = 30,
        purpose: Annotated[str, Query(description="purpose of the calls, or 'all'")] = "production",
        most: Annotated[int, Query(ge=1, le=_MOST, description="fingerprints to look at, most calls first")] = _USUALLY,
    ) -> InventoryModel:
        """Calls that name no prompt, grouped by their system prompts: the ones to adopt."""
        by = who(request)
        permit(by, "inspect")
        if by.prompts:
            raise AuthPromptNotAllowedError(
                f"{by.name} may use the prompts {', '.join(by.prompts[:20])} only, and these calls name none of them",
                param="prompt",
            )
        found = await unmanaged_calls(
            clickhouse, days=days, now=now(), purpose=None if purpose == "all" else purpose, most=most
        )
        return InventoryModel.model_validate(found.to_json())

    return router
