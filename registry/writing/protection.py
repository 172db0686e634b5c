"""What channels ask for before a version gets onto them, and the verdicts that some of them ask for.

Knows rules and verdicts as rows. Refuses to decide whether a version may pass: `registry.rules` does, when a channel moves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert

from registry.errors import (
    PromptInvalidError,
    PromptReferenceInvalidError,
)
from registry.policy import read_policy, write_policy
from registry.reference import check_channel, check_slug
from registry.roles import Principal, permit
from registry.rules import ANY, Rule
from registry.split import check_share
from registry.storage import governance
from registry.storage.datasets import read_dataset
from registry.storage.reader import check_number
from registry.storage.rows import LATEST
from registry.storage.tables import rules, verdicts
from registry.writing.ledger import Act, enter, next_stamp
from registry.writing.writer import Writer, expected, note

_MOST_APPROVALS = 10


class ProtectionWrites(Writer):
    """Rules of channels, and verdicts on versions."""

    def rules(self) -> list[Rule]:
        """What channels ask for."""
        with self._reading() as connection:
            return governance.read_rules(connection)

    def lacking(self, slug: str, channel: str, version: int) -> Sequence[str]:
        """What a channel still asks for before a version may go onto it, a sentence each."""
        with self._reading() as connection:
            return governance.lacking(connection, slug, check_channel(channel), version, now=self._clock())[0]

    def protect(
        self,
        slug: str,
        *,
        channel: str = "stable",
        approvals: int = 0,
        evaluation: bool = False,
        holdback: float = 0.0,
        policy: Mapping[str, Any] | None = None,
        reason: str = "",
        by: Principal,
        request_id: str = "",
    ) -> Rule:
        """Say what a channel asks for, of one prompt or, with "*", of every prompt. All zero takes the rule away.

        `policy` is what an evaluation must have shown, as `registry.policy` reads it; its dataset must be there. From then on changing that
        dataset takes a role that may review. Raises PromptInvalidError and DatasetNotFoundError.
        """
        permit(by, "protect", slug=None if slug == ANY else check_slug(slug), channel=check_channel(channel))
        if slug == ANY and by.prompts:
            permit(by, "protect", slug=ANY)
        if channel == LATEST:
            raise PromptReferenceInvalidError(
                f"'{LATEST}' can't be protected, it follows every save: give keys of apps the channels that they may use",
                param="channel",
            )
        if not 0 <= approvals <= _MOST_APPROVALS:
            raise PromptInvalidError(f"'approvals' goes from 0 to {_MOST_APPROVALS}", param="approvals")
        if holdback:
            check_share(holdback, "holdback")
        asked = None if policy is None else read_policy(policy)
        rule = Rule(
            slug=slug, channel=channel, approvals=approvals, evaluation=evaluation, holdback=holdback, policy=asked
        )
        with self._writing() as connection:
            if asked is not None:
                read_dataset(connection, asked.dataset_name, asked.dataset_number)
            if slug != ANY:
                expected(connection, slug, None)
            before = next((each for each in governance.read_rules(connection) if _place(each) == _place(rule)), None)
            present = before or Rule(slug=slug, channel=channel)
            if present == rule:
                return rule
            revision, _ = stamp = next_stamp(connection, self._clock())
            connection.execute(delete(rules).where(rules.c.slug == slug, rules.c.channel == channel))
            if rule != Rule(slug=slug, channel=channel):
                connection.execute(insert(rules).values({**_terms(rule), "revision": revision}))
            told = {"from": _terms(present), "to": _terms(rule)}
            act = Act(
                action="protect", slug="" if slug == ANY else slug, by=by, reason=note(reason, "reason"), evidence=told
            )
            enter(connection, act.about(request_id=request_id), stamp)
        return rule

    def tries(self, slug: str, version: int, facts: Mapping[str, Any]) -> int:
        """Which try an evaluation of a version is: those before it count that tried the same on the same cases and did not pass."""
        with self._reading() as connection:
            return governance.tries_of(connection, slug, version, facts)

    def judge(
        self,
        slug: str,
        number: int,
        *,
        passed: bool,
        evidence: Mapping[str, Any],
        dataset: str = "",
        by: Principal,
    ) -> str:
        """Note an evaluation's verdict on a version; the newest one over a dataset counts. Gives its id.

        `evidence` are the facts that the evaluation found, `dataset` the name of what it ran over; what follows from the facts a policy
        says when a channel moves. For the evaluations' own use: nothing that is reached from outside may call it with a verdict that it
        was told.
        """
        permit(by, "evaluate", slug=check_slug(slug))
        with self._writing() as connection:
            prompt = expected(connection, slug, None, archived=True)
            check_number(slug, number, prompt)
            revision, at = stamp = next_stamp(connection, self._clock())
            name = dataset.partition("@")[0]
            row = {"verdict_id": self._new_id(), "slug": slug, "version": number, "passed": passed, "dataset": name}
            who = {"evidence": dict(evidence), "actor": by.name, "at": at, "revision": revision}
            connection.execute(insert(verdicts).values({**row, **who}))
            told = {"verdict": row["verdict_id"], "version": number, "passed": passed, "facts": dict(evidence)}
            told |= {"dataset": name} if name else {}
            enter(connection, Act(action="verdict", slug=slug, by=by, evidence=told), stamp)
            return str(row["verdict_id"])

    def alarm(
        self, slug: str, channel: str, number: int, *, reason: str, evidence: Mapping[str, Any], key: str, by: Principal
    ) -> bool:
        """Note that a version does worse on a channel than the one before, once for each `key`; whether this was the first time. For the
        watch's own use."""
        told = {"version": number, **evidence}
        act = Act(
            action="watch",
            slug=check_slug(slug),
            by=by,
            reason=note(reason, "reason"),
            evidence=told,
            idempotency_key=key,
        )
        with self._writing() as connection:
            if governance.known_key(connection, key, by.identity):
                return False
            expected(connection, slug, None, archived=True)
            enter(connection, act, next_stamp(connection, self._clock()), channel=channel)
            return True


def _place(rule: Rule) -> tuple[str, str]:
    return rule.slug, rule.channel


def _terms(rule: Rule) -> dict[str, Any]:
    """What is stored of a rule, and told of it in the history: one without a policy as ever."""
    terms = {name: getattr(rule, name) for name in ("slug", "channel", "approvals", "evaluation", "holdback")}
    return terms if rule.policy is None else {**terms, "policy": write_policy(rule.policy)}
