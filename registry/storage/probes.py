"""Rows to values, and the statements that read them: probes and their nights.

Knows how both lie in the tables. Refuses to know transactions and who may write.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from registry.errors import ProbeNotFoundError
from registry.probes import Probe, ProbeNight
from registry.storage.tables import probe_nights, probes


def read_probes(connection: Connection, where: Any = None) -> list[Probe]:
    """Probes, oldest first."""
    query = select(probes).order_by(probes.c.created_at, probes.c.probe_id)
    if where is not None:
        query = query.where(where)
    return [Probe(**row) for row in connection.execute(query).mappings()]


def known_probe(connection: Connection, probe_id: str) -> Probe:
    """One probe. Raises ProbeNotFoundError."""
    found = read_probes(connection, probes.c.probe_id == probe_id)
    if not found:
        raise ProbeNotFoundError(
            f"no probe has the id '{probe_id[:80]}'; `slugline probe list` shows those that exist", param="probe_id"
        )
    return found[0]


def read_nights(connection: Connection, probe_id: str, *, limit: int | None = None) -> list[ProbeNight]:
    """A probe's nights, newest first."""
    query = select(probe_nights).where(probe_nights.c.probe_id == probe_id)
    query = query.order_by(probe_nights.c.at.desc(), probe_nights.c.night.desc())
    rows = connection.execute(query if limit is None else query.limit(limit)).mappings()
    return [ProbeNight(**row) for row in rows]


def read_night(connection: Connection, where: Any) -> ProbeNight | None:
    """The night that meets a condition on the table probe_nights."""
    row = connection.execute(select(probe_nights).where(where)).mappings().first()
    return None if row is None else ProbeNight(**row)
