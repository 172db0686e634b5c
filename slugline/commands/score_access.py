"""Scores as a command works on them, wherever that is: a server that is asked over HTTP, or the data here.

Knows both ways and chooses between them by the options and SLUGLINE_URL. Both give the same values. Refuses to know how they are shown.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote
from uuid import uuid4

if TYPE_CHECKING:
    from slugline.client import ServerClient
    from slugline.settings import Settings
    from tracing.event import TargetKind


class ScoreAccess(Protocol):
    """Where scores are. Values are those of `/api/scores` (`tracing.api`)."""

    def post(self, score: Mapping[str, Any]) -> str:
        """Post one score; its id. It needs an `id`, so that it is posted once however often it is sent."""
        ...

    def page(self, **chosen: Any) -> dict[str, Any]:
        """A page of scores: `scores`, and `next` for the one behind it."""
        ...

    def show(self, score_id: str) -> dict[str, Any]:
        """A score and its history."""
        ...

    def delete(self, score_id: str) -> None:
        """Take a score away."""
        ...


@contextlib.contextmanager
def score_access(data: Path | None, config: Path | None, server: str | None) -> Iterator[ScoreAccess]:
    """Where the options and SLUGLINE_URL say that scores are; options win. Raises SettingsError."""
    from slugline.client import ServerClient, key_text
    from slugline.commands.options import settings_for
    from slugline.settings import SettingsError

    if server and data:
        raise SettingsError("--data and --server name two places: leave one of them out")
    here = server is None and (data is not None or config is not None)
    url = "" if here else (server or os.environ.get("SLUGLINE_URL", "")).strip()
    if url:
        from slugline.acting import local_user

        with contextlib.closing(ServerClient(url, key=key_text(os.environ), actor=local_user())) as client:
            yield _ServerScores(client)
    else:
        yield _LocalScores(settings_for(data, config))


class _ServerScores:
    """The keys only say that a request may be sent again: a score's own id makes it happen once, and may hold what no header can."""

    def __init__(self, client: ServerClient) -> None:
        self._client = client

    def post(self, score: Mapping[str, Any]) -> str:
        posted = self._client.send("POST", "/api/scores", score, idempotency_key=str(uuid4()))
        return str(posted["ids"][0])

    def page(self, **chosen: Any) -> dict[str, Any]:
        given = {name: _text(value) for name, value in chosen.items() if value not in (None, "", 0)}
        if chosen.get("orphan") is not None:
            given["orphan"] = str(chosen["orphan"]).lower()
        found: dict[str, Any] = self._client.get("/api/scores", **given)
        return found

    def show(self, score_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self._client.get(f"/api/scores/{quote(score_id, safe='')}")
        return found

    def delete(self, score_id: str) -> None:
        self._client.send("DELETE", f"/api/scores/{quote(score_id, safe='')}", {}, idempotency_key=str(uuid4()))


class _LocalScores:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def post(self, score: Mapping[str, Any]) -> str:
        from slugline.acting import local_user
        from slugline.clock import new_id, now
        from slugline.settings import SettingsError
        from tracing.scores import Score, score_events

        try:
            [event] = score_events([Score(**score)], at=now(), new_id=new_id, posted_by=local_user())
        except ValueError as error:
            raise SettingsError(_reason(error)) from error
        self._record(event)
        return event.score_id

    def page(self, **chosen: Any) -> dict[str, Any]:
        from slugline.settings import SettingsError
        from tracing.score_models import page_model, place
        from tracing.score_reads import ScoreFilter, scores_page

        given = {name: value for name, value in chosen.items() if value is not None and name != "after"}
        after = place(chosen.get("after") or "")
        if chosen.get("after") and after is None:
            raise SettingsError("--after takes `next` of the page before")
        limit = int(given.get("limit", 100))

        async def ask() -> list[dict[str, Any]]:
            from slugline.records import open_records

            async with open_records(self._settings) as records:
                return await scores_page(records, ScoreFilter(**{**given, "after": after, "limit": limit}))

        rows = asyncio.run(ask())
        return page_model(rows, limit).model_dump(mode="json")

    def show(self, score_id: str) -> dict[str, Any]:
        from slugline.settings import SettingsError
        from tracing.score_models import history_model
        from tracing.score_reads import score_and_history

        async def ask() -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
            from slugline.records import open_records

            async with open_records(self._settings) as records:
                return await score_and_history(records, score_id)

        score, history = asyncio.run(ask())
        if score is None and not history:
            raise SettingsError(f"no score '{score_id}' on record (a score shows about a second after it was posted)")
        return history_model(score, history).model_dump(mode="json")

    def delete(self, score_id: str) -> None:
        from slugline.acting import local_user
        from slugline.clock import now
        from slugline.settings import SettingsError
        from tracing.clickhouse import ClickHouseRefused, ClickHouseUnavailable
        from tracing.scores import deletion

        known: dict[str, Any] = {}
        with contextlib.suppress(ClickHouseUnavailable, ClickHouseRefused, SettingsError):
            known = self.show(score_id)["score"] or {}
        target: tuple[TargetKind, str] = (known["target_kind"], known["target"]) if known else ("call", "")
        self._record(
            deletion(score_id, at=now(), posted_by=local_user(), target=target, name=str(known.get("name", "")))
        )

    def _record(self, event: Any) -> None:
        from slugline.folder import DataFolder
        from slugline.recording import open_recorder
        from slugline.settings import SettingsError
        from tracing.spool import Spool, SpoolFolders

        spool = Spool(SpoolFolders.at(DataFolder(self._settings.data).spool), bounds=self._settings.spool_bounds)
        recorded = open_recorder(self._settings, os.environ, spool.append)(event)
        spool.close()
        if not recorded:
            raise SettingsError(f"the score could not be written: {spool.counts.last_error}")


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _reason(error: ValueError) -> str:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return str(error)
    told = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"])
        told.append(f"{where}: {problem['msg']}" if where else problem["msg"])
    return "; ".join(told).replace("Value error, ", "")
