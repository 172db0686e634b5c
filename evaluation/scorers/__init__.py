"""Scorers: what is said of an answer without a person. Checks are pure functions in one list (`kinds.py`); a judge is a model.

    row of `calls` -> subject -> checks -> scores          (`subject.py`, `kinds.py`, `scoring.py`)
    segment of calls -> scores in the spool, tasks for judges   (`segments.py`)
    task -> rubric prompt -> verdict -> score              (`judge.py`, `judging.py`)

Refuses to know how a call reaches a provider: a judge is handed something that asks.
"""
