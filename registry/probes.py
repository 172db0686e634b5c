"""Probes as the registry keeps them, as values, and when one is due. Pure.

A probe asks one version of a prompt, and one model, the cases of one version of a dataset every night. Refuses to know how that is run
and what follows from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from registry.errors import PromptInvalidError

_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A nightly replay. `model` is asked instead of the version's own where it is named. `budget_usd` is for each night, `nightly_at` a
    time of the day in UTC. `reference` is the evaluation that nights are compared with, "" for the first that came to its end."""

    probe_id: str
    slug: str
    version: int
    model: str | None
    dataset: str
    number: int
    repeats: int
    budget_usd: float
    nightly_at: str
    embedding_model: str | None
    reference: str
    actor: str
    identity: str
    created_at: datetime
    removed_at: datetime | None
    revision: int

    @property
    def target(self) -> str:
        """What is asked, in words: `support-agent@7 on gpt-4o`."""
        return f"{self.slug}@{self.version}" + (f" on {self.model}" if self.model else "")

    @property
    def source(self) -> str:
        """What it is asked about: `support-golden@3`."""
        return f"{self.dataset}@{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeNight:
    """One replay. `night` is the day on which it was due (`2026-11-17`), or for one that somebody asked for the moment; `at` when it was
    begun. `change` is what it came to against the reference, None before its end, and for the reference itself."""

    probe_id: str
    night: str
    at: datetime
    evaluation_id: str
    change: Mapping[str, Any] | None = None


def check_time(text: str) -> str:
    """The time itself if it is one of the day, such as 03:00. Raises PromptInvalidError."""
    if not _TIME.fullmatch(text):
        raise PromptInvalidError(
            f"'nightly_at' is a time of the day in UTC, such as 03:00, not {text[:20]!r}", param="nightly_at"
        )
    return text


def night_due(probe: Probe, now: datetime) -> str | None:
    """The night that should have begun by now: the last one alone, so that what was missed while nobody looked is caught up once. None for
    a probe that was removed, or that is so new that its first night is its reference."""
    if probe.removed_at is not None:
        return None
    hour, minute = map(int, probe.nightly_at.split(":"))
    due = now.astimezone(UTC).replace(hour=hour, minute=minute, second=0, microsecond=0)
    due = due if due <= now else due - timedelta(days=1)
    return f"{due:%Y-%m-%d}" if due > probe.created_at else None
