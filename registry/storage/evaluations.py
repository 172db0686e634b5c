"""Rows to values, and the statements on them: evaluations and the results of their attempts.

Knows how both lie in the tables. Refuses to know transactions and who may write. None of these rows makes a revision: while an evaluation
runs they are written several times a second, and nobody who serves calls reads them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update

from registry.errors import EvaluationNotFoundError
from registry.evaluations import AttemptResult, Evaluation
from registry.storage.tables import evaluation_results, evaluations

_AT_ONCE = 500


def read_evaluations(connection: Connection, where: Any = None, *, limit: int = 100) -> list[Evaluation]:
    """Evaluations, newest first; those that meet a condition on the table evaluations."""
    query = select(evaluations).order_by(evaluations.c.created_at.desc(), evaluations.c.evaluation_id.desc())
    if where is not None:
        query = query.where(where)
    return [Evaluation(**row) for row in connection.execute(query.limit(limit)).mappings()]


def known_evaluation(connection: Connection, evaluation_id: str, *, locked: bool = False) -> Evaluation:
    """One evaluation; `locked` holds its row until the transaction ends. Raises EvaluationNotFoundError."""
    query = select(evaluations).where(evaluations.c.evaluation_id == evaluation_id)
    row = connection.execute(query.with_for_update() if locked else query).mappings().first()
    if row is None:
        raise EvaluationNotFoundError(f"no evaluation has the id '{evaluation_id[:80]}'", param="evaluation_id")
    return Evaluation(**row)


def next_free(connection: Connection, now: datetime) -> Evaluation | None:
    """The oldest evaluation that waits for a runner, or whose runner has not been heard of. Its row is held; None if there is none."""
    abandoned = (evaluations.c.state == "running") & (evaluations.c.lease_until < now)
    query = select(evaluations).where(or_(evaluations.c.state == "queued", abandoned))
    query = query.order_by(evaluations.c.created_at, evaluations.c.evaluation_id).limit(1)
    row = connection.execute(query.with_for_update(skip_locked=True)).mappings().first()
    return None if row is None else Evaluation(**row)


def put(connection: Connection, evaluation_id: str, **values: Any) -> None:
    """Change an evaluation's row."""
    connection.execute(update(evaluations).where(evaluations.c.evaluation_id == evaluation_id).values(values))


def read_results(connection: Connection, evaluation_id: str, target: str | None = None) -> list[AttemptResult]:
    """The results of an evaluation, of one target or of all, by target, case and repeat."""
    table = evaluation_results
    query = select(table).where(table.c.evaluation_id == evaluation_id)
    if target is not None:
        query = query.where(table.c.target == target)
    rows = connection.execute(query).mappings()
    found = [AttemptResult(**{name: row[name] for name in row if name != "evaluation_id"}) for row in rows]
    return sorted(found, key=lambda result: result.key)


def read_keys(connection: Connection, evaluation_id: str) -> set[tuple[str, str, int]]:
    """Which attempts have a result."""
    table = evaluation_results
    query = select(table.c.target, table.c.case_id, table.c.repeat).where(table.c.evaluation_id == evaluation_id)
    return {(row.target, row.case_id, row.repeat) for row in connection.execute(query)}


def add_results(connection: Connection, evaluation_id: str, results: Sequence[AttemptResult]) -> list[AttemptResult]:
    """Add those whose attempt has none yet; gives them. The evaluation's row must be held: nobody else adds to it meanwhile."""
    table, added = evaluation_results, []
    for some in _in_parts(list({result.key: result for result in results}.values())):
        near = select(table.c.target, table.c.case_id, table.c.repeat).where(
            table.c.evaluation_id == evaluation_id, table.c.case_id.in_({result.case_id for result in some})
        )
        there = {(row.target, row.case_id, row.repeat) for row in connection.execute(near)}
        new = [result for result in some if result.key not in there]
        if new:
            names = ("target", "case_id", "repeat", "passed", "cost", "result")
            connection.execute(
                insert(table),
                [{"evaluation_id": evaluation_id, **{name: getattr(each, name) for name in names}} for each in new],
            )
        added += new
    return added


def _in_parts(results: Sequence[AttemptResult]) -> Iterator[Sequence[AttemptResult]]:
    for start in range(0, len(results), _AT_ONCE):
        yield results[start : start + _AT_ONCE]
