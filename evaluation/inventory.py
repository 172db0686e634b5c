"""Calls that name no prompt: which system prompts they send, how often, to which models; texts of one template together.

Knows the statements of inventory.sql and what they give. Refuses to know HTTP and terminals, and to show a value of a call:
of texts that differ, it gives what they share, with variables for the rest.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from anyio import to_thread

from evaluation.statements import load_statements
from registry.families.proposal import propose
from registry.families.tokens import MOST_TEXTS
from tracing.clickhouse import ClickHouse

Key = TypeVar("Key")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """The calls of one fingerprint. `text` is the system prompt, None where no call's body is on record.

    `settings` counts calls by "ENDPOINT HASH", the hash that of their parameters and tools; `requested` by the model asked for.
    """

    fingerprint: str
    calls: int
    models: Mapping[str, int]
    requested: Mapping[str, int]
    callers: Mapping[str, int]
    settings: Mapping[str, int]
    first_seen: datetime
    last_seen: datetime
    text: str | None
    parts: bool = False
    """The system prompt was a list of parts; `text` is theirs, joined by empty lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Calls whose system prompts are one template: `template` with `variables`, the members by their calls, most first."""

    members: tuple[Member, ...]
    template: str | None
    variables: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the member with the most calls; "" for calls without a system prompt."""
        return self.members[0].fingerprint

    @property
    def calls(self) -> int:
        """The calls of all members."""
        return sum(member.calls for member in self.members)

    @property
    def models(self) -> dict[str, int]:
        """Calls by the model that answered (that was asked for, where none did), most first."""
        return added(member.models for member in self.members)

    @property
    def callers(self) -> dict[str, int]:
        """Calls by the name of the caller's key, "" without one, most first."""
        return added(member.callers for member in self.members)

    @property
    def first_seen(self) -> datetime:
        """The first call in the window, UTC."""
        return min(member.first_seen for member in self.members)

    @property
    def last_seen(self) -> datetime:
        """The last call in the window, UTC."""
        return max(member.last_seen for member in self.members)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """Families by their calls, most first. `calls` and `fingerprints` count all of the window, `notes` say what is left out."""

    since: datetime
    until: datetime
    calls: int
    fingerprints: int
    families: tuple[Family, ...]
    notes: tuple[str, ...]

    def family_of(self, fingerprint: str) -> Family | None:
        """The family that a fingerprint belongs to."""
        return next((f for f in self.families if any(member.fingerprint == fingerprint for member in f.members)), None)

    def to_json(self) -> dict[str, Any]:
        """As plain values for JSON, without the texts of single members."""
        return {
            "since": _iso(self.since),
            "until": _iso(self.until),
            "calls": self.calls,
            "fingerprints": self.fingerprints,
            "families": [
                {
                    "fingerprint": family.fingerprint,
                    "calls": family.calls,
                    "template": family.template,
                    "variables": list(family.variables),
                    "models": family.models,
                    "callers": family.callers,
                    "first_seen": _iso(family.first_seen),
                    "last_seen": _iso(family.last_seen),
                    "members": [
                        {"fingerprint": member.fingerprint, "calls": member.calls} for member in family.members
                    ],
                }
                for family in self.families
            ],
            "notes": list(self.notes),
        }


async def unmanaged_calls(
    clickhouse: ClickHouse, *, days: float, now: datetime, purpose: str | None = "production", most: int = MOST_TEXTS
) -> Inventory:
    """The calls of the last `days` that name no prompt, whose purpose is `purpose` (None: any).

    `most` bounds the fingerprints looked at, those with the most calls first. Raises what the connection raises.
    """
    statements = load_statements("evaluation", "inventory.sql")
    since = now - timedelta(days=days)
    window: dict[str, Any] = {**_window(since, now), "purpose": purpose or ""}
    (totals,) = (await clickhouse.query(statements["totals"], window)).dicts()
    groups = (await clickhouse.query(statements["groups"], {**window, "most": most})).dicts()
    texts = (await clickhouse.query(statements["texts"], {**window, "most": most})).dicts()
    contents = {row["fingerprint"]: _parsed(row["content"]) for row in texts}
    members = [_member(row, contents.get(row["fingerprint"])) for row in groups]
    families = await to_thread.run_sync(families_of, members)  # seconds of work where there are thousands of texts
    notes = []
    if totals["fingerprints"] > len(members):
        notes.append(
            f"The {len(members):,} fingerprints with the most calls of {totals['fingerprints']:,} were looked at."
        )
    unknown = sum(member.calls for member in members if member.text is None and member.fingerprint)
    if unknown:
        notes.append(f"{unknown:,} calls have a system prompt that is not on record (metadata only, or too long).")
    return Inventory(
        since=since, until=now, calls=totals["calls"], fingerprints=totals["fingerprints"], families=families, notes=tuple(notes)
    )  # fmt: skip


async def settings_of(clickhouse: ClickHouse, family: Family, inventory: Inventory) -> dict[str, Any]:
    """What most of a family's calls asked for: `model`, `endpoint`, `params` (their body without the messages) and `tools`."""
    counts = added(member.settings for member in family.members)
    most = next(iter(counts))
    endpoint, _, params_hash = most.partition(" ")
    owner = max(family.members, key=lambda member: member.settings.get(most, 0))
    statement = load_statements("evaluation", "inventory.sql")["settings"]
    asked = {"fingerprint": owner.fingerprint, "endpoint": endpoint, "params_hash": params_hash}
    rows = (await clickhouse.query(statement, {**_window(inventory.since, inventory.until), **asked})).dicts()
    model = next(iter(added(member.requested for member in family.members)), "")
    found = rows[0] if rows else {"params": "", "tools": ""}
    return {
        "model": model or None,
        "endpoint": endpoint,
        "params": _parsed(found["params"]) or {},
        "tools": _parsed(found["tools"]),
    }


def families_of(members: Sequence[Member]) -> tuple[Family, ...]:
    """Members whose texts are one template together, most calls first. Texts that aren't on record stand alone."""
    from registry.families.grouping import group  # numpy with it, which no call needs

    known = [member for member in members if member.text is not None]
    families = [
        _family([known[index] for index in indexes]) for indexes in group([member.text or "" for member in known])
    ]
    families += [Family(members=(member,), template=None, variables=()) for member in members if member.text is None]
    return tuple(sorted(families, key=lambda family: -family.calls))


def added(counts: Iterable[Mapping[Key, int]]) -> dict[Key, int]:
    """Counts added up, the largest first."""
    total: Counter[Key] = Counter()
    for count in counts:
        total.update(count)
    return dict(total.most_common())


def _family(members: list[Member]) -> Family:
    members = sorted(members, key=lambda member: -member.calls)
    proposal = propose([member.text or "" for member in members], [member.calls for member in members])
    return Family(
        members=tuple(members), template=proposal.template, variables=tuple(proposal.schema.get("properties", {}))
    )


def _member(row: Mapping[str, Any], content: Any) -> Member:
    return Member(
        fingerprint=row["fingerprint"],
        calls=row["calls"],
        models=added([dict(row["models"])]),
        requested=added([dict(row["requested"])]),
        callers=added([dict(row["callers"])]),
        settings=added([dict(row["settings"])]),
        first_seen=_EPOCH + timedelta(milliseconds=row["first_ms"]),
        last_seen=_EPOCH + timedelta(milliseconds=row["last_ms"]),
        text=_text(content),
        parts=isinstance(content, list),
    )


def _text(content: Any) -> str | None:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        said = [text for text in texts if isinstance(text, str)]
        return "\n\n".join(said) or None
    return None


def _parsed(raw: str) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None


def _window(since: datetime, until: datetime) -> dict[str, int]:
    millisecond = timedelta(milliseconds=1)
    return {"since_ms": (since - _EPOCH) // millisecond, "until_ms": (until - _EPOCH) // millisecond}


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
