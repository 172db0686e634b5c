"""The shapes in which scores go over HTTP, and how rows become them. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from tracing.event import ScoreKind, TargetKind


class ScoresAccepted(BaseModel):
    """The ids of the scores, in the order they were posted."""

    ids: list[str]


class ScoreModel(BaseModel):
    """A score with the call that it belongs to."""

    id: str
    target_kind: TargetKind = Field(description="by what the score names its call")
    target: str
    orphan: bool = Field(description="true while no such call is on record")
    call_id: str | None
    trace_id: str
    external_id: str
    ts: datetime
    name: str
    value: bool | float | str | None
    kind: ScoreKind
    source: str
    scorer: str
    scorer_version: str
    parsed: bool
    comment: str
    prompt: str
    version: int
    channel: str
    model_served: str
    purpose: str


class ScoresModel(BaseModel):
    """A page of scores, newest first."""

    scores: list[ScoreModel]
    next: str | None = Field(description="what `after` takes for the next page; null on the last one")


class ScoreEventModel(BaseModel):
    """What was posted of a score at one time."""

    received_at: datetime
    deleted: bool
    posted_by: str
    ts: datetime
    name: str
    value: bool | float | str | None
    kind: ScoreKind
    source: str
    scorer: str
    scorer_version: str
    parsed: bool
    comment: str


class ScoreHistoryModel(BaseModel):
    """A score as it is now, null once it is deleted, and all that was posted of it, newest first."""

    score: ScoreModel | None
    history: list[ScoreEventModel]


class ScoreDeleted(BaseModel):
    """The score is taken away; its history stays."""

    id: str
    deleted: Literal[True] = True


def page_model(rows: Sequence[Mapping[str, Any]], limit: int) -> ScoresModel:
    """Rows of a page as the API gives them; a full page has another one behind it, as far as can be told."""
    following = f"{rows[-1]['at_ms']}~{rows[-1]['score_id']}" if len(rows) == limit else None
    return ScoresModel(scores=[score_model(row) for row in rows], next=following)


def score_model(row: Mapping[str, Any]) -> ScoreModel:
    """A row of the view `scores` as the API gives it."""
    orphan = bool(row["orphan"])
    return ScoreModel(
        **{
            name: row[name]
            for name in ScoreModel.model_fields
            if name in row and name not in {"call_id", "orphan", "value", "ts"}
        },
        ts=_utc(row["ts"]),
        id=row["score_id"],
        orphan=orphan,
        call_id=None if orphan else str(row["call_id"]),
        value=_value(row),
    )


def history_model(score: Mapping[str, Any] | None, history: Sequence[Mapping[str, Any]]) -> ScoreHistoryModel:
    """A row of `scores` and rows of `score_history` as the API gives them."""
    return ScoreHistoryModel(
        score=None if score is None else score_model(score),
        history=[
            ScoreEventModel(
                **{
                    **event,
                    "value": _value(event),
                    "ts": _utc(event["ts"]),
                    "received_at": _utc(event["received_at"]),
                }
            )
            for event in history
        ],
    )


def place(after: str) -> tuple[int, str] | None:
    """Where a page ended, from its `next`; None for "" and for what is none."""
    milliseconds, separator, score_id = after.partition("~")
    sign, digits = milliseconds[:1] == "-", milliseconds.removeprefix("-")
    if not separator or not digits.isdecimal() or len(digits) > 18:
        return None
    return (-int(digits) if sign else int(digits)), score_id


def _utc(time: datetime) -> datetime:
    """The columns are in UTC; the driver gives their times without a zone."""
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time


def _value(row: Mapping[str, Any]) -> bool | float | str | None:
    if not row["parsed"] and row["value"] is None and not row["label"]:
        return None
    if row["kind"] == "bool":
        return None if row["value"] is None else bool(row["value"])
    return row["value"] if row["kind"] == "number" else str(row["label"])
