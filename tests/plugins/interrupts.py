"""Ctrl-C reaches what tests start, however the tests themselves were started.

A shell starts what it puts into the background with SIGINT ignored, and that is handed down to every child: a test that interrupts one
would wait for ever.
"""

import signal

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Gives SIGINT its usual meaning back."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
