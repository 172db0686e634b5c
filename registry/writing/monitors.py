"""What is watched: monitors are declared and taken away, each time with an event.

Knows who may. Refuses to know what a monitor does (`evaluation.monitors`).
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import ColumnElement, delete, insert

from registry.errors import MonitorNotFoundError, nearest
from registry.monitors import DEFAULTS, Monitor, checked, terms
from registry.roles import Principal, permit
from registry.rules import ANY
from registry.storage import alerts as rows
from registry.storage.alert_tables import monitors
from registry.writing.ledger import Act, enter, next_stamp
from registry.writing.writer import Writer, expected, note


class MonitorWrites(Writer):
    """Monitors."""

    def monitors(self) -> list[Monitor]:
        """What was declared; what is watched beside it, `registry.monitors.DEFAULTS` says."""
        with self._reading() as connection:
            return rows.read_monitors(connection)

    def set_monitor(self, monitor: Monitor, *, reason: str = "", by: Principal, request_id: str = "") -> Monitor:
        """Declare what is watched of a prompt's metric, in place of what was declared before; with "*", of every prompt.

        Raises PromptInvalidError, PromptNotFoundError.
        """
        monitor = replace(checked(monitor), metric=monitor.metric.strip())
        _permit(by, monitor.slug)
        with self._writing() as connection:
            if monitor.slug != ANY:
                expected(connection, monitor.slug, None)
            before = _declared(rows.read_monitors(connection), monitor.slug, monitor.metric)
            if before is not None and terms(before) == terms(monitor):
                return before
            revision, at = stamp = next_stamp(connection, self._clock())
            connection.execute(delete(monitors).where(_same(monitor.slug, monitor.metric)))
            who = {"updated_at": at, "updated_by": by.name, "revision": revision}
            connection.execute(insert(monitors).values({**terms(monitor), **who}))
            told = {"from": None if before is None else terms(before), "to": terms(monitor)}
            enter(
                connection,
                Act(
                    action="monitor.set",
                    slug="" if monitor.slug == ANY else monitor.slug,
                    by=by,
                    reason=note(reason, "reason"),
                    evidence=told,
                    request_id=request_id,
                ),
                stamp,
            )
            return replace(monitor, updated_at=at, updated_by=by.name)

    def remove_monitor(
        self, slug: str, metric: str, *, reason: str = "", by: Principal, request_id: str = ""
    ) -> Monitor:
        """Take away what was declared; gives it. What is for all prompts, or the default, counts from then on. Raises
        MonitorNotFoundError."""
        _permit(by, slug)
        with self._writing() as connection:
            declared = rows.read_monitors(connection)
            before = _declared(declared, slug, metric)
            if before is None:
                raise MonitorNotFoundError(_missing(declared, slug, metric), param="metric")
            connection.execute(delete(monitors).where(_same(slug, metric)))
            act = Act(
                action="monitor.remove",
                slug="" if slug == ANY else slug,
                by=by,
                reason=note(reason, "reason"),
                evidence={"from": terms(before), "to": None},
                request_id=request_id,
            )
            enter(connection, act, next_stamp(connection, self._clock()))
            return before


def _permit(by: Principal, slug: str) -> None:
    """Whoever is held to some prompts may not declare what is watched of all."""
    permit(by, "monitor", slug=slug if slug != ANY or by.prompts else None)


def _declared(found: list[Monitor], slug: str, metric: str) -> Monitor | None:
    return next((each for each in found if (each.slug, each.metric) == (slug, metric)), None)


def _same(slug: str, metric: str) -> ColumnElement[bool]:
    return (monitors.c.slug == slug) & (monitors.c.metric == metric)


def _missing(declared: list[Monitor], slug: str, metric: str) -> str:
    of = "all prompts" if slug == ANY else f"'{slug[:100]}'"
    said = f"no monitor was declared for '{metric[:80]}' of {of}"
    if any(each.metric == metric for each in DEFAULTS):
        return f"{said}; it is watched by default: `slugline monitor set '{slug[:100]}' {metric} --off` ends that"
    guess = nearest(metric, [each.metric for each in declared if each.slug == slug])
    return f"{said}; did you mean '{guess}'?" if guess else said
