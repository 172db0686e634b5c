"""The supervisor's care for its children."""

import os
import sys
import time

from slugline.supervisor import Child

TAKES_ITS_TIME = """
import signal, sys, time
time.sleep(0.5)  # still importing
taken = []
signal.signal(signal.SIGTERM, lambda *_: taken.append(True))
from slugline.process import accept_signals
accept_signals()
sys.exit(0 if taken else 5)
"""


def child(code: str) -> Child:
    return Child("child", [sys.executable, "-c", code], dict(os.environ))


def test_sigterm_for_a_child_that_still_starts_reaches_its_handler() -> None:
    started = child(TAKES_ITS_TIME)
    started.start()
    started.ask_to_end()
    assert started.end(time.monotonic() + 30) == 0


def test_a_child_that_does_not_end_is_killed() -> None:
    stubborn = child("import time; time.sleep(600)")  # SIGTERM is held back and never taken
    stubborn.start()
    stubborn.ask_to_end()
    assert stubborn.end(time.monotonic() + 0.2) == -9


def test_a_child_that_dies_is_started_again_at_once_and_then_ever_more_slowly() -> None:
    dying = child("pass")
    dying.start()
    starts, pauses = 1, []
    for _ in range(4):
        assert dying.process is not None
        dying.process.wait(30)
        before = dying.started
        now = time.monotonic()
        dying.tend(now)
        if dying.process is None:
            pauses.append(round(dying.due - now, 3))
            dying.tend(dying.due)
        assert dying.started > before
        starts += 1
    assert starts == 5
    assert pauses == [0.4, 0.8, 1.6]
    dying.end(time.monotonic() + 30)


def test_a_childs_standard_input_closes_with_its_parent() -> None:
    started = child("import os, sys; sys.exit(0 if os.read(0, 1) == b'' else 5)")
    started.start()
    assert started.process is not None
    assert started.process.stdin is not None
    started.process.stdin.close()
    assert started.end(time.monotonic() + 30) == 0
