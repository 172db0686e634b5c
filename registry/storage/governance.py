"""Rows to values, and the statements that read them: rules, requests with their reviews, verdicts and scheduled moves.

Knows how each value lies in the tables, as `registry.storage.rows` does for prompts. Refuses to know transactions and to write.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select

from registry.errors import PromptInvalidError
from registry.evidence import Evidence, about_the_same
from registry.policy import Policy, read_policy
from registry.rules import ANY, Person, Rule, Standing, missing, names_of, strictest
from registry.storage.tables import (
    channels,
    dataset_versions,
    events,
    requests,
    reviews,
    rules,
    schedules,
    verdicts,
    versions,
)
from registry.values import PromotionRequest, Review, Schedule


def read_rules(connection: Connection) -> list[Rule]:
    """Every rule, by prompt and channel; those for all prompts first."""
    found = connection.execute(select(rules).order_by(rules.c.slug, rules.c.channel)).mappings()
    return [_rule_of(row) for row in found]


def rule_for(connection: Connection, slug: str, channel: str) -> Rule:
    """What a channel of a prompt asks for, all rules together."""
    mine = [rule for rule in read_rules(connection) if rule.slug in (ANY, slug)]
    return strictest(mine, slug, channel)


def read_requests(connection: Connection, where: Any = None, *, now: datetime) -> list[PromotionRequest]:
    """Requests with their reviews and what they still lack at a time, newest first."""
    query = select(requests).order_by(requests.c.revision.desc(), requests.c.request_id)
    if where is not None:
        query = query.where(where)
    found = connection.execute(query).mappings().all()
    spoken = _reviews(connection, [row["request_id"] for row in found])
    return [_request_of(connection, row, spoken.get(row["request_id"], ()), now) for row in found]


def read_schedules(connection: Connection, where: Any = None) -> list[Schedule]:
    """Scheduled moves, those due first in front."""
    query = select(schedules).order_by(schedules.c.due_at, schedules.c.schedule_id)
    if where is not None:
        query = query.where(where)
    return [Schedule(**row) for row in connection.execute(query).mappings()]


def lacking(
    connection: Connection, slug: str, channel: str, version: int, *, now: datetime
) -> tuple[list[str], dict[str, Any]]:
    """What a channel still asks for at a time before a version may go onto it, and the evidence that speaks for it."""
    rule = rule_for(connection, slug, channel)
    if not rule.protects:
        return [], {}
    asked = (requests.c.slug == slug) & (requests.c.channel == channel) & (requests.c.version == version)
    open_ones = (
        connection.execute(
            select(requests).where(asked, requests.c.state.in_(("open", "rejected"))).order_by(requests.c.revision)
        )
        .mappings()
        .all()
    )
    said = _reviews(connection, [row["request_id"] for row in open_ones])
    spoken = [review for each in said.values() for review in each]
    verdict = _verdict(connection, slug, version)
    on_channel = select(channels.c.version).where(channels.c.slug == slug, channels.c.name == channel)
    judged = {policy.dataset: _verdict(connection, slug, version, policy.dataset_name) for policy in rule.asked}
    standing = Standing(
        makers=[*_makers(connection, slug, version), *(_asker(row) for row in open_ones)],
        approvers=[_person(review) for review in spoken if review.kind == "approve"],
        rejected_by=[_person(review) for review in spoken if review.kind == "reject"],
        passed=None if verdict is None else verdict["passed"],
        evaluated_at=None if verdict is None else verdict["at"],
        evidence={policy.dataset: _evidence(connection, policy, judged[policy.dataset]) for policy in rule.asked},
        live=connection.execute(on_channel).scalar(),
        now=now,
    )
    evidence: dict[str, Any] = {}
    if rule.approvals:
        evidence["approved_by"] = sorted({person.name for person in standing.approvers})
        evidence["requests"] = [row["request_id"] for row in open_ones]
    if rule.evaluation and verdict is not None:
        evidence["verdict"] = verdict["verdict_id"]
    if rule.asked:
        evidence["verdicts"] = {name: row["verdict_id"] for name, row in judged.items() if row is not None}
    return missing(rule, standing, version), evidence


def evidence_for(connection: Connection, slug: str, version: int, policy: Policy) -> Evidence:
    """What there is for a policy about a version: its newest verdict on the policy's dataset."""
    return _evidence(connection, policy, _verdict(connection, slug, version, policy.dataset_name))


def makers_of(connection: Connection, request: PromotionRequest) -> list[Person]:
    """Who made the version that is asked for, and who asks."""
    asker = Person(name=request.requested_by, identity=request.identity, names=names_of(request.requested_by))
    return [*_makers(connection, request.slug, request.version), asker]


def _makers(connection: Connection, slug: str, version: int) -> list[Person]:
    """Who wrote a version and who saved it: not the same where a pipeline saves what somebody committed."""
    query = (
        select(versions.c.author, events.c.actor, events.c.identity)
        .join(events, events.c.revision == versions.c.revision)
        .where(versions.c.slug == slug, versions.c.number == version)
    )
    found = connection.execute(query).first()
    if found is None:
        return []
    names = names_of(found.author, found.actor)
    return [Person(name=found.author, identity=found.identity, names=names)]


def _asker(row: RowMapping) -> Person:
    return Person(name=row["requested_by"], identity=row["identity"], names=names_of(row["requested_by"]))


def _person(review: Review) -> Person:
    return Person(name=review.actor, identity=review.identity, names=frozenset(review.names))


def known_key(connection: Connection, key: str, identity: str) -> bool:
    """Whether an event was entered under this Idempotency-Key by the same one."""
    same = (events.c.idempotency_key == key) & (events.c.identity == identity)
    return connection.execute(select(events.c.revision).where(same).limit(1)).first() is not None


def _verdict(connection: Connection, slug: str, version: int, dataset: str | None = None) -> RowMapping | None:
    """The newest verdict on a version; only over a dataset, if one is named."""
    query = select(verdicts).where(verdicts.c.slug == slug, verdicts.c.version == version)
    if dataset is not None:
        query = query.where(verdicts.c.dataset == dataset)
    return connection.execute(query.order_by(verdicts.c.revision.desc()).limit(1)).mappings().first()


def _evidence(connection: Connection, policy: Policy, verdict: RowMapping | None) -> Evidence:
    newest = select(func.max(dataset_versions.c.number)).where(dataset_versions.c.name == policy.dataset_name)
    return Evidence(
        facts=None if verdict is None else verdict["evidence"],
        at=None if verdict is None else verdict["at"],
        newest=connection.execute(newest).scalar(),
        tries=1 if verdict is None else tries_of(connection, verdict["slug"], verdict["version"], verdict["evidence"]),
    )


def tries_of(connection: Connection, slug: str, version: int, facts: Mapping[str, Any]) -> int:
    """Which try an evaluation of a version is: 1, and one more for each other evaluation of the same before it that did not pass."""
    dataset, evaluation = str(facts.get("dataset", "")), facts.get("evaluation_id")
    here = (verdicts.c.slug == slug) & (verdicts.c.version == version) & (verdicts.c.dataset == dataset)
    before = []
    for row in connection.execute(select(verdicts).where(here).order_by(verdicts.c.revision)).mappings():
        told = row["evidence"]
        if told.get("evaluation_id") == evaluation:
            break
        if not row["passed"] and _same(told, facts):
            before.append(told.get("evaluation_id"))
    return 1 + len(set(before))


def _same(told: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    try:
        return about_the_same(told, facts)
    except PromptInvalidError:  # it isn't one that anybody can read
        return False


def _rule_of(row: RowMapping) -> Rule:
    own = {name: value for name, value in row.items() if name not in {"revision", "policy"}}
    return Rule(**own, policy=None if row["policy"] is None else read_policy(row["policy"]))


def _reviews(connection: Connection, request_ids: Sequence[str]) -> dict[str, list[Review]]:
    found: dict[str, list[Review]] = {}
    query = select(reviews).where(reviews.c.request_id.in_(request_ids)).order_by(reviews.c.revision)
    for row in connection.execute(query).mappings():
        own = {name: value for name, value in row.items() if name != "revision"}
        review = Review(**{**own, "names": tuple(row["names"])})
        found.setdefault(review.request_id, []).append(review)
    return found


def _request_of(connection: Connection, row: RowMapping, spoken: Sequence[Review], now: datetime) -> PromotionRequest:
    still: list[str] = []
    if row["state"] == "open":
        still, _ = lacking(connection, row["slug"], row["channel"], row["version"], now=now)
    return PromotionRequest(**row, reviews=tuple(spoken), missing=tuple(still))
