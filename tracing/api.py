"""What this room answers over HTTP: scores come in."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from tracing.event import Event
from tracing.scores import Score, score_event

Scores = Annotated[list[Score], Field(min_length=1, max_length=10_000)]


class ScoresAccepted(BaseModel):
    """The ids of the scores, in the order they were posted."""

    ids: list[str]


class NotRecorded(Exception):
    """A score could not be written to the spool (a full disk, say); nothing of the post counts as accepted."""


def build_router(record: Callable[[Event], bool], now: Callable[[], datetime], new_id: Callable[[], str]) -> APIRouter:
    """`POST /api/scores`. Accepted scores are on disk when the answer goes out."""
    router = APIRouter(tags=["scores"])

    @router.post("/api/scores", summary="Score one call or several", status_code=201)
    def post_scores(
        scores: Annotated[Score | Scores, Body(description="one score, or a list of up to 10,000")],
    ) -> ScoresAccepted:
        posted = scores if isinstance(scores, list) else [scores]
        events = [score_event(score, at=now(), new_id=new_id) for score in posted]
        for event in events:
            if not record(event):
                raise NotRecorded(
                    "the scores could not be written to disk: post them again (give each an 'id' to be safe)"
                )
        return ScoresAccepted(ids=[event.score_id for event in events])

    return router
