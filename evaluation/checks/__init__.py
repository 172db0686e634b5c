"""Checks: what an output of an evaluation must pass. The vocabulary is promptfoo's
(https://www.promptfoo.dev/docs/configuration/expected-outputs/), the kinds are plain callables in one list (`kinds.py`).

    Check -> value with the case's variables -> what the kind takes -> Outcome -> CheckResult
             (`rendering.py`)                   (`values.py`)          (`kinds.py`)  (`running.py`)

Pure ones look at the output alone; a few ask a model or run somebody's own Python, with what they are handed. A check that can't decide
says so with its reason: undecided is never a pass. Refuses to know how a model is reached, and what follows from the results.
"""
