"""Who uses a fragment, and what a move of it would do, over HTTP.

Knows two routes under /api/prompts. Refuses to decide anything: `registry.writing.fragments` does. RegistryErrors are left to the
application, which maps them by `errors.STATUS`.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import Engine

from registry.http.schemas import DiffOut
from registry.http.terms import By
from registry.reference import check_slug, parse_selector
from registry.roles import permit
from registry.storage.database import reading
from registry.writing.fragments import Effect, FragmentUser, impact, users_of


class FragmentUserOut(BaseModel):
    """A version that uses the fragment."""

    slug: str
    version: int
    version_id: str
    fragment_versions: list[int] = Field(description="versions of the fragment that it is locked to")
    direct: bool = Field(description="false where the fragment only stands inside another of its fragments")
    channels: list[str] = Field(description="channels that the version is on; 'latest' where it is the newest")

    @classmethod
    def of(cls, user: FragmentUser) -> "FragmentUserOut":
        """From the value."""
        same = ("slug", "version_id", "fragment_versions", "direct", "channels")
        return cls(**{name: getattr(user, name) for name in same}, version=user.number)


class FragmentUsersOut(BaseModel):
    """Who uses a fragment: versions that calls get by name now, and earlier ones."""

    fragment: str
    current: list[FragmentUserOut]
    past: list[FragmentUserOut]


class EffectOut(BaseModel):
    """What the move would do to one user, were it saved again."""

    user: FragmentUserOut
    pinned: bool = Field(description="true where its references name a version of the fragment, so that nothing moves")
    changed: bool
    diff: DiffOut
    compiles: bool
    problem: str = Field(description="why it would not compile, or empty")
    newly_required: list[str] = Field(description="variables that calls would have to give then")

    @classmethod
    def of(cls, effect: Effect) -> "EffectOut":
        """From the value."""
        return cls(
            user=FragmentUserOut.of(effect.user),
            pinned=effect.pinned,
            changed=not effect.diff.empty,
            diff=DiffOut.of(effect.diff),
            compiles=not effect.problem,
            problem=effect.problem,
            newly_required=list(effect.newly_required),
        )


class ImpactOut(BaseModel):
    """What would change for every current user if the fragment's `to` were what its references mean."""

    fragment: str
    to: int
    effects: list[EffectOut]


def build_router(engine: Engine, by: By, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> APIRouter:
    """The routes about fragments, on the registry's database; `by` says who asks. Prompts beyond their scope aren't shown."""
    router = APIRouter(prefix="/api/prompts", tags=["prompts"])

    @router.get("/{slug}/users")
    def get_users(slug: str, request: Request) -> FragmentUsersOut:
        """The prompts that include this one as a fragment, with the channels they are live on."""
        me = by(request)
        permit(me, "inspect", slug=check_slug(slug))
        with reading(engine) as connection:
            found = users_of(connection, slug, now=clock())
        current, past = (
            [FragmentUserOut.of(user) for user in users if me.sees(user.slug)] for users in (found.current, found.past)
        )
        return FragmentUsersOut(fragment=found.fragment, current=current, past=past)

    @router.get("/{slug}/impact")
    def get_impact(
        slug: str,
        request: Request,
        to: Annotated[str, Query(description="a number or a channel; the newest version if left out")] = "latest",
    ) -> ImpactOut:
        """What a move of this fragment would change for its users. Nothing is written."""
        me = by(request)
        permit(me, "inspect", slug=check_slug(slug))
        with reading(engine) as connection:
            found = impact(connection, slug, parse_selector(to), now=clock())
        shown = [EffectOut.of(effect) for effect in found.effects if me.sees(effect.user.slug)]
        return ImpactOut(fragment=found.fragment, to=found.to, effects=shown)

    return router
