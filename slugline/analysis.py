"""Quality and drift as a command sees them: asked of ClickHouse here, or of a server over HTTP.

Both ways give the same JSON and the same values, and ask for the same roles. Refuses to know terminals.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from slugline.call_records import server_url
from slugline.client import ServerClient, key_text
from slugline.remote_reads import prompt_path

if TYPE_CHECKING:
    from evaluation.changes import Changes
    from evaluation.drift.overview import DriftOverview
    from evaluation.drift.reports import DriftReports
    from evaluation.quality import Quality
    from registry.roles import Principal
    from registry.writing.store import Store
    from tracing.clickhouse import ClickHouse


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftAsked:
    """What is asked of drift; `metric` None is every metric of the prompt."""

    slug: str
    metric: str | None
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityAsked:
    """What is asked of a prompt's quality, as `evaluation.comparison.report` takes it. `against` is a channel, a number or "none"."""

    slug: str
    since: datetime | None
    until: datetime | None
    purpose: str
    metric: str | None
    against: str
    margin: float


class Analysis(Protocol):
    """Methods raise RegistryErrors and AnalysisErrors, and what ClickHouse or a server raises."""

    async def quality(self, asked: QualityAsked) -> Quality:
        """A prompt's quality by version, and its versions against one of them."""
        ...

    async def drift(self, asked: DriftAsked) -> DriftReports:
        """What changed in a prompt's metrics, and what caused it."""
        ...

    async def overview(self, since: datetime | None, until: datetime | None) -> DriftOverview:
        """What changed anywhere, in prompts that whoever asks may see."""
        ...

    async def changes(self, slug: str, since: datetime | None, until: datetime | None) -> Changes:
        """Moves and changes of served models of a prompt, or of all ("")."""
        ...


class LocalAnalysis:
    """The calls in ClickHouse, and the registry in its database, as `by` sees them."""

    def __init__(self, clickhouse: ClickHouse, store: Store, by: Principal) -> None:
        self._clickhouse = clickhouse
        self._store = store
        self._by = by

    async def quality(self, asked: QualityAsked) -> Quality:
        from evaluation.comparison.report import baseline_of, compared_quality
        from registry.roles import permit

        permit(self._by, "inspect", slug=asked.slug)
        prompt = self._store.prompt(asked.slug)
        return await compared_quality(
            self._clickhouse,
            prompt=asked.slug,
            baseline=baseline_of(prompt, asked.against),
            since=asked.since,
            until=asked.until,
            purpose=None if asked.purpose == "all" else asked.purpose,
            metric=asked.metric,
            margin=asked.margin,
        )

    async def drift(self, asked: DriftAsked) -> DriftReports:
        from evaluation.drift.moves import moves_of
        from evaluation.drift.reports import drift_reports
        from evaluation.probes.reading import replays_of
        from registry.roles import permit

        permit(self._by, "inspect", slug=asked.slug)
        return await drift_reports(
            self._clickhouse,
            prompt=asked.slug,
            metric=asked.metric,
            since=asked.since,
            until=asked.until,
            promotions=moves_of(self._store, asked.slug),
            replays=replays_of(self._store, asked.slug),
            now=datetime.now(UTC),
        )

    async def overview(self, since: datetime | None, until: datetime | None) -> DriftOverview:
        from evaluation.drift.moves import all_moves
        from evaluation.drift.reports import drift_everywhere
        from registry.roles import permit
        from tracing.rollups.scores import count_scores

        permit(self._by, "inspect")
        await count_scores(
            self._clickhouse
        )  # the look at everything reads the rollup alone, and no keeper may be running
        return await drift_everywhere(
            self._clickhouse,
            sees=self._by.sees,
            since=since,
            until=until,
            promotions=all_moves(self._store),
            now=datetime.now(UTC),
        )

    async def changes(self, slug: str, since: datetime | None, until: datetime | None) -> Changes:
        from evaluation.changes import changes_report
        from evaluation.drift.moves import all_moves, moves_of
        from registry.roles import permit

        permit(self._by, "inspect", slug=slug or None)
        return await changes_report(
            self._clickhouse,
            moves={slug: moves_of(self._store, slug)} if slug else all_moves(self._store),
            sees=self._by.sees,
            prompt=slug,
            since=since,
            until=until,
            now=datetime.now(UTC),
        )


class RemoteAnalysis:
    """What a server says, as the key's holder may see it."""

    def __init__(self, client: ServerClient) -> None:
        self._client = client

    async def quality(self, asked: QualityAsked) -> Quality:
        from evaluation.quality import Quality
        from slugline.answers import value_of

        said = self._client.get(
            f"{prompt_path(asked.slug)}/quality",
            since=_iso(asked.since),
            until=_iso(asked.until),
            purpose=asked.purpose,
            score=asked.metric,
            against=asked.against,
            margin=asked.margin,
        )
        for row in [*said.get("rows", ()), *said.get("totals", ())]:
            for score in row["scores"]:
                score["labels"] = list(score["labels"].items())
        return value_of(Quality, said)

    async def drift(self, asked: DriftAsked) -> DriftReports:
        from evaluation.drift.reports import DriftReports
        from slugline.answers import value_of

        window = {"since": _iso(asked.since), "until": _iso(asked.until)}
        said = self._client.get(f"{prompt_path(asked.slug)}/drift", metric=asked.metric, **window)
        return value_of(DriftReports, said)

    async def overview(self, since: datetime | None, until: datetime | None) -> DriftOverview:
        from evaluation.drift.overview import DriftOverview
        from slugline.answers import value_of

        return value_of(DriftOverview, self._client.get("/api/drift", since=_iso(since), until=_iso(until)))

    async def changes(self, slug: str, since: datetime | None, until: datetime | None) -> Changes:
        from evaluation.changes import Changes
        from slugline.answers import value_of

        window = {"since": _iso(since), "until": _iso(until)}
        return value_of(Changes, self._client.get("/api/changes", prompt=slug or None, **window))


@contextlib.asynccontextmanager
async def open_analysis(data: Path | None, config: Path | None, server: str | None) -> AsyncIterator[Analysis]:
    """What a server says, or what is here; flags win over SLUGLINE_URL. Raises SettingsError, and as `permit` does."""
    url = server_url(data, config, server)
    if url:
        with contextlib.closing(ServerClient(url, key=key_text(os.environ))) as client:
            yield RemoteAnalysis(client)
        return
    from slugline.commands.options import open_registry, settings_for
    from slugline.records import open_records

    settings = settings_for(data, config)
    registry = open_registry(settings)
    async with open_records(settings) as clickhouse:
        yield LocalAnalysis(clickhouse, registry.store, registry.by)


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
