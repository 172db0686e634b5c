"""How the content of cases goes for good, where somebody's erasure asks for it: what came from a call of theirs, and answers to it.

Knows what must stay: versions of datasets with the case's id, its hash, and what people said about it, so that the history can still be
checked. Refuses to know whose call it was, and files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from registry.roles import Principal
from registry.storage.datasets import ERASED
from registry.storage.tables import dataset_cases, dataset_versions, evaluation_results, evaluations
from registry.writing.ledger import Act, enter, next_stamp
from registry.writing.writer import Writer, note

_AT_ONCE = 500
_GONE = "(erased)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedCases:
    """What went, or would go: cases of datasets, and results of evaluations."""

    cases: int = 0
    results: int = 0


class ErasureWrites(Writer):
    """Erasures."""

    def cases_of_calls(self, call_ids: Collection[str]) -> list[str]:
        """The cases of all versions of all datasets that came from these calls, by their ids."""
        found: set[str] = set()
        with self._reading() as connection:
            for members in connection.execute(select(dataset_versions.c.members)).scalars():
                found |= {case_id for case_id, about in members if about.get("source", {}).get("call_id") in call_ids}
        return sorted(found)

    def erase_cases(
        self, case_ids: Sequence[str], *, reason: str = "", by: Principal, dry_run: bool = False
    ) -> ErasedCases:
        """Takes away the content of cases and what was answered to them; their ids and hashes stay. Done again, it does nothing."""
        if not case_ids:
            return ErasedCases()
        with self._writing() as connection:
            if self._sqlite:  # else what was deleted lies in the file until something else needs its place
                connection.exec_driver_sql("PRAGMA secure_delete = ON")
            there = [each for some in _in_parts(case_ids) for each in _with_content(connection, some)]
            results = sum(_results(connection, some) for some in _in_parts(case_ids))
            if not dry_run:
                for some in _in_parts(case_ids):
                    connection.execute(delete(evaluation_results).where(evaluation_results.c.case_id.in_(some)))
                for some in _in_parts(there):
                    connection.execute(
                        update(dataset_cases).where(dataset_cases.c.case_id.in_(some)).values(content=ERASED)
                    )
                _rename(connection, frozenset(case_ids))
                if there:
                    act = Act(action="dataset.erase", slug="", by=by, reason=note(reason, "reason"))
                    enter(connection, act.about(evidence={"cases": there}), next_stamp(connection, self._clock()))
        if self._sqlite and not dry_run:
            with self._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return ErasedCases(cases=len(there), results=results)

    @property
    def _sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"


def _with_content(connection: Connection, case_ids: Sequence[str]) -> list[str]:
    query = select(dataset_cases.c.case_id, dataset_cases.c.content).where(dataset_cases.c.case_id.in_(case_ids))
    return sorted(row.case_id for row in connection.execute(query) if row.content != ERASED)


def _results(connection: Connection, case_ids: Sequence[str]) -> int:
    query = select(func.count()).where(evaluation_results.c.case_id.in_(case_ids))
    return int(connection.execute(query).scalar_one())


def _rename(connection: Connection, case_ids: frozenset[str]) -> None:
    """What evaluations found of these cases keeps its figures, and loses the words."""
    query = select(evaluations.c.evaluation_id, evaluations.c.facts).where(evaluations.c.facts.is_not(None))
    for row in connection.execute(query).all():
        told = _without_words(row.facts, case_ids)
        if told != row.facts:
            here = evaluations.c.evaluation_id == row.evaluation_id
            connection.execute(update(evaluations).where(here).values(facts=told))


def _without_words(value: Any, case_ids: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        told = {name: _without_words(each, case_ids) for name, each in value.items()}
        return {**told, "name": _GONE, "reason": ""} if value.get("case_id") in case_ids else told
    return [_without_words(each, case_ids) for each in value] if isinstance(value, list) else value


def _in_parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]
