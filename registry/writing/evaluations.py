"""How evaluations are asked for, run by one process at a time, and kept: each result as soon as it is there.

Knows who may ask, and who holds an evaluation. Refuses to know how it is run. The rules:

1. A runner claims an evaluation for a while, and says with every batch of results that it is alive. One that was killed is not heard
   of any more; after its lease another claims the evaluation, finds the results that are there, and goes on.
2. A result is added once: whoever brings the same attempt again adds nothing, so that nothing is counted twice.
3. What is over stays as it is.

Nothing here makes an event: what counts in the end is the verdict, which does (`registry.writing.protection`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import insert

from registry.datasets import parse_dataset_reference
from registry.errors import EvaluationOverError, PromptInvalidError
from registry.evaluations import EVALUATION_STATES, LEASE_SECONDS, OVER, AttemptResult, Evaluation
from registry.reference import check_slug
from registry.roles import Principal, permit
from registry.storage import evaluations as rows
from registry.storage.database import appending
from registry.storage.datasets import read_dataset
from registry.storage.reader import known
from registry.storage.tables import evaluations
from registry.writing.writer import Writer


class EvaluationWrites(Writer):
    """Evaluations and their results. Methods raise EvaluationNotFoundError, and EvaluationOverError for what can't go on."""

    def evaluations(self, slug: str | None = None, *, state: str | None = None, limit: int = 100) -> list[Evaluation]:
        """Evaluations of one prompt or of all, newest first; only those in a state, if one is named."""
        if state is not None and state not in EVALUATION_STATES:
            raise PromptInvalidError(f"'state' is one of {', '.join(EVALUATION_STATES)}", param="state")
        where: Any = evaluations.c.evaluation_id.is_not(None)
        where = where if slug is None else where & (evaluations.c.slug == slug)
        where = where if state is None else where & (evaluations.c.state == state)
        with self._reading() as connection:
            return rows.read_evaluations(connection, where, limit=limit)

    def evaluation(self, evaluation_id: str) -> Evaluation:
        """One evaluation."""
        with self._reading() as connection:
            return rows.known_evaluation(connection, evaluation_id)

    def create_evaluation(
        self,
        slug: str,
        dataset: str,
        *,
        plan: Mapping[str, Any],
        total: int,
        by: Principal,
        evaluation_id: str = "",
    ) -> Evaluation:
        """Ask for an evaluation of a prompt over a dataset (`support-golden@3`; without a number the newest), which then waits for a
        runner. An `evaluation_id` makes it happen once: asked again, it is the same evaluation.

        Raises PromptNotFoundError, DatasetNotFoundError, AuthRoleNotAllowedError, AuthPromptNotAllowedError.
        """
        permit(by, "evaluate", slug=check_slug(slug))
        name, number = parse_dataset_reference(dataset)
        permit(by, "evaluate", slug=name)
        with self._writing() as connection:
            known(connection, slug)
            found = read_dataset(connection, name, number)
            evaluation_id = evaluation_id or self._new_id()
            there = rows.read_evaluations(connection, evaluations.c.evaluation_id == evaluation_id)
            if there:
                return there[0]
            asked = {"evaluation_id": evaluation_id, "slug": slug, "dataset": name, "number": found.number}
            counts = {"total": total, "done": 0, "failed": 0, "cost": 0.0, "state": "queued", "runner": "", "error": ""}
            who = {"actor": by.name, "identity": by.identity, "created_at": self._clock()}
            connection.execute(insert(evaluations).values({**asked, **counts, **who, "plan": dict(plan)}))
            return rows.known_evaluation(connection, evaluation_id)

    def claim_evaluation(
        self, runner: str, *, evaluation_id: str | None = None, seconds: float = LEASE_SECONDS
    ) -> Evaluation | None:
        """Take an evaluation to run it: the one that is named, or the oldest that waits or was left behind; None if none does.

        `runner` names the process for people and tells it apart from all others (`web-1 pid 1234 3f9c`): one that claims again what it
        holds goes on. Raises EvaluationOverError for a named one that is over or held by another.
        """
        now = self._clock()
        with appending(self._engine) as connection:
            if evaluation_id is None:
                found = rows.next_free(connection, now)
                if found is None:
                    return None
            else:
                found = rows.known_evaluation(connection, evaluation_id, locked=True)
                _going_on(found)
                held = found.state == "running" and found.runner != runner
                if held and found.lease_until is not None and found.lease_until >= now:
                    raise EvaluationOverError(
                        f"evaluation {evaluation_id} is being run by {found.runner}: it can be taken over if nothing is "
                        f"heard of that until {found.lease_until:%H:%M:%S} UTC",
                        param="evaluation_id",
                    )
            until = now + timedelta(seconds=seconds)
            began = found.started_at or now
            rows.put(
                connection,
                found.evaluation_id,
                state="running",
                runner=runner,
                lease_until=until,
                started_at=began,
                error="",
            )
            return rows.known_evaluation(connection, found.evaluation_id)

    def renew_evaluation(self, evaluation_id: str, runner: str, *, seconds: float = LEASE_SECONDS) -> bool:
        """Say that its runner is alive; False if it must stop, because another has taken over or the evaluation is over."""
        return self.add_results(evaluation_id, (), runner=runner, seconds=seconds)

    def add_results(
        self, evaluation_id: str, results: Sequence[AttemptResult], *, runner: str, seconds: float = LEASE_SECONDS
    ) -> bool:
        """Keep results, in one transaction that is on disk once this returns, and say that the runner is alive.

        Attempts that have a result already keep it. False if the runner must stop: another has taken over (what was paid for is kept all
        the same), or the evaluation is over (nothing is).
        """
        now = self._clock()
        with appending(self._engine) as connection:
            found = rows.known_evaluation(connection, evaluation_id, locked=True)
            if found.state in OVER:
                return False
            added = rows.add_results(connection, evaluation_id, results)
            mine = found.state == "running" and found.runner == runner
            lease = {"lease_until": now + timedelta(seconds=seconds)} if mine else {}
            rows.put(
                connection,
                evaluation_id,
                done=found.done + len(added),
                failed=found.failed + sum(result.passed is False for result in added),
                cost=found.cost + sum(result.cost or 0.0 for result in added),
                **lease,
            )
            return mine

    def results(self, evaluation_id: str, *, target: str | None = None) -> list[AttemptResult]:
        """What is there so far, of one target or of all, by target, case and repeat."""
        with self._reading() as connection:
            rows.known_evaluation(connection, evaluation_id)
            return rows.read_results(connection, evaluation_id, target)

    def result_keys(self, evaluation_id: str) -> set[tuple[str, str, int]]:
        """Which attempts have a result: (target, case_id, repeat)."""
        with self._reading() as connection:
            rows.known_evaluation(connection, evaluation_id)
            return rows.read_keys(connection, evaluation_id)

    def finish_evaluation(
        self,
        evaluation_id: str,
        *,
        runner: str,
        state: Literal["done", "failed"] = "done",
        facts: Mapping[str, Any] | None = None,
        error: str = "",
    ) -> Evaluation:
        """Its runner says that it is over, and what came of it. Raises EvaluationOverError where another has taken over."""
        with appending(self._engine) as connection:
            found = rows.known_evaluation(connection, evaluation_id, locked=True)
            _going_on(found)
            if found.runner != runner:
                raise EvaluationOverError(
                    f"evaluation {evaluation_id} is run by {found.runner or 'nobody'} now, not by {runner}",
                    param="evaluation_id",
                )
            over = {"state": state, "facts": None if facts is None else dict(facts), "error": error}
            rows.put(connection, evaluation_id, **over, ended_at=self._clock(), lease_until=None)
            return rows.known_evaluation(connection, evaluation_id)

    def release_evaluation(self, evaluation_id: str, runner: str) -> None:
        """Its runner stops before the end, and lets others go on at once: on a shutdown, for one."""
        with appending(self._engine) as connection:
            found = rows.known_evaluation(connection, evaluation_id, locked=True)
            if found.state == "running" and found.runner == runner:
                rows.put(connection, evaluation_id, state="queued", runner="", lease_until=None)

    def cancel_evaluation(self, evaluation_id: str, *, by: Principal) -> Evaluation:
        """Stop an evaluation; its results stay. The runner notices when it next says that it is alive."""
        with appending(self._engine) as connection:
            found = rows.known_evaluation(connection, evaluation_id, locked=True)
            permit(by, "evaluate", slug=found.slug)
            _going_on(found)
            said = f"cancelled by {by.name}"
            rows.put(connection, evaluation_id, state="cancelled", error=said, ended_at=self._clock(), lease_until=None)
            return rows.known_evaluation(connection, evaluation_id)


def _going_on(found: Evaluation) -> None:
    if found.state in OVER:
        raise EvaluationOverError(f"evaluation {found.evaluation_id} is {found.state} already", param="evaluation_id")
