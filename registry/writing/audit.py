"""Is the history whole, and does the registry stand as it says? `slugline audit verify`.

Knows what each kind of event must have left behind, and compares. Refuses to mend: what doesn't fit is said, a sentence each.

What is compared: the hash chain of all events; every version's text with its own hash and with the hash that the event of its save
names, of prompts and of datasets with their cases; where each channel points with its last move; and rules, monitors, verdicts,
keys, people and shared pages with their events.
The end of the chain can't vouch for itself, so its head is given to be noted elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from registry.cases import members_hash
from registry.content import content_hash
from registry.keys import as_json
from registry.monitors import terms as monitor_terms
from registry.storage import rows
from registry.storage.alerts import read_monitors
from registry.storage.chain import HASHED, START, event_hash
from registry.storage.database import reading
from registry.storage.datasets import ERASED, about_of, case_of, dataset_of
from registry.storage.reader import Reader
from registry.storage.tables import channels, dataset_cases, dataset_versions, events, rules, verdicts, versions
from registry.values import HistoryEntry
from registry.writing.audit_people import check_people, check_shares

_MOST_PROBLEMS = 100
_TERMS = ("approvals", "evaluation", "holdback", "policy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was found. `head` is `revision:hash` of the newest event."""

    events: int
    head: str
    problems: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify(reader: Reader, *, head: str | None = None) -> Verified:
    """Compare everything, in one read transaction. `head` is one that was noted earlier: it must still be in the chain."""
    with reading(reader.engine) as connection:
        history: list[HistoryEntry] = rows.read_events(connection, events.c.revision > 0)
        problems = [
            *_chain(history),
            *_head(history, head),
            *_versions(connection, history),
            *_channels(connection, history),
            *_datasets(connection, history),
            *_rules(connection, history),
            *_monitors(connection, history),
            *_verdicts(connection, history),
            *_keys(connection, history),
            *check_people(connection, history),
            *check_shares(connection, history),
        ]
    newest = f"{history[-1].revision}:{history[-1].hash}" if history else f"0:{START}"
    return Verified(events=len(history), head=newest, problems=tuple(problems[:_MOST_PROBLEMS]))


def _chain(history: list[HistoryEntry]) -> Iterator[str]:
    before, expected = START, 1
    for entry in history:
        if entry.revision != expected:
            gap = (
                f"revision {expected}"
                if entry.revision == expected + 1
                else f"revisions {expected}-{entry.revision - 1}"
            )
            yield f"the history has no event of {gap}"
        if entry.hash != event_hash(before, {name: getattr(entry, name) for name in HASHED}):
            yield f"the event of revision {entry.revision} ({entry.action} {entry.slug}) isn't what was written then"
        before, expected = entry.hash, entry.revision + 1


def _head(history: list[HistoryEntry], head: str | None) -> Iterator[str]:
    if head is None:
        return
    revision, _, noted = head.partition(":")
    there = {str(entry.revision): entry.hash for entry in history} | {"0": START}
    if revision not in there:
        yield f"the history was cut off: revision {revision}, which was noted as its head, isn't there any more"
    elif there[revision] != noted:
        yield f"revision {revision} has another hash than the one that was noted"


def _versions(connection: Connection, history: list[HistoryEntry]) -> Iterator[str]:
    saved = {(entry.slug, entry.to_version): entry for entry in history if entry.action in {"create", "save"}}
    query = select(versions).order_by(versions.c.slug, versions.c.number)
    for row in connection.execute(query).mappings():
        name = f"{row['slug']}@{row['number']}"
        entry = saved.pop((row["slug"], row["number"]), None)
        if entry is None:
            yield f"version {name} is there without an event of its save"
            continue
        named = entry.evidence.get("content_hash", row["content_hash"])
        if not content_hash(row["content"]) == row["content_hash"] == named:
            yield f"version {name} doesn't say any more what was saved at revision {entry.revision}"
        elif (row["message"], row["version_id"]) != (entry.reason, entry.evidence.get("version_id", row["version_id"])):
            yield f"version {name} has another message or id than was saved at revision {entry.revision}"
    for slug, number in saved:
        yield f"version {slug}@{number} is gone, though the history tells of its save"


def _channels(connection: Connection, history: list[HistoryEntry]) -> Iterator[str]:
    last = {(entry.slug, entry.channel): entry for entry in history if entry.channel is not None}
    for row in connection.execute(select(channels).order_by(channels.c.slug, channels.c.name)).mappings():
        entry = last.pop((row["slug"], row["name"]), None)
        here = f"channel '{row['name']}' of prompt '{row['slug']}'"
        if entry is None:
            yield f"{here} is there without an event"
        elif (row["version"], row["split"]) != (entry.to_version, entry.evidence.get("split", [])):
            yield f"{here} points elsewhere than where revision {entry.revision} put it"
    for slug, name in last:
        yield f"channel '{name}' of prompt '{slug}' is gone"


def _datasets(connection: Connection, history: list[HistoryEntry]) -> Iterator[str]:
    about: dict[str, Any] = {}
    erased = {each for entry in history if entry.action == "dataset.erase" for each in entry.evidence["cases"]}
    there = set()
    for case in connection.execute(select(dataset_cases.c.case_id, dataset_cases.c.hash, dataset_cases.c.content)):
        there.add(case.case_id)
        if case.content == ERASED:
            if case.case_id not in erased or not case.hash.startswith(case.case_id):
                yield f"the content of case {case.case_id} is gone without an event of its erasure"
        elif case_of(case.content, about).digest != case.hash or not case.hash.startswith(case.case_id):
            yield f"the case {case.case_id} isn't what its id stands for"
    told = {
        (entry.evidence["dataset"], entry.evidence["number"]): entry
        for entry in history
        if entry.action == "dataset.save"
    }
    query = select(dataset_versions).order_by(dataset_versions.c.name, dataset_versions.c.number)
    for row in connection.execute(query).mappings():
        name = f"{row['name']}@{row['number']}"
        saved = told.pop((row["name"], row["number"]), None)
        if saved is None:
            yield f"dataset {name} is there without an event of its save"
            continue
        try:
            members = [(case_id, about_of(said)) for case_id, said in row["members"] if case_id in there]
            hashed = members_hash(members, dataset_of(connection, row).checks)
        except (KeyError, TypeError, ValueError):  # a case that is gone, or no JSON of a case
            hashed = ""
        if not hashed == row["content_hash"] == saved.evidence["content_hash"]:
            yield f"dataset {name} doesn't say any more what was saved at revision {saved.revision}"
    for dataset, number in told:
        yield f"dataset {dataset}@{number} is gone, though the history tells of its save"


def _verdicts(connection: Connection, history: list[HistoryEntry]) -> Iterator[str]:
    told = {entry.evidence["verdict"]: entry for entry in history if entry.action == "verdict"}
    for row in connection.execute(select(verdicts)).mappings():
        given = told.pop(row["verdict_id"], None)
        here = f"the verdict on {row['slug']}@{row['version']} of {row['at']:%Y-%m-%d %H:%M} UTC"
        if given is None:
            yield f"{here} is there without an event"
            continue
        said = given.evidence
        # Events from before there were datasets hold the evidence in their own words.
        whole = (given.slug, said["version"], said["passed"], said.get("dataset", ""), said.get("facts"))
        if whole[:4] != (row["slug"], row["version"], row["passed"], row["dataset"]) or (
            whole[4] is not None and whole[4] != row["evidence"]
        ):
            yield f"{here} isn't what the evaluation found"
    for gone in told.values():
        yield f"the verdict of revision {gone.revision} on {gone.slug} is gone"


def _rules(connection: Connection, history: list[HistoryEntry]) -> Iterator[str]:
    told: dict[tuple[str, str], Any] = {}
    for entry in history:
        if entry.action == "protect":
            rule = entry.evidence["to"]
            told[rule["slug"], rule["channel"]] = tuple(rule.get(name) for name in _TERMS)
    there = {(row["slug"], row["channel"]): tuple(row[name] for name in _TERMS) for row in _all_rules(connection)}
    nothing = (0, False, 0.0, None)
    for slug, channel in sorted(told.keys() | there.keys()):
        if there.get((slug, channel), nothing) != told.get((slug, channel), nothing):
            yield f"the rule for channel '{channel}' of prompt '{slug}' isn't what was set"


def _monitors(connection: Connection, history: list[HistoryEntry]) -> Iterator[str]:
    told: dict[tuple[str, str], Any] = {}
    for entry in history:
        if entry.action in {"monitor.set", "monitor.remove"}:
            after, before = entry.evidence["to"], entry.evidence["from"]
            declared = after or before
            told[declared["slug"], declared["metric"]] = after
    there = {(each.slug, each.metric): monitor_terms(each) for each in read_monitors(connection)}
    for slug, metric in sorted(told.keys() | there.keys()):
        if there.get((slug, metric)) != told.get((slug, metric)):
            yield f"the monitor of '{metric}' of prompt '{slug}' isn't what was set"


def _all_rules(connection: Connection) -> Iterator[Mapping[Any, Any]]:
    # As they lie there: a policy that makes no sense any more is to be found, not to be read.
    yield from connection.execute(select(rules)).mappings()


def _keys(connection: Connection, history: list[HistoryEntry]) -> Iterator[str]:
    told: dict[str, dict[str, Any]] = {}
    revoked = set()
    for entry in history:
        key_id = str(entry.evidence.get("key_id", ""))
        if entry.action == "key.create":
            told[key_id] = {name: value for name, value in entry.evidence.items() if name not in {"key_id", "role"}}
            told[key_id].setdefault("roles", [entry.evidence.get("role", "application")])
        elif entry.action == "key.update" and key_id in told:
            changes = {name: change["to"] for name, change in entry.evidence["changes"].items()}
            told[key_id] = {name: value for name, value in {**told[key_id], **changes}.items() if value}
        elif entry.action == "key.revoke":
            revoked.add(key_id)
    for key in rows.read_keys(connection):
        terms = told.pop(key.key_id, None)
        if terms is None:
            yield f"the key {key.key_id} is there without an event"
        elif terms != as_json(key.terms) or (key.revoked_at is not None) != (key.key_id in revoked):
            yield f"the key {key.key_id} may do something else than what the history says"
    for key_id in told:
        yield f"the key {key_id} is gone"
