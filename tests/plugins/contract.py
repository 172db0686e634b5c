"""Counts the contract: in the run's last lines, how many of each client's cases work through Slugline as they do directly.

A case is a test with the property "contract", whose value is the client's name. Works under xdist: properties travel with reports.
"""

from collections import Counter

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    cases: Counter[str] = Counter()
    working: Counter[str] = Counter()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            client = dict(getattr(report, "user_properties", ())).get("contract")
            if client and report.when == "call":
                cases[client] += 1
                working[client] += outcome == "passed"
    if cases:
        told = ", ".join(f"{client} {working[client]} of {count}" for client, count in sorted(cases.items()))
        terminalreporter.write_line(f"through Slugline as directly: {told}")
