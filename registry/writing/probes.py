"""How probes are set up and taken away, and how each night of one is begun once and keeps what it found.

Knows who may have one: whoever may evaluate the prompt. Refuses to know how a night is run (`registry.writing.evaluations` keeps that) and
what its results say. Nights make no events; a change that one finds does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert, update

from registry.datasets import parse_dataset_reference
from registry.errors import PromptInvalidError
from registry.probes import Probe, ProbeNight, check_time
from registry.roles import Principal, permit
from registry.storage import probes as rows
from registry.storage.database import appending
from registry.storage.datasets import read_dataset
from registry.storage.reader import check_number
from registry.storage.tables import probe_nights, probes
from registry.writing.ledger import Act, enter, next_stamp, repeated
from registry.writing.writer import Writer, expected, note


class ProbeWrites(Writer):
    """Probes and their nights. Methods raise ProbeNotFoundError."""

    def probes(self, slug: str | None = None, *, removed: bool = False) -> list[Probe]:
        """Probes of one prompt or of all, oldest first; those that were `removed` as well, if asked for."""
        where: Any = probes.c.probe_id.is_not(None)
        where = where if slug is None else where & (probes.c.slug == slug)
        where = where if removed else where & probes.c.removed_at.is_(None)
        with self._reading() as connection:
            return rows.read_probes(connection, where)

    def probe(self, probe_id: str) -> Probe:
        """One probe."""
        with self._reading() as connection:
            return rows.known_probe(connection, probe_id)

    def probe_nights(self, probe_id: str, *, limit: int | None = None) -> list[ProbeNight]:
        """Its nights, newest first."""
        with self._reading() as connection:
            rows.known_probe(connection, probe_id)
            return rows.read_nights(connection, probe_id, limit=limit)

    def add_probe(
        self,
        slug: str,
        version: int,
        dataset: str,
        *,
        model: str | None = None,
        repeats: int = 1,
        budget_usd: float,
        nightly_at: str = "03:00",
        embedding_model: str | None = None,
        reason: str = "",
        by: Principal,
        request_id: str = "",
    ) -> Probe:
        """Set up a probe of a version over a version of a dataset (without a number the newest).

        Raises PromptInvalidError, also for one that is there already, PromptVersionNotFoundError and DatasetNotFoundError.
        """
        permit(by, "evaluate", slug=slug)
        if not budget_usd > 0:
            raise PromptInvalidError(
                "'budget_usd' is what one night may cost, in US dollars, more than 0", param="budget_usd"
            )
        name, number = parse_dataset_reference(dataset)
        check_time(nightly_at)
        with self._writing() as connection:
            prompt = expected(connection, slug, None)
            check_number(slug, version, prompt)
            found = read_dataset(connection, name, number)
            same = (probes.c.slug == slug) & (probes.c.version == version) & (probes.c.dataset == found.name)
            for each in rows.read_probes(connection, same & probes.c.removed_at.is_(None)):
                if (each.number, each.model) == (found.number, model):
                    raise PromptInvalidError(
                        f"{each.target} is probed on {each.source} already ({each.probe_id}): remove that probe first",
                        param="slug",
                    )
            revision, created = stamp = next_stamp(connection, self._clock())
            probe = Probe(
                probe_id=self._new_id(),
                slug=slug,
                version=version,
                model=model,
                dataset=found.name,
                number=found.number,
                repeats=repeats,
                budget_usd=budget_usd,
                nightly_at=nightly_at,
                embedding_model=embedding_model,
                reference="",
                actor=by.name,
                identity=by.identity,
                created_at=created,
                removed_at=None,
                revision=revision,
            )
            connection.execute(insert(probes).values({name: getattr(probe, name) for name in Probe.__slots__}))
            act = Act(action="probe.add", slug=slug, by=by, reason=note(reason, "reason"), request_id=request_id)
            told = {"budget_usd": budget_usd, "nightly_at": nightly_at, "repeats": repeats}
            enter(connection, act.about(evidence={**_told(probe), **told}), stamp)
            return probe

    def remove_probe(self, probe_id: str, *, reason: str = "", by: Principal, request_id: str = "") -> Probe:
        """Take a probe away; its nights stay. One that is gone already stays as it is."""
        with self._writing() as connection:
            probe = rows.known_probe(connection, probe_id)
            permit(by, "evaluate", slug=probe.slug)
            if probe.removed_at is None:
                revision, at = stamp = next_stamp(connection, self._clock())
                put = {"removed_at": at, "revision": revision}
                connection.execute(update(probes).where(probes.c.probe_id == probe_id).values(put))
                act = Act(
                    action="probe.remove", slug=probe.slug, by=by, reason=note(reason, "reason"), request_id=request_id
                )
                enter(connection, act.about(evidence=_told(probe)), stamp)
            return rows.known_probe(connection, probe_id)

    def refer_probe(self, probe_id: str, evaluation_id: str, *, reason: str = "", by: Principal) -> Probe:
        """Compare nights with this one from now on. Raises PromptInvalidError for an evaluation that is none of its nights."""
        with self._writing() as connection:
            probe = rows.known_probe(connection, probe_id)
            permit(by, "evaluate", slug=probe.slug)
            here = (probe_nights.c.probe_id == probe_id) & (probe_nights.c.evaluation_id == evaluation_id)
            night = rows.read_night(connection, here)
            if night is None:
                raise PromptInvalidError(
                    f"evaluation {evaluation_id[:80]} is none of the probe's nights", param="evaluation_id"
                )
            revision, _ = stamp = next_stamp(connection, self._clock())
            put = {"reference": evaluation_id, "revision": revision}
            connection.execute(update(probes).where(probes.c.probe_id == probe_id).values(put))
            act = Act(action="probe.reference", slug=probe.slug, by=by, reason=note(reason, "reason"))
            enter(connection, act.about(evidence={**_told(probe), "night": night.night}), stamp)
            return rows.known_probe(connection, probe_id)

    def begin_night(self, probe_id: str, night: str) -> ProbeNight:
        """A night of a probe; the same one, with the same evaluation's id, however many ask for it at a time."""
        with self._turn, appending(self._engine) as connection:
            rows.known_probe(connection, probe_id)
            here = (probe_nights.c.probe_id == probe_id) & (probe_nights.c.night == night)
            if (there := rows.read_night(connection, here)) is not None:
                return there
            begun = {"probe_id": probe_id, "night": night, "at": self._clock(), "evaluation_id": self._new_id()}
            insert_once = insert(probe_nights).values({**begun, "change": None})
            if connection.dialect.name == "postgresql":  # SQLite has one writer at a time
                from sqlalchemy.dialects.postgresql import insert as insert_on

                insert_once = insert_on(probe_nights).values({**begun, "change": None}).on_conflict_do_nothing()
            connection.execute(insert_once)
            found = rows.read_night(connection, here)
            assert found is not None  # noqa: S101 - it was inserted, by us or by another
            return found

    def note_night(self, evaluation_id: str, change: Mapping[str, Any]) -> None:
        """Keep what a night came to. Said again, it replaces what was said."""
        with appending(self._engine) as connection:
            here = probe_nights.c.evaluation_id == evaluation_id
            connection.execute(update(probe_nights).where(here).values(change=dict(change)))

    def note_change(self, probe_id: str, night: str, sentence: str, *, by: Principal) -> None:
        """Put a change that a night found into the prompt's history, once however often it is said."""
        with self._writing() as connection:
            probe = rows.known_probe(connection, probe_id)
            act = Act(
                action="probe.change",
                slug=probe.slug,
                by=by,
                reason=note(sentence, "reason"),
                evidence={**_told(probe), "night": night},
                idempotency_key=f"probe {probe_id} {night}",
            )
            if repeated(connection, act) is None:
                enter(connection, act, next_stamp(connection, self._clock()))


def _told(probe: Probe) -> dict[str, Any]:
    return {"probe": probe.probe_id, "version": probe.version, "model": probe.model, "dataset": probe.source}
