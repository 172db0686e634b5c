"""Triggers by which the database itself refuses what must never happen to a table.

Knows how SQLite and PostgreSQL spell such a trigger, and nothing of what it protects. Used by migrations only, so what these
functions emit for a step that was released never changes: a new spelling is a new function.

`when` is a condition on NEW and OLD that both databases understand, with subqueries where need be; without one the operation is
always refused. `name` is the trigger's, unique in its database. See https://www.sqlite.org/lang_createtrigger.html and
https://www.postgresql.org/docs/current/plpgsql-trigger.html.
"""

from __future__ import annotations

from typing import Literal

import sqlalchemy as sa
from alembic import op

Operation = Literal["INSERT", "UPDATE", "DELETE"]


def refuse(operation: Operation, table: str, message: str, *, name: str, when: str | None = None) -> None:
    """Refuse an operation on a table's rows, all of them or `when` a condition holds, with a message for people.

    On PostgreSQL whoever may not delete may not TRUNCATE either, with a condition or without: it asks nobody about single rows.
    """
    if _dialect() == "sqlite":
        condition = "" if when is None else f"\n    WHEN {when}"
        _run(
            f"CREATE TRIGGER {name} BEFORE {operation} ON {table}{condition}\n"
            f"    BEGIN SELECT RAISE(ABORT, {_quoted(message)}); END"
        )
        return
    raised = f"RAISE EXCEPTION USING MESSAGE = {_quoted(message)}, ERRCODE = 'integrity_constraint_violation';"
    # The condition stands in the function: a trigger's own WHEN takes no subqueries.
    _function(name, f"IF {when or 'TRUE'} THEN {raised} END IF; RETURN {'OLD' if operation == 'DELETE' else 'NEW'};")
    _run(f"CREATE TRIGGER {name} BEFORE {operation} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
    if operation == "DELETE":
        _function(f"{name}_at_once", raised)
        _run(
            f"CREATE TRIGGER {name}_at_once BEFORE TRUNCATE ON {table} FOR EACH STATEMENT "
            f"EXECUTE FUNCTION {name}_at_once()"
        )


def refuse_replacing(table: str, message: str, *, name: str, same: str) -> None:
    """Refuse SQLite's INSERT OR REPLACE of a row that has what makes it the `same` as NEW.

    REPLACE deletes rows without firing DELETE triggers (https://www.sqlite.org/lang_conflict.html). PostgreSQL has nothing of that
    kind: its ON CONFLICT DO UPDATE is an update, and is refused as one.
    """
    if _dialect() == "sqlite":
        refuse("INSERT", table, message, name=name, when=f"EXISTS (SELECT 1 FROM {table} WHERE {same})")


def _function(name: str, body: str) -> None:
    # The search path is kept with it: a restore from pg_dump runs with none.
    _run(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS "
        f"$guard$ BEGIN {body} END $guard$"
    )


def _dialect() -> str:
    return op.get_bind().dialect.name


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _run(statement: str) -> None:
    op.execute(sa.text(statement.replace(":", r"\:")))  # nothing in it is a parameter
